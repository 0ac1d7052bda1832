"""Figures of sweeps: intervals, performance profiles, probabilities of improvement.

A figure is an SVG whose text and axes take the colour and font of the page around it (`currentColor`), on no
background, so it reads in light and in dark. Series differ by dash and marker as well as by colours that are told apart
with any colour vision and stand out (3 : 1) from white and from the book's dark page.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trlib.evaluation import Estimate
from trlib.lab.statistics import Scores, improvement, interval, performance_profile, profile_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#7b7b7c"
"""Stands for the page's own colour until the SVG is written; where only a bitmap can be shown it reads on both."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", INK)
"""Okabe and Ito's, without those that vanish on white or on the dark page."""
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
MOST = len(COLOURS) * len(DASHES)
"""Series that one figure tells apart."""


@dataclass(frozen=True)
class Drawing:
    """A figure with the sentence that says what it shows to who cannot see it."""

    figure: Figure
    alt: str

    def svg(self) -> str:
        """The figure as an inline SVG element."""
        import matplotlib as mpl

        buffer = io.StringIO()
        # Without a salt of its own every figure's clip paths have random names, and no two builds agree.
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": self.alt}):
            self.figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
        text = buffer.getvalue()
        text = text[text.index("<svg"):]
        text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px; font-family: inherit", text)  # one release's way
        text = re.sub(r"font-family: [^;\"]*", "font-family: inherit", text)  # and another's
        text = text.replace(INK, "currentColor")
        label = f'<svg role="img" aria-label="{html.escape(self.alt)}" style="max-width: 100%; height: auto"'
        return text.replace("<svg", label, 1)

    def save(self, path: str | Path) -> None:
        """Write the SVG to a file of its own, where it is drawn in a grey that reads on light and dark."""
        Path(path).write_text(self.svg().replace("<svg", f'<svg color="{INK}"', 1), encoding="utf-8")

    def _repr_html_(self) -> str:
        return f"<div>{self.svg()}</div>"


def intervals(scores: Mapping[str, Scores], *, measure: str, alt: str | None = None,
              reference: float | None = None) -> Drawing:
    """Interquartile mean and 95 % stratified bootstrap interval of each variant, a row each, every run behind it.

    Args:
        scores: by label: runs by tasks [N, M], or a sequence of runs for each task.
        measure: the horizontal axis's label.
        alt: what the figure shows, in a sentence; None: the numbers, one after the other.
        reference: where a dotted line stands (the base model).
    """
    found = {label: interval(values) for label, values in scores.items()}
    figure, ax = _rows(list(found), measure)
    for row, (label, estimate) in enumerate(found.items()):
        _bar(ax, row, estimate)
        runs = np.concatenate([np.ravel(task) for task in _as_tasks(scores[label])])
        ax.plot(runs, np.full(len(runs), row), linestyle="", marker="|", color=INK, markersize=10)
    if reference is not None:
        ax.axvline(reference, color=INK, linestyle=":", linewidth=1)
    return Drawing(figure, alt or _said(f"Interquartile mean of {measure} with 95 % interval", found))


def improvements(pairs: Mapping[str, tuple[Scores, Scores]], *, alt: str | None = None) -> Drawing:
    """The probability that a run of X is above a run of Y, a row for each pair, with its 95 % interval.

    Args:
        pairs: by label, such as `TROLL > PPO`: the scores of X and of Y.
    """
    found = {label: improvement(x, y) for label, (x, y) in pairs.items()}
    figure, ax = _rows(list(found), "probability of improvement")
    for row, estimate in enumerate(found.values()):
        _bar(ax, row, estimate)
    ax.axvline(0.5, color=INK, linestyle=":", linewidth=1)
    ax.set_xlim(-0.02, 1.02)
    return Drawing(figure, alt or _said("Probability of improvement with 95 % interval", found))


def profiles(scores: Mapping[str, Scores], *, measure: str, thresholds: Sequence[float] | np.ndarray | None = None,
             alt: str | None = None) -> Drawing:
    """Performance profiles: the share of runs above each threshold, with pointwise 95 % bands.

    Raises:
        ValueError: more variants than can be told apart.
    """
    if len(scores) > MOST:
        raise ValueError(f"scores: expected at most {MOST} variants in one figure, got {len(scores)}")
    figure, ax = _axes(6.4, 3.6)
    at = np.linspace(0, 1, 101) if thresholds is None else np.asarray(thresholds, dtype=np.float64)
    for i, (label, values) in enumerate(scores.items()):
        colour, low_high = COLOURS[i % len(COLOURS)], profile_interval(values, at)
        ax.fill_between(at, *low_high, color=colour, alpha=0.15, linewidth=0, step="post")
        ax.plot(at, performance_profile(values, at), color=colour, linestyle=DASHES[i % len(DASHES)], linewidth=1.8,
                drawstyle="steps-post", marker=MARKERS[i % len(MARKERS)], markersize=4,
                markevery=(2 * i % 15, max(1, len(at) // 7)), label=label)
    ax.set(xlabel=f"{measure}, τ", ylabel="share of runs above τ", ylim=(-0.02, 1.02), xlim=(at[0], at[-1]))
    legend = ax.legend(frameon=False, fontsize="small", handlelength=3.2)
    for text in legend.get_texts():
        text.set_color(INK)
    medians = {label: at[np.argmin(performance_profile(values, at) > 0.5)] for label, values in scores.items()}
    said = ", ".join(f"{label} {value:.2f}" for label, value in medians.items())
    return Drawing(figure, alt or f"Share of runs whose {measure} is above a threshold; half of the runs lie above: "
                                  f"{said}.")


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure in the page's ink, on no background, that matplotlib's windows and notebooks do not show."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="none")
    ax = figure.subplots()
    ax.set_facecolor("none")
    ax.spines[["top", "right"]].set_visible(False)
    for spine in ax.spines.values():
        spine.set_color(INK)
    ax.tick_params(colors=INK, labelsize="small")
    ax.xaxis.label.set_color(INK)
    ax.yaxis.label.set_color(INK)
    return figure, ax


def _rows(labels: Sequence[str], xlabel: str) -> tuple[Figure, Axes]:
    """Axes with a row a label, the first on top."""
    if not labels:
        raise ValueError("scores: expected at least one variant, got none")
    figure, ax = _axes(6.4, 0.9 + 0.34 * len(labels))
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.set_xlabel(xlabel)
    ax.grid(axis="x", color=INK, alpha=0.25, linewidth=0.6)
    ax.tick_params(axis="y", length=0)
    return figure, ax


def _bar(ax: Axes, row: int, estimate: Estimate) -> None:
    ax.plot([estimate.low, estimate.high], [row, row], color=COLOURS[0], linewidth=4,
            solid_capstyle="butt")
    ax.plot([estimate.value], [row], marker="o", color=COLOURS[1], markersize=6)


def _as_tasks(scores: Scores) -> Sequence[Any]:
    nested = isinstance(scores, np.ndarray) or np.ndim(scores[0]) > 0
    return list(scores) if nested else [scores]


def _said(what: str, found: Mapping[str, Estimate]) -> str:
    return f"{what}: " + "; ".join(f"{label} {estimate:.2f}" for label, estimate in found.items()) + "."
