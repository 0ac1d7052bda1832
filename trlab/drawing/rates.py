"""Figures over learning rates: where each method works, and what it pays in speed (see
`trlab.basin`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from trlab.drawing.figure import COLOURS, INK, Drawing, panels
from trlab.drawing.labels import name_lines
from trlab.drawing.strokes import (
    Line,
    Look,
    alone,
    around,
    band,
    behind,
    grid_of,
    line_of,
    logarithmic,
    ruled,
    stroke,
    styles,
    titled,
)
from trlab.statistics import interval, iqm

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curves = Mapping[str, Mapping[float, np.ndarray]]
"""Label -> learning rate -> ends of the runs."""
FEW = 8
"""Runs below which an interval says little: every run is drawn instead."""


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
