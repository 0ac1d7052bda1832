"""Figures over learning rates: where each method works, and what it pays in speed (see
`trlab.basin`)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from trlab.basin import WITHIN, Basin
from trlab.drawing.figure import COLOURS, INK, Drawing, panels
from trlab.drawing.labels import name_lines
from trlab.drawing.scores import rows_of
from trlab.drawing.strokes import (
    Line,
    Look,
    alone,
    around,
    band,
    behind,
    dotted,
    grid_of,
    line_of,
    logarithmic,
    ruled,
    stroke,
    styles,
    titled,
)
from trlab.statistics import interval, iqm
from trlib.evaluation import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curves = Mapping[str, Mapping[float, np.ndarray]]
"""Label -> learning rate -> ends of the runs."""
FEW = 8
"""Runs below which an interval says little: every run is drawn instead."""
STEP = 0.075
"""How far apart the bars of two basins lie below the curves."""


def curves(places: Mapping[str, Curves], *, measure: str) -> Drawing:
    """Ends over learning rates, a panel for each place (a number of uses): interquartile means with
    95 % intervals, or means with every run where there are few.

    Raises:
        ValueError: no place, more than five methods.
    """
    if not places:
        raise ValueError("places: expected at least one, got none")
    figure, grid = panels(len(places), height=3.2, share=len(places) > 1)
    for ax, (title, methods) in zip(grid, places.items(), strict=True):
        _draw(ax, methods)
        if len(places) > 1:
            ax.set_title(title, color=INK, fontsize="medium")
    name_lines(grid[-1])
    around(figure, "learning rate", measure)
    said = [
        _in_words(methods, f"{title}: " if len(places) > 1 else "")
        for title, methods in places.items()
    ]
    return Drawing(figure, f"{measure} over learning rates. {' '.join(said)}")


def basin(methods: Curves, found: Sequence[Basin], *, measure: str) -> Drawing:
    """The same in one panel, with a dotted line `WITHIN` below the best end of all, and each
    method's basin as a bar below: the rates at which it stays above the line. A bar that the grid
    cuts off ends in an arrow.

    Args:
        found: the basins, of these methods in this order (`trlab.basin.basins`).

    Raises:
        ValueError: more than five methods.
    """
    figure, (ax,) = panels(height=4.2)
    looks = _draw(ax, methods)
    best = max(iqm(runs) for curve in methods.values() for runs in curve.values())
    dotted(ax, best - WITHIN)
    for i, one in enumerate(found):
        _bar(ax, -STEP * (i + 0.8), one, looks[one.label]["color"])
    ax.axhline(0, color=INK, linewidth=0.6)
    ax.set_ylim(-STEP * (len(found) + 0.4), 1)
    ax.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    ax.set_xlabel("learning rate")
    ax.set_ylabel(measure)
    name_lines(ax)
    return Drawing(
        figure,
        f"{measure} over learning rates. {_in_words(methods, '')} {_basins_in_words(found)}",
    )


def bars(found: Sequence[Basin], rates: Sequence[float]) -> Drawing:
    """The basins alone, a row each, for more methods than curves can tell apart. A dot marks the
    best rate, and the end there is written beside the name. A bar that the grid cuts off ends in an
    arrow.

    Args:
        found: the basins (`trlab.basin.basins`).
        rates: the learning rates that were run.
    """
    figure, ax = rows_of([f"{one.label}, {one.best.value:.2f}" for one in found], "learning rate")
    for row, one in enumerate(found):
        colour = alone(one.label)["color"]
        _bar(ax, row, one, colour, alpha=0.5)
        ax.plot([one.best_rate], [row], marker="o", color=colour, markersize=6, linestyle="")
    _logarithmic(ax, sorted(rates))
    return Drawing(figure, f"Basins of learning rates. {_basins_in_words(found)}")


def edges(
    found: Mapping[str, Sequence[Estimate]], margins: Sequence[float], *, control: str
) -> Drawing:
    """How many times as high a learning rate as the control's others bear, over the loss that one
    accepts, with 95 % intervals where there are some.

    Args:
        found: label -> ratio at each margin (`trlab.basin.edge_ratios`).

    Raises:
        ValueError: no label, or none with a number.
    """
    if not any(math.isfinite(one.value) for ratios in found.values() for one in ratios):
        raise ValueError("found: expected a ratio, got none")
    figure, (ax,) = panels(height=3.4)
    looks = styles([control, *found])
    for label, ratios in found.items():
        line = line_of(dict(zip(margins, ratios, strict=True)))
        band(ax, line, looks[label])
        stroke(ax, line, looks[label], label, marker="")
    one = line_of({margin: Estimate(1, 1, 1) for margin in margins})
    stroke(ax, one, looks[control], control, marker="")
    ax.set_yscale("log")
    ticks = [1, 1.5, 2, 3, 4, 6]
    ax.set_ylim(0.75, 8)
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set_xticks([0.05, 0.1, 0.15, 0.2])
    ax.set_xlabel("loss that one accepts: accuracy below the best end of all")
    ax.set_ylabel(f"times the rate that {control} bears")
    name_lines(ax)
    said = [
        f"{label} {', '.join(f'{r.value:.1f} at {m:g}' for r, m in zip(ratios, margins, strict=True) if r.value > 0)}."
        for label, ratios in found.items()
    ]
    return Drawing(
        figure,
        f"Highest learning rate as a multiple of {control}'s, by accepted loss: {' '.join(said)}",
    )


def written_rate(rate: float) -> str:
    """A learning rate as a page writes it: `3e-5`, `1.5e-3`, `0.03`."""
    if rate >= 0.01:
        return f"{rate:.2g}"
    mantissa, exponent = f"{rate:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def by_method(labels: Sequence[str]) -> bool:
    """Whether there are so many methods that each needs a panel."""
    return len(labels) > len(COLOURS)


def each(methods: Curves, *, measure: str) -> Drawing:
    """A panel for each method, the others behind it in thin lines."""
    figure, grid = grid_of(len(methods))
    for ax, (label, curve) in zip(grid, methods.items(), strict=True):
        _logarithmic(ax, sorted({rate for one in methods.values() for rate in one}), every=2)
        behind(ax, map(_line, methods.values()))
        _curve(ax, curve, alone(label), label)
        titled(ax, label)
    around(figure, "learning rate", measure)
    return Drawing(figure, f"{measure} over learning rates. {_in_words(methods, '')}", stacked=2)


# -- inside


def _bar(ax: Axes, height: float, one: Basin, colour: str, alpha: float = 1) -> None:
    """A basin as a bar, with an arrow where the grid cuts it off."""
    if one.width.value:
        ax.plot(
            [one.piece.low, one.piece.high],
            [height] * 2,
            color=colour,
            linewidth=5,
            alpha=alpha,
            solid_capstyle="butt",
        )
    ends = ((one.piece.low, one.piece.open_low, "<"), (one.piece.high, one.piece.open_high, ">"))
    for at, opened, marker in ends:
        if opened:
            ax.plot([at], [height], marker=marker, color=colour, markersize=9, linestyle="")


def _draw(ax: Axes, methods: Curves) -> dict[str, Look]:
    if by_method([*methods]):
        raise ValueError(f"methods: expected at most {len(COLOURS)} in a panel, got {len(methods)}")
    _logarithmic(ax, sorted({rate for curve in methods.values() for rate in curve}))
    ruled(ax)
    looks = styles(methods)
    for label, curve in methods.items():
        _curve(ax, curve, looks[label], label)
    return looks


def _curve(ax: Axes, curve: Mapping[float, np.ndarray], style: Look, label: str) -> None:
    line = _line(curve)
    if all(len(runs) >= FEW for runs in curve.values()):
        band(ax, line, style)
    else:
        for rate in line[0]:
            run: Look = {"marker": "_", "color": style["color"], "markersize": 5}
            ax.plot([rate] * len(curve[rate]), curve[rate], linestyle="", **run)
    stroke(ax, line, style, label)


def _line(curve: Mapping[float, np.ndarray]) -> Line:
    return line_of({rate: interval(curve[rate]) for rate in sorted(curve)})


def _logarithmic(ax: Axes, rates: Sequence[float], every: int = 1) -> None:
    written = [written_rate(rate) if i % every == 0 else "" for i, rate in enumerate(rates)]
    logarithmic(ax, rates, written)


def _in_words(methods: Curves, before: str) -> str:
    sentences = []
    for label, curve in methods.items():
        points = ", ".join(
            f"{iqm(curve[rate]):.2f} at {written_rate(rate)}" for rate in sorted(curve)
        )
        sentences.append(f"{before}{label} {points}.")
    return " ".join(sentences)


def _basins_in_words(found: Sequence[Basin]) -> str:
    sentences = []
    for one in found:
        if not one.width.value:
            sentences.append(f"{one.label} has no basin.")
            continue
        low = (
            f"{written_rate(one.piece.low)} or less"
            if one.piece.open_low
            else written_rate(one.piece.low)
        )
        high = (
            f"{written_rate(one.piece.high)} or more"
            if one.piece.open_high
            else written_rate(one.piece.high)
        )
        sentences.append(f"{one.label}'s basin goes from {low} to {high}.")
    return " ".join(sentences)
