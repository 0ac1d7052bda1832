"""Figures of trade-offs: accuracy against nats, a history with bands, a measure at matched reward,
divergence against difficulty.

Their numbers are `trlab.tradeoffs`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from trlab.drawing.figure import INK, Drawing, panels
from trlab.drawing.scores import bar, in_words, rows_of
from trlab.drawing.strokes import (
    Line,
    Look,
    alone,
    around,
    behind,
    cross,
    dotted,
    grid_of,
    line_of,
    lines,
    plainly,
    ruled,
    styles,
    titled,
)
from trlab.kl_cost import Trade
from trlib.evaluation import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Band = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Values [B] with their lower and upper bounds."""
NATS = "nats per token, all batches of a run"


def frontier(points: Mapping[str, Mapping[str, Trade]], *, measure: str) -> Drawing:
    """Accuracy against the nats that were spent on it, with 95 % intervals both ways. Filled: no
    other method reaches as much for as little; hollow: some other does.

    Where every label has one setting, all stand in one panel with their names beside them. Else
    each label has a panel with its settings joined in their order, the first and the last named,
    and everybody's behind.

    Args:
        points: label -> setting (a threshold, a number of uses) -> what it reaches and spends.
        measure: the vertical axis's label.

    Raises:
        ValueError: no points.
    """
    if not points or not all(points.values()):
        raise ValueError(
            f"points: expected at least one setting of every label, got {dict(points)}"
        )
    lone = all(len(settings) == 1 for settings in points.values())
    figure, grid = panels(height=4.2, width=6.4) if lone else grid_of(len(points))
    paths = [
        line_of({t.nats.value: t.accuracy for t in settings.values()})
        for settings in points.values()
    ]
    for ax in grid:
        ax.set_xscale("log")
        ruled(ax)
    looks = styles(points) if lone else {label: alone(label) for label in points}
    for i, (label, settings) in enumerate(points.items()):
        ax = grid[0 if lone else i]
        if not lone:
            behind(ax, paths, alpha=0.3)
        _settings(ax, settings, looks[label])
        if not lone:
            titled(ax, label)
            _named(
                ax, {name: settings[name] for name in (next(iter(settings)), list(settings)[-1])}
            )
    for ax in grid:
        plainly(ax.xaxis)
    if lone:
        _beside(
            grid[0],
            {label: next(iter(settings.values())) for label, settings in points.items()},
            looks,
        )
    around(figure, NATS, measure)
    return Drawing(figure, _frontier_in_words(points, measure), stacked=1 if lone else 2)


def _settings(ax: Axes, settings: Mapping[str, Trade], style: Look) -> None:
    """Points with error bars both ways, joined."""
    colour, trades = style["color"], list(settings.values())
    if len(trades) > 1:
        ax.plot(
            [t.nats.value for t in trades],
            [t.accuracy.value for t in trades],
            color=colour,
            linewidth=1.4,
        )
    for trade in trades:
        alone = not trade.dominated_by
        cross(ax, trade.nats, trade.accuracy, colour, style["marker"], width=1.2, filled=alone)


def _named(ax: Axes, settings: Mapping[str, Trade]) -> None:
    for name, trade in settings.items():
        ax.annotate(
            name,
            (trade.nats.value, trade.accuracy.value),
            (3, 3),
            textcoords="offset points",
            color=INK,
            fontsize="small",
        )


def _beside(ax: Axes, trades: Mapping[str, Trade], looks: Mapping[str, Look]) -> None:
    """Names in a column to the right, each with a thin line to its point, so that they cannot
    overlap."""
    order = sorted(trades, key=lambda label: -trades[label].accuracy.value)
    for slot, label in enumerate(order):
        height = 1 - (slot + 0.5) / len(order)
        ax.annotate(
            label,
            (trades[label].nats.value, trades[label].accuracy.value),
            (1.04, height),
            textcoords="axes fraction",
            color=looks[label]["color"],
            fontsize="small",
            va="center",
            arrowprops={
                "arrowstyle": "-",
                "color": looks[label]["color"],
                "linewidth": 0.6,
                "alpha": 0.6,
                "shrinkB": 4,
            },
        )


def _frontier_in_words(points: Mapping[str, Mapping[str, Trade]], measure: str) -> str:
    points_in_words = [
        f"{label}{' ' + name if len(settings) > 1 else ''} {trade.accuracy:.2f} for "
        f"{trade.nats:.2g} nats" + ("" if trade.dominated_by else ", on the frontier")
        for label, settings in points.items()
        for name, trade in settings.items()
    ]
    return (
        f"{measure[0].upper()}{measure[1:]} against {NATS}, with 95 % intervals: "
        f"{'; '.join(points_in_words)}."
    )


def histories(bands: Mapping[str, Band], *, measure: str, level: float | None = None) -> Drawing:
    """A column of the history over batches: interquartile means with pointwise 95 % bands.

    Args:
        bands: by label (`trlab.tradeoffs.by_batch`).
        measure: the vertical axis's label.
        level: where a dotted line stands.

    Raises:
        ValueError: nothing to draw.
    """
    if not bands:
        raise ValueError(
            "bands: expected at least one variant with a number in every batch, got none"
        )
    by_batch: dict[str, Line] = {
        label: (range(1, len(values) + 1), values, low, high)
        for label, (values, low, high) in bands.items()
    }
    figure, grid = lines(by_batch, along="batch", measure=measure, every=5)
    for ax in grid:
        dotted(ax, level)
    ends = [
        f"{label} {values[min(9, len(values) - 1)]:.2f} in batch {min(10, len(values))}, "
        f"{values[-1]:.2f} [{low[-1]:.2f}, {high[-1]:.2f}] in batch {len(values)}"
        for label, (values, low, high) in bands.items()
    ]
    words = f"Interquartile mean of {measure} over batches, with 95 % band: {'; '.join(ends)}."
    return Drawing(figure, words, stacked=2)


def matched(
    found: Mapping[str, tuple[Estimate, int, int]],
    *,
    measure: str,
    level: float,
) -> Drawing:
    """A measure where the runs reach the same reward, a row each; a row says where not all of its
    runs do.

    Args:
        found: by label: the estimate, how many runs reach the reward, and of how many
            (`trlab.tradeoffs.at_matched_reward`).
        measure: the horizontal axis's label.
        level: the reward.
    """
    names = {
        label: label if reached == of else f"{label} ({reached} of {of})"
        for label, (_, reached, of) in found.items()
    }
    figure, ax = rows_of(list(names.values()), f"{measure} where the reward reaches {level:g}")
    for row, (label, (estimate, _, _)) in enumerate(found.items()):
        bar(ax, row, estimate, alone(label))
    words = in_words(
        f"Interquartile mean of {measure} where the reward reaches {level:g}, with 95 % interval",
        {names[label]: estimate for label, (estimate, _, _) in found.items()},
    )
    return Drawing(figure, words)
