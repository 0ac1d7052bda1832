"""The figures of recorded sweeps: `records/figures.json` says which part of which sweep each shows and
how it is drawn: rows with intervals, curves over an axis, a history with bands, lines over variants,
or a map over two axes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trlab.base import base_of_runs
from trlab.drawing.display_names import display_name, key_of
from trlab.drawing.looks import COLOURS, HUES, INK, look
from trlab.drawing.rates import written_rate
from trlab.drawing.sweeps import bands, curves, intervals
from trlab.findings import at, finished
from trlab.measures import derive
from trlab.questions import RECORDS
from trlab.statistics import interval, iqm
from trlib.errors import unknown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawn

    from trlab.sweep import Sweep

ONE = len(COLOURS)
"""Curves that share a panel at most; more get a panel each, with the others behind."""
MAPS = 3
"""Maps beside each other."""
FULL = 0.45
"""How much of its square's height the bar of a 1 fills; the number stands above."""
WIDTH = 3.9
"""Inches of a figure of one panel, which reads on a page and on a phone."""
BEHIND: dict[str, Any] = {"color": "gray", "ls": "-", "lw": 0.7, "alpha": 0.35, "label": "_"}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure of a recorded sweep."""

    sweep: str
    kind: Literal["intervals", "curves", "history", "panels", "map"]
    text: str
    """What it shows, in a sentence: its caption."""
    at: Mapping[str, str] = field(default_factory=dict)
    """The point of each axis that it does not show."""
    only: Sequence[str] = ()
    """Labels of the variants that it shows; empty: all."""
    called: Mapping[str, Any] = field(default_factory=dict)
    """What a reader calls variants, where their labels are not plain; of `panels` a variant's place and
    its line."""
    hues: Mapping[str, str] = field(default_factory=dict)
    """By what a colour stands for (a line of `panels`, a row that decides): a key of `look`."""
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Of rows: what stands above some of them. The highest of a group comes first."""
    said: Mapping[str, str] = field(default_factory=dict)
    """Of rows that decide: a word beside the number."""
    panels: Mapping[str, str] = field(default_factory=dict)
    """The points of `along`, each a panel, with their titles."""
    like: str = ""
    """Another figure, which has what this one does not say."""
    along: str = ""
    """An axis of the sweep: the horizontal one, or what `hues` or `panels` divide."""
    axis: str = ""
    """What a reader calls it."""
    up: str = ""
    """Of a map: the vertical axis of the sweep."""
    upwards: str = ""
    """What a reader calls it."""
    measure: str = "sampled"
    """A measure of the record, or a column of the history; with `@0.7` where a run's reward reaches
    that."""
    words: str = "sampled accuracy"
    """What a reader calls the measure."""
    control: str = ""
    """Of curves: a cross marks where another variant first lies `drop` below this one."""
    drop: float = 0.0
    line: float | None = None
    """Where a dotted line stands."""

    @property
    def alt(self) -> str:
        """What it shows, in a few words."""
        what = self.words if self.kind != "history" else f"mean of {self.words}"
        axes = " and ".join(filter(None, (self.upwards, self.axis)))
        return f"{what[0].upper()}{what[1:]}{f' over {axes}' if axes else ''}"

    def of(self, runs: pd.DataFrame) -> pd.DataFrame:
        """Its part of a sweep's finished runs."""
        here = finished(at(runs, self.at))
        return here[here["label"].isin(self.only)] if self.only and len(here) else here

    def arms(self, runs: pd.DataFrame) -> dict[str, str]:
        """Its variants with the names that a reader knows."""
        labels = dict.fromkeys(runs["label"])
        first = [label for label in self.called if label in labels]
        return {label: self.called.get(label, display_name(label)) for label in (*first, *labels)}


@cache
def figures() -> dict[str, Figure]:
    """Every figure by its name."""
    found = json.loads((RECORDS / "figures.json").read_text(encoding="utf-8"))
    return {name: Figure(**found.get(one.get("like"), {}) | one) for name, one in found.items()}


def figure(name: str) -> Figure:
    """A figure by its name.

    Raises:
        ValueError: there is none of that name (the nearest is suggested).
    """
    if name not in figures():
        raise unknown("figure", name, figures())
    return figures()[name]


def draw(figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame) -> Drawn:
    """The figure from a sweep's runs and histories, the record's or others of the same design.
    Variants without a finished run there are left out.

    Raises:
        ValueError: no variant can be drawn.
    """
    import matplotlib.pyplot as plt

    runs = figure.of(derive(runs, history, sweep.every))
    if not len(runs):
        raise ValueError(
            f"runs: expected finished runs of the sweep {figure.sweep!r} where the figure shows "
            "them, got none"
        )
    kinds = {
        "intervals": _rows,
        "curves": _curves,
        "history": _bands,
        "panels": _side_by_side,
        "map": _map,
    }
    drawn = kinds[figure.kind](figure, sweep, runs, history)
    plt.close(drawn)
    return drawn


def _looks(arms: Mapping[str, str], *, apart: bool = False) -> dict[str, str]:
    """The look of each variant: its method's; anything else has the first colour, or where they must
    be told `apart` one that is left."""
    keys = {
        label: next(filter(None, (key_of(one) for one in (name, label, name.split(", ")[0]))), None)
        for label, name in arms.items()
    }
    if not apart:
        return {label: key or COLOURS[0] for label, key in keys.items()}
    taken = {str(look(key)["color"]) for key in keys.values() if key}
    left = iter([*(colour for colour in COLOURS if colour not in taken), *COLOURS])
    return {label: key or next(left) for label, key in keys.items()}


def _rows(figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame) -> Drawn:
    import matplotlib.pyplot as plt

    arms, measure = figure.arms(runs), figure.measure
    looks, places = _looks(arms), {label: float(row) for row, label in enumerate(arms)}
    heads: dict[float, str] = {}
    if figure.groups:
        ends = runs.groupby("label")[measure].agg(iqm)
        places = {}
        for group, labels in figure.groups.items():
            here = sorted(arms.keys() & labels, key=lambda label: -ends[label])
            first = len(places) + len(heads)
            heads[first] = group
            places |= {label: first + row for row, label in enumerate(here, 1)}
        looks = {**dict.fromkeys(arms, INK), **figure.hues}
    drawn, ax = plt.subplots(figsize=(WIDTH, 0.9 + 0.3 * (len(arms) + len(heads))))
    start = base_of_runs(sweep, runs["cell"])
    if measure == "sampled":
        x = start.value if start else runs["start"].mean()
        ax.axvline(x, color="gray", ls=":", lw=1)
        ax.annotate(
            "before training",
            (x, 1),
            (0, 2),
            xycoords=ax.get_xaxis_transform(),
            textcoords="offset points",
            ha="center",
            va="bottom",
            size="small",
        )
    arms = {label: arms[label] for label in places}
    intervals(
        ax,
        runs,
        arms,
        measure=measure,
        looks=[looks[label] for label in arms],
        rows=[*places.values()],
    )
    rows = dict(sorted({**heads, **{row: arms[label] for label, row in places.items()}}.items()))
    ax.set_yticks([*rows], [*rows.values()])
    for row, text in zip(rows, ax.get_yticklabels(), strict=True):
        text.set_fontweight("bold" if row in heads else "normal")
    for label, word in figure.said.items():
        own = interval(runs.loc[runs["label"] == label, measure])
        right = own.low < 0.5
        ax.annotate(
            f"{own.value:.2f} {word}",
            (own.high if right else own.low, places[label]),
            (7 if right else -7, 0),
            textcoords="offset points",
            ha="left" if right else "right",
            va="center",
            color=look(figure.hues[label])["color"],
            fontweight="bold",
        )
    # A long one has room on the left, below the labels.
    ax.set_xlabel(f"{figure.words}; a stroke is a run", loc="right")
    ax.grid(axis="x")
    ax.tick_params(axis="y", length=0)
    return drawn


def _curves(figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame) -> Drawn:
    arms, along = figure.arms(runs), figure.along
    points = [*dict.fromkeys(runs[along])]
    places = {point: float(point) if along == "lr" else i for i, point in enumerate(points)}
    whole = runs.groupby("label")[along].nunique() == len(points)
    arms = {label: name for label, name in arms.items() if whole[label] or along == "lr"}
    means = runs.groupby(["label", along], sort=False)[figure.measure].agg(iqm)
    drawn, grid = _panels(len(arms))
    looks = _looks(arms, apart=len(arms) <= ONE)
    for ax, some in grid(arms):
        if len(some) < len(arms):
            for label in arms:
                ax.plot(means[label].index.map(places), means[label], **BEHIND)
        curves(
            ax,
            runs,
            some,
            along=along,
            measure=figure.measure,
            looks=[looks[label] for label in some],
        )
        for label in some if figure.drop else ():
            below = means[label] <= means[figure.control] - figure.drop + 1e-12
            if label != figure.control and below.any():
                first = below.idxmax()
                ax.plot(places[first], means[label][first], "x", color="gray", ms=9, mew=2)
    return _labelled(drawn, figure, len(arms))


def _bands(figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame) -> Drawn:
    arms = figure.arms(runs)
    history = history[history["cell"].isin(runs["cell"])]
    drawn, grid = _panels(len(arms))
    looks = _looks(arms, apart=len(arms) <= ONE)
    for ax, some in grid(arms):
        if len(some) < len(arms):
            for _, other in history.groupby("label"):
                ax.plot(other.groupby("batch")[figure.measure].mean(), **BEHIND)
        bands(
            ax,
            history,
            some,
            column=figure.measure,
            band="interval",
            looks=[looks[label] for label in some],
        )
        if figure.line is not None:
            ax.axhline(figure.line, color="gray", ls=":", lw=1)
    return _labelled(drawn, figure, len(arms))


def _panels(count: int) -> Any:
    """A figure, and what deals variants out to its panels: all into one, or one each."""
    import matplotlib.pyplot as plt

    if count <= ONE:
        drawn, ax = plt.subplots(figsize=(WIDTH, 3.0))
        return drawn, lambda arms: [(ax, arms)]
    across = 3 if count in (6, 9) else 4
    drawn, axes = _grid(count, across, 1.6 * -(-count // across) + 0.6)

    def deal(arms: Mapping[str, str]) -> Any:
        for ax, (label, name) in zip(axes.flat, arms.items(), strict=False):
            ax.set_title(name, fontsize="small")
            yield ax, {label: name}

    return drawn, deal


def _grid(count: int, across: int, height: float) -> Any:
    """A figure of so many inches with so many panels, `across` beside each other, and its axes."""
    import matplotlib.pyplot as plt

    drawn, axes = plt.subplots(
        -(-count // across),
        across,
        figsize=(6.8, height),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for ax in axes.flat[count:]:
        ax.remove()
    for ax in axes.flat[count - across : count]:  # the lowest of its column
        ax.tick_params(labelbottom=True)
    return drawn, axes


def _labelled(drawn: Drawn, figure: Figure, count: int) -> Drawn:
    for ax in drawn.axes:
        ax.grid(axis="y")
        ax.set(xlabel="", ylabel="")
    if count > ONE:
        if figure.along == "lr":  # all would touch; the panels share their axis
            ticks, names = ax.get_xticks(), [text.get_text() for text in ax.get_xticklabels()]
            ax.set_xticks(ticks[::2], names[::2])
        drawn.supxlabel(figure.axis, fontsize="medium")
        drawn.supylabel(figure.words, fontsize="medium")
    else:
        (ax,) = drawn.axes
        ax.set(xlabel=figure.axis, ylabel=figure.words)
        if count > 1:
            ax.legend()
    return drawn


def _over_places(
    ax: Axes, figure: Figure, runs: pd.DataFrame, part: str, label: str, style: dict[str, Any]
) -> None:
    """A line over the places of those variants that `called` gives to one part, with intervals."""
    places = [*dict.fromkeys(place for place, _ in figure.called.values())]
    ends = {
        places.index(place): interval(runs.loc[runs["label"] == variant, figure.measure])
        for variant, (place, own) in figure.called.items()
        if own == part
    }
    for x, end in ends.items():
        ax.plot([x, x], [end.low, end.high], "-", color=style["color"], lw=3, alpha=0.35)
    ax.plot([*ends], [end.value for end in ends.values()], label=label, **style)
    ax.set_xticks(range(len(places)), places)


def _side_by_side(figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame) -> Drawn:
    """A panel for each point of an axis, a line over places for each colour."""
    import matplotlib.pyplot as plt

    drawn, axes = plt.subplots(
        1, len(figure.panels), figsize=(6.8, 3.2), sharey=True, squeeze=False
    )
    for ax, (point, title) in zip(axes.flat, figure.panels.items(), strict=True):
        here = runs[runs[figure.along] == point]
        for name, key in figure.hues.items():
            _over_places(ax, figure, here, name, name, look(key, marker=True))
        ax.set(title=title, xlabel=figure.axis, ylim=(0, 1))
        ax.grid(axis="y")
        ax.legend()
    axes[0, 0].set_ylabel(figure.words)
    return drawn


def _map(figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame) -> Drawn:
    """A panel for each variant, in it a square with a bar and its number for every pair of points."""
    import matplotlib.pyplot as plt

    arms = figure.arms(runs)
    ends = runs.groupby(["label", figure.up, figure.along], sort=False)[figure.measure].agg(iqm)
    drawn, axes = _grid(len(arms), MAPS, 1.5 * -(-len(arms) // MAPS) + 0.5)
    points = {axis.name: [label for label, _ in axis.points()] for axis in sweep.axes}
    across, above = points[figure.along], points[figure.up]
    for ax, (label, name) in zip(axes.flat, arms.items(), strict=False):
        table = ends[label].unstack().reindex(index=above, columns=across).to_numpy()
        for (y, x), value in np.ndenumerate(table):
            if np.isfinite(value):
                bar = plt.Rectangle((x, y), 1, FULL * value, facecolor=HUES["good"])
                ax.add_patch(bar)
                ax.text(x + 0.5, y + 0.73, f"{value:.2f}", ha="center", va="center", size="small")
        for line in range(1, len(across)):
            ax.axvline(line, color=INK, lw=0.5)
        for line in range(1, len(above)):
            ax.axhline(line, color=INK, lw=0.5)
        ax.set(xlim=(0, len(across)), ylim=(0, len(above)))
        ax.set_title(name, fontsize="small")
        ax.set_xticks(np.arange(len(across)) + 0.5, across)
        names = [written_rate(float(one)) if figure.up == "lr" else one for one in above]
        ax.set_yticks(np.arange(len(above)) + 0.5, names)
        ax.tick_params(length=0)
    for ax in axes[:, 0]:
        ax.set_ylabel(figure.upwards)
    drawn.supxlabel(figure.axis, fontsize="medium")
    return drawn
