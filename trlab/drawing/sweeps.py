"""Recorded arms on matplotlib's axes, by one call.

    fig, ax = plt.subplots()
    bands(ax, "basin", {"ppo": "PPO's clip", "pg_is": "no region"}, lr=1e-4)
    ax.set_ylim(0, 1)
    ax.legend()

`bands` draws a column of the histories over batches, `curves` the ends of runs over learning rates
or another axis, `intervals` a row for each arm. `arms` are labels of the sweep, or labels with the
names that a reader sees; keywords pick points of its axes (`lr=1e-4, uses=16`). An arm has the look
of its method, or that of `looks`: keys of `look`, or colours of matplotlib.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trlab.drawing.display_names import key_of
from trlab.drawing.looks import DASHES, LOOKS, MARKERS, look
from trlib.errors import unknown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Arms = Mapping[str, str] | Iterable[str]
SHADE: dict[str, Any] = {"alpha": 0.2, "linewidth": 0}
MOST = 256
"""Points of a line over batches; of a longer run each is the mean of as many batches as that takes."""
FEW = 8
"""Runs below which each is drawn, in the place of an interval."""


def bands(
    ax: Axes,
    sweep: str | os.PathLike[str] | pd.DataFrame,
    arms: Arms,
    *,
    column: str = "reward",
    band: Literal["interval", "range"] = "range",
    looks: Sequence[str] = (),
    **at: Any,
) -> None:
    """Each arm's mean over its runs, batch by batch, on a band from the lowest to the
    highest run, or its interquartile mean on a pointwise 95 % interval; the axes are named.

    Args:
        sweep: its name, the folder of one of your own, or histories (a row for each run and batch).
        column: of the history.

    Raises:
        ValueError: no such arm, column or point; the message names those that there are.
    """
    from trlab import statistics

    for rows, name, style in _arms(sweep, arms, looks, at, column, history=True):
        runs = rows.pivot_table(index="batch", columns="seed", values=column)
        several = max(1, len(runs) // MOST)
        runs = runs.groupby(runs.index // several * several).mean()
        line, low, high = runs.mean(axis=1), runs.min(axis=1), runs.max(axis=1)
        if band == "interval":
            line, low, high = statistics.band(runs.to_numpy(float).T)
        ax.fill_between(runs.index, low, high, color=style["color"], **SHADE)
        ax.plot(runs.index, line, label=name, **style)
    ax.set(xlabel="batch", ylabel=column)


def curves(
    ax: Axes,
    sweep: str | os.PathLike[str] | pd.DataFrame,
    arms: Arms,
    *,
    along: str = "lr",
    measure: str = "sampled",
    band: Literal["interval", "range"] = "interval",
    looks: Sequence[str] = (),
    **at: Any,
) -> None:
    """Each arm's ends over an axis of the sweep: the interquartile mean of its runs, with a 95 %
    interval as a band, or with every run where there are fewer than eight. Rates lie on a
    logarithmic axis; other points are evenly spaced, in the record's order.

    Args:
        sweep: its name, the folder of one of your own, or a table of runs.
        along: the axis.
        measure: a column of the runs.
        band: `range` goes from the lowest run to the highest.

    Raises:
        ValueError: no such arm, column or point; the message names those that there are.
    """
    from trlab.statistics import interval, iqm

    drawn = list(_arms(sweep, arms, looks, at, measure, marker=True))
    points = list(dict.fromkeys(point for rows, *_ in drawn for point in rows[along]))
    rates = along == "lr"
    places = dict(zip(points, map(float, points) if rates else range(len(points)), strict=True))
    for rows, name, style in drawn:
        ends = {places[at]: own[measure].to_numpy(float) for at, own in rows.groupby(along)}
        ends = dict(sorted(ends.items()))
        if band == "range" or min(map(len, ends.values())) >= FEW:
            bounds = [
                (min(runs), max(runs)) if band == "range" else (one.low, one.high)
                for runs in ends.values()
                for one in (interval(runs),)
            ]
            low, high = zip(*bounds, strict=True)
            ax.fill_between(list(ends), low, high, color=style["color"], **SHADE)
        else:
            for place, runs in ends.items():
                ax.plot([place] * len(runs), runs, "_", color=style["color"], markersize=5)
        ax.plot(list(ends), [iqm(runs) for runs in ends.values()], label=name, **style)
    if rates:
        ax.set_xscale("log")
    ax.set_xticks(list(places.values()), [_plain(point) for point in points])
    ax.minorticks_off()


def intervals(
    ax: Axes,
    sweep: str | os.PathLike[str] | pd.DataFrame,
    arms: Arms,
    *,
    measure: str = "sampled",
    looks: Sequence[str] = (),
    rows: Sequence[float] = (),
    **at: Any,
) -> None:
    """A row for each arm: the interquartile mean of its runs as a mark, its 95 % interval as a
    stroke, and every run as a tick below.

    Args:
        sweep: its name, the folder of one of your own, or a table of runs.
        measure: a column of the runs.
        rows: where each stands, counted from above; empty: one below the other.

    Raises:
        ValueError: no such arm, column or point; the message names those that there are.
    """
    from trlab.statistics import interval

    names = {}
    for i, (own, name, style) in enumerate(_arms(sweep, arms, looks, at, measure, marker=True)):
        row = rows[i] if rows else i
        runs = own[measure].to_numpy(float)
        estimate = interval(runs)
        color = style["color"]
        ax.plot([estimate.low, estimate.high], [row, row], "-", color=color, lw=4, alpha=0.5)
        ax.plot(runs, np.full(len(runs), row + 0.3), "|", color="gray", markersize=5)
        ax.plot([estimate.value], [row], **{**style, "linestyle": ""}, label=name)
        names[row] = name
    ax.set_yticks([*names], [*names.values()])
    ax.set_ylim(max(names) + 0.6, -0.6)


def _arms(
    sweep: str | os.PathLike[str] | pd.DataFrame,
    arms: Arms,
    looks: Sequence[str],
    at: Mapping[str, Any],
    drawn: str,
    *,
    history: bool = False,
    marker: bool = False,
) -> Iterator[tuple[pd.DataFrame, str, dict[str, Any]]]:
    """The rows, the name and the look of each arm."""
    rows = _rows(sweep, history) if isinstance(sweep, str | os.PathLike) else sweep
    for column in (*at, drawn):
        if column not in rows:
            raise unknown("column", column, rows.columns)
    for axis, point in at.items():
        rows = _picked(rows, axis, point)
    named = arms if isinstance(arms, Mapping) else {arm: arm for arm in arms}
    for i, (label, name) in enumerate(named.items()):
        own = looks[i] if looks else key_of(label)
        if own in LOOKS:
            style = look(str(own), marker=marker)
        else:
            j = looks.index(own) if looks else i  # arms of one colour have one look
            style = {"color": own or f"C{i}", "linestyle": DASHES[j % len(DASHES)]}
            style |= {"marker": MARKERS[j % len(MARKERS)], "markersize": 5} if marker else {}
        yield _picked(rows, "label", label), name, style


def _rows(sweep: str | os.PathLike[str], history: bool) -> pd.DataFrame:
    """The histories of a sweep, or its runs with every measure that follows from them; of a sweep
    that is no longer kept, the ends of its runs."""
    from trlab.counted import recorded_runs
    from trlab.measures import derive
    from trlab.record import is_recorded, read, recorded

    if not history and isinstance(sweep, str) and is_recorded(sweep):
        return read(sweep)[1]
    if not history and not Path(sweep).is_dir():
        ends = recorded_runs().query("sweep == @sweep")
        if len(ends):
            return ends
    runs, histories = recorded(sweep)
    return histories if history else derive(runs, histories)


def _picked(rows: pd.DataFrame, axis: str, point: Any) -> pd.DataFrame:
    """The rows at one point of an axis, whether the table holds it as a number or as text."""
    picked = rows[rows[axis].map(_plain) == _plain(point)]
    if picked.empty:
        raise unknown(axis, str(point), list(dict.fromkeys(rows[axis].astype(str))))
    return picked


def _plain(point: Any) -> str:
    """A point of an axis as text: 1e-4, 0.0001 and "0.0001" are one."""
    try:
        value = float(point)
    except ValueError:
        return str(point)
    small = 0 < abs(value) < 0.01
    return (
        np.format_float_scientific(value, trim="-", exp_digits=1)
        if small
        else f"{round(value, 3):g}"
    )
