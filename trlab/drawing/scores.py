"""Figures of sweeps: intervals, and curves over an axis with bands.

A figure is a `trlab.drawing.figure.Drawing`: text and axes take the colour and font of the page around it,
on no background, so it reads in light and in dark. Series differ by dash and marker as well as by
colours that are told apart with any colour vision and stand out (3 : 1) from white and from the
book's dark page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trlab.drawing.figure import INK, Drawing, panels
from trlab.drawing.strokes import alone, line_of, lines, logarithmic, ruled
from trlab.statistics import (
    Scores,
    by_task,
    interval,
)
from trlib.evaluation import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def intervals(
    scores: Mapping[str, Scores],
    *,
    measure: str,
    reference: float | None = None,
) -> Drawing:
    """Interquartile mean and 95 % stratified bootstrap interval of each variant, a row each, every
    run a tick below it.

    Args:
        scores: by label: runs by tasks [N, M], or a sequence of runs for each task.
        measure: the horizontal axis's label.
        reference: where a dotted line stands (the base model).
    """
    estimates = {label: interval(values) for label, values in scores.items()}
    figure, ax = rows_of(list(estimates), measure)
    for row, (label, estimate) in enumerate(estimates.items()):
        bar(ax, row, estimate, alone(label))
        runs = np.concatenate(by_task("scores", scores[label]))
        ax.plot(
            runs,
            np.full(len(runs), row + 0.3),
            linestyle="",
            marker="|",
            color=INK,
            markersize=5,
            alpha=0.7,
        )
    if reference is not None:
        ax.axvline(reference, color=INK, linestyle=":", linewidth=1)
    return Drawing(
        figure, in_words(f"Interquartile mean of {measure} with 95 % interval", estimates)
    )


def curves(
    scores: Mapping[str, Mapping[float, Sequence[float] | np.ndarray]],
    *,
    along: str,
    measure: str,
    drop: float | None = None,
    control: str | None = None,
) -> Drawing:
    """Interquartile means over an axis, joined, with pointwise 95 % bands; the axis is logarithmic.

    Args:
        scores: label -> place on the axis (above 0) -> runs.
        along: the horizontal axis's label.
        measure: the vertical one's.
        drop: mark with a cross the first place at which a curve lies this much below the control's
            there, or, without a control, below its own first place; None: no marks.
        control: whose curve the others are measured against, where it is drawn.

    Raises:
        ValueError: no variants, or a variant without runs.
    """
    if not scores:
        raise ValueError("scores: expected at least one variant, got none")
    for label, runs in scores.items():
        if not runs or min(runs) <= 0:
            raise ValueError(
                f"scores: expected runs of {label!r} at places above 0, got {sorted(runs)}"
            )
    estimates = {
        label: {x: interval(np.asarray(runs[x])) for x in sorted(runs)}
        for label, runs in scores.items()
    }
    marks = {} if drop is None else _falls(estimates, drop, estimates.get(control or ""))
    drawn = {label: line_of(curve) for label, curve in estimates.items()}
    figure, grid = lines(drawn, along=along, measure=measure)
    places = sorted({x for curve in estimates.values() for x in curve})
    for ax in grid:
        logarithmic(ax, places, [f"{x:.3g}" for x in places], base=2)
    for i, label in enumerate(estimates):
        if label in marks:
            grid[i % len(grid)].plot(
                *[[part] for part in marks[label]],
                linestyle="",
                marker="x",
                markersize=9,
                markeredgewidth=2,
                color=INK,
                zorder=3,
            )
    return Drawing(figure, _said_along(along, measure, estimates, marks, drop), stacked=2)


def _falls(
    found: Mapping[str, Mapping[float, Estimate]],
    drop: float,
    control: Mapping[float, Estimate] | None,
) -> dict[str, tuple[float, float]]:
    """The first place of each curve at which it has fallen, and its height there."""
    marks: dict[str, tuple[float, float]] = {}
    for label, curve in found.items():
        first = next(iter(curve.values())).value
        floors = {
            x: (first if control is None or x not in control else control[x].value) - drop
            for x in curve
        }
        fallen = [
            x for x, e in curve.items() if curve is not control and e.value <= floors[x] + 1e-12
        ]
        if fallen:
            marks[label] = fallen[0], curve[fallen[0]].value
    return marks


def _said_along(
    along: str,
    measure: str,
    found: Mapping[str, Mapping[float, Estimate]],
    marks: Mapping[str, tuple[float, float]],
    drop: float | None,
) -> str:
    sentences = []
    for label, curve in found.items():
        points = ", ".join(f"{estimate:.2f} at {x:.3g}" for x, estimate in curve.items())
        fall = f"; fallen by {drop:g} at {marks[label][0]:.3g}" if label in marks else ""
        sentences.append(f"{label} {points}{fall}")
    return (
        f"Interquartile mean of {measure} over {along}, with 95 % interval: {'. '.join(sentences)}."
    )


def rows_of(labels: Sequence[str], xlabel: str) -> tuple[Figure, Axes]:
    """Axes with one row per label, the first on top."""
    if not labels:
        raise ValueError("scores: expected at least one variant, got none")
    figure, (ax,) = panels(height=0.9 + 0.34 * len(labels), width=6.4)
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.set_xlabel(xlabel, loc="right")  # a long one has room on the left, below the labels
    ruled(ax, "x")
    ax.tick_params(axis="y", length=0)
    return figure, ax


def bar(
    ax: Axes, row: int, estimate: Estimate, style: Mapping[str, Any], *, filled: bool = True
) -> None:
    """An interval as a thick stroke, its middle as the method's mark; both thin and hollow where it
    is not `filled`."""
    colour = style["color"]
    width, face = (4, colour) if filled else (1.2, "none")
    ax.plot(
        [estimate.low, estimate.high],
        [row, row],
        color=colour,
        linewidth=width,
        alpha=0.5 if filled else 1,
        solid_capstyle="butt",
    )
    point = {name: style[name] for name in ("color", "marker", "markersize")}
    ax.plot([estimate.value], [row], markerfacecolor=face, linestyle="", **point)


def in_words(what: str, found: Mapping[str, Estimate]) -> str:
    """Every estimate with its interval: the alternative text of a figure."""
    return (
        f"{what}: "
        + "; ".join(f"{label} {estimate:.2f}" for label, estimate in found.items())
        + "."
    )
