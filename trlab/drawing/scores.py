"""Figures of sweeps: intervals, probabilities of improvement, performance profiles, curves over an
axis with bands.

A figure is a `trlib.drawing.Drawing`: text and axes take the colour and font of the page around it,
on no background, so it reads in light and in dark. Series differ by dash and marker as well as by
colours that are told apart with any colour vision and stand out (3 : 1) from white and from the
book's dark page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from trlab.statistics import (
    Scores,
    by_task,
    improvement,
    interval,
    performance_profile,
    profile_interval,
)
from trlib.drawing import COLOURS, DASHES, INK, MARKERS, Drawing, legend, panels
from trlib.evaluation import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = len(COLOURS) * len(DASHES)
"""The most series that a figure can tell apart."""


def intervals(
    scores: Mapping[str, Scores],
    *,
    measure: str,
    alt: str | None = None,
    reference: float | None = None,
) -> Drawing:
    """Interquartile mean and 95 % stratified bootstrap interval of each variant, a row each, every
    run behind it.

    Args:
        scores: by label: runs by tasks [N, M], or a sequence of runs for each task.
        measure: the horizontal axis's label.
        alt: what the figure shows, in a sentence; None: the numbers, one after the other.
        reference: where a dotted line stands (the base model).
    """
    estimates = {label: interval(values) for label, values in scores.items()}
    figure, ax = rows_of(list(estimates), measure)
    for row, (label, estimate) in enumerate(estimates.items()):
        bar(ax, row, estimate)
        runs = np.concatenate(by_task("scores", scores[label]))
        ax.plot(
            runs,
            np.full(len(runs), row),
            linestyle="",
            marker="|",
            color=INK,
            markersize=10,
            alpha=0.5,
            zorder=1,
        )
    if reference is not None:
        ax.axvline(reference, color=INK, linestyle=":", linewidth=1)
    return Drawing(
        figure, alt or in_words(f"Interquartile mean of {measure} with 95 % interval", estimates)
    )


def improvements(pairs: Mapping[str, tuple[Scores, Scores]], *, alt: str | None = None) -> Drawing:
    """The probability that a run of X is above a run of Y, a row for each pair, with its 95 %
    interval.

    Args:
        pairs: by label, such as `TROLL > PPO`: the scores of X and of Y.
    """
    estimates = {label: improvement(x, y) for label, (x, y) in pairs.items()}
    figure, ax = rows_of(list(estimates), "probability of improvement")
    for row, estimate in enumerate(estimates.values()):
        bar(ax, row, estimate)
    ax.axvline(0.5, color=INK, linestyle=":", linewidth=1)
    ax.set_xlim(-0.02, 1.02)
    return Drawing(
        figure, alt or in_words("Probability of improvement with 95 % interval", estimates)
    )


def profiles(
    scores: Mapping[str, Scores],
    *,
    measure: str,
    thresholds: Sequence[float] | np.ndarray | None = None,
    alt: str | None = None,
) -> Drawing:
    """Performance profiles: the share of runs above each threshold, with pointwise 95 % bands.

    Raises:
        ValueError: more variants than can be told apart.
    """
    if len(scores) > MOST:
        raise ValueError(
            f"scores: expected at most {MOST} variants in one figure, got {len(scores)}"
        )
    figure, (ax,) = panels(height=3.6, width=6.4)
    at = np.linspace(0, 1, 101) if thresholds is None else np.asarray(thresholds, dtype=np.float64)
    for i, (label, values) in enumerate(scores.items()):
        colour, low_high = COLOURS[i % len(COLOURS)], profile_interval(values, at)
        ax.fill_between(at, *low_high, color=colour, alpha=0.15, linewidth=0, step="post")
        ax.plot(
            at,
            performance_profile(values, at),
            color=colour,
            linestyle=DASHES[i % len(DASHES)],
            linewidth=1.8,
            drawstyle="steps-post",
            marker=MARKERS[i % len(MARKERS)],
            markersize=4,
            markevery=(2 * i % 15, max(1, len(at) // 7)),
            label=label,
        )
    ax.set(
        xlabel=f"{measure}, τ",
        ylabel="share of runs above τ",
        ylim=(-0.02, 1.02),
        xlim=(at[0], at[-1]),
    )
    legend(ax)
    halves = ", ".join(
        f"{label} {_half(at, performance_profile(values, at))}" for label, values in scores.items()
    )
    return Drawing(
        figure,
        alt
        or f"Share of runs whose {measure} is above a threshold; half of the runs lie above: "
        f"{halves}.",
    )


def _half(at: np.ndarray, profile: np.ndarray) -> str:
    """The threshold that half of the runs lie above, as far as the thresholds go."""
    if profile[-1] > 0.5:
        return f"more than {at[-1]:.2f}"
    if profile[0] < 0.5:
        return f"at most {at[0]:.2f}"
    return f"{at[np.argmin(profile > 0.5)]:.2f}"


def curves(
    scores: Mapping[str, Mapping[float, Sequence[float] | np.ndarray]],
    *,
    along: str,
    measure: str,
    drop: float | None = None,
    control: str | None = None,
    alt: str | None = None,
) -> Drawing:
    """Interquartile means over an axis, joined, with pointwise 95 % bands; the axis is logarithmic.

    Up to five variants share one panel and differ by colour, dash and marker. More get a panel
    each, in which the others stand behind in thin lines, so that one curve is read against all
    without telling twenty apart.

    Args:
        scores: label -> place on the axis (above 0) -> runs.
        along: the horizontal axis's label.
        measure: the vertical one's.
        drop: mark with a cross the first place at which a curve lies this much below the control's
            there, or, without a control, below its own first place (`trlab.tolerance`); None: no
            marks.
        control: whose curve the others are measured against, where it is drawn.
        alt: what the figure shows, in a sentence; None: the numbers, one after the other.

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
    one = len(estimates) <= len(COLOURS)
    figure, grid = grid_of(1 if one else len(estimates))
    for ax in grid:
        _logarithmic(ax, sorted({x for curve in estimates.values() for x in curve}))
    for i, (label, curve) in enumerate(estimates.items()):
        ax, style = grid[0 if one else i], i if one else 0
        for other in () if one else estimates.values():
            ax.plot(
                list(other), [e.value for e in other.values()], color=INK, linewidth=0.7, alpha=0.35
            )
        _curve(ax, curve, style, label)
        if label in marks:
            ax.plot(
                *[[part] for part in marks[label]],
                linestyle="",
                marker="x",
                markersize=9,
                markeredgewidth=2,
                color=INK,
                zorder=3,
            )
        if not one:
            ax.set_title(label, color=INK, fontsize="small")
    if one:
        legend(grid[0])
    figure.supxlabel(along, color=INK, fontsize="medium")
    figure.supylabel(measure, color=INK, fontsize="medium")
    return Drawing(figure, alt or _said_along(along, measure, estimates, marks, drop), stacked=2)


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


def _curve(ax: Axes, curve: Mapping[float, Estimate], style: int, label: str) -> None:
    """A band below a line with markers."""
    places, colour = list(curve), COLOURS[style]
    ax.fill_between(
        places,
        [e.low for e in curve.values()],
        [e.high for e in curve.values()],
        color=colour,
        alpha=0.18,
        linewidth=0,
    )
    ax.plot(
        places,
        [e.value for e in curve.values()],
        color=colour,
        linestyle=DASHES[style % len(DASHES)],
        linewidth=1.8,
        marker=MARKERS[style],
        markersize=5,
        label=label,
    )


def grid_of(count: int) -> tuple[Figure, list[Axes]]:
    """Axes in rows of four at most that share both scales."""
    across = min(count, 3 if count in (6, 9) else 4)
    down = -(-count // across)
    figure, grid = panels(
        count,
        height=3.6 if count == 1 else 1.6 + 0.6 / down,
        across=across,
        width=6.4,
        share=count > 1,
    )
    for ax in grid:
        ax.grid(axis="y", color=INK, alpha=0.25, linewidth=0.6)
    return figure, grid


def _logarithmic(ax: Axes, places: Sequence[float]) -> None:
    """A horizontal axis to the base 2 with a tick at each place."""
    ax.set_xscale("log", base=2)
    ax.set_xticks(places, [f"{x:.3g}" for x in places])
    ax.minorticks_off()


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
    ax.set_xlabel(xlabel)
    ax.grid(axis="x", color=INK, alpha=0.25, linewidth=0.6)
    ax.tick_params(axis="y", length=0)
    return figure, ax


def bar(ax: Axes, row: int, estimate: Estimate, *, filled: bool = True) -> None:
    """An interval as a thick stroke, its middle as a dot; both thin and hollow where it is not
    `filled`."""
    width, face = (4, COLOURS[1]) if filled else (1.2, "none")
    ax.plot(
        [estimate.low, estimate.high],
        [row, row],
        color=COLOURS[0],
        linewidth=width,
        solid_capstyle="butt",
    )
    ax.plot(
        [estimate.value], [row], marker="o", color=COLOURS[1], markerfacecolor=face, markersize=6
    )


def in_words(what: str, found: Mapping[str, Estimate]) -> str:
    """Every estimate with its interval: the alternative text of a figure."""
    return (
        f"{what}: "
        + "; ".join(f"{label} {estimate:.2f}" for label, estimate in found.items())
        + "."
    )
