"""What the figures of sweeps are drawn with: lines with bands, crosses of intervals, axes that share
scales."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trlab.drawing.display_names import key_of
from trlab.drawing.figure import COLOURS, DASHES, INK, MARKERS, look, panels
from trlab.drawing.labels import name_lines
from trlib.evaluation import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

Numbers = Sequence[float] | np.ndarray
Line = tuple[Numbers, Numbers, Numbers, Numbers]
"""Places, and at each a value with its lower and upper bound."""
Look = dict[str, Any]
"""Arguments of `ax.plot`: colour, dash, marker and its size (`trlab.drawing.figure.look`)."""


def line_of(curve: Mapping[float, Estimate]) -> Line:
    """Estimates by place as a line."""
    found = curve.values()
    return list(curve), [e.value for e in found], [e.low for e in found], [e.high for e in found]


def styles(labels: Iterable[str]) -> dict[str, Look]:
    """How each of these is drawn: a method as everywhere, anything else in a colour that is left,
    with a dash and a marker by its place."""
    labels = list(labels)
    own = {label: look(key, marker=True) for label in labels if (key := key_of(label))}
    left = [colour for colour in COLOURS if colour not in {one["color"] for one in own.values()}]
    others = [label for label in labels if label not in own]
    plain: dict[str, Look] = {
        label: {
            "color": (left or COLOURS)[i % len(left or COLOURS)],
            "linestyle": DASHES[i % len(DASHES)],
            "marker": MARKERS[i % len(MARKERS)],
            "markersize": 5,
        }
        for i, label in enumerate(others)
    }
    return {label: (own | plain)[label] for label in labels}


def alone(label: str) -> Look:
    """How a row or a panel of its own is drawn: a method, or a variant of one, as everywhere;
    anything else in the first colour."""
    key = key_of(label) or key_of(label.partition(", ")[0])
    if key:
        return look(key, marker=True)
    return {"color": COLOURS[0], "linestyle": "-", "marker": "o", "markersize": 5}


def band(ax: Axes, line: Line, style: Look, **more: Any) -> None:
    """What lies between a line's bounds."""
    places, _, low, high = line
    ax.fill_between(
        places, low, high, **{"color": style["color"], "alpha": 0.18, "linewidth": 0, **more}
    )


def stroke(ax: Axes, line: Line, style: Look, label: str, **more: Any) -> None:
    """A line that colour, dash and marker tell from others."""
    ax.plot(*line[:2], **{**style, "linewidth": 1.8, "label": label, **more})


def behind(ax: Axes, lines: Iterable[Line], alpha: float = 0.35) -> None:
    """Lines that others are read against."""
    for places, values, *_ in lines:
        ax.plot(places, values, color=INK, linewidth=0.7, alpha=alpha)


def cross(
    ax: Axes,
    x: Estimate,
    y: Estimate,
    colour: str,
    marker: str,
    *,
    width: float = 1.0,
    alpha: float = 0.7,
    filled: bool = True,
    size: float = 6.0,
) -> None:
    """A point with its intervals both ways; hollow where it is not `filled`."""
    ax.plot([x.low, x.high], [y.value] * 2, color=colour, linewidth=width, alpha=alpha)
    ax.plot([x.value] * 2, [y.low, y.high], color=colour, linewidth=width, alpha=alpha)
    face = colour if filled else "none"
    point: Look = {"marker": marker, "markersize": size, "markerfacecolor": face}
    ax.plot([x.value], [y.value], color=colour, linestyle="", **point)


def dotted(ax: Axes, height: float | None) -> None:
    """A level to read the others against; None: no line."""
    if height is not None:
        ax.axhline(height, color=INK, linestyle=":", linewidth=1)


def lines(
    found: Mapping[str, Line], *, along: str, measure: str, every: int = 1
) -> tuple[Figure, list[Axes]]:
    """Lines with bands. Up to five share one panel and differ by colour, dash and marker. More get
    a panel each, in which the others stand behind in thin lines, so that one is read against all
    without telling twenty apart.

    Args:
        every: at how many places a marker stands; 1: at each.
    """
    one = len(found) <= len(COLOURS)
    figure, grid = grid_of(1 if one else len(found))
    looks = styles(found) if one else {label: alone(label) for label in found}
    for i, (label, line) in enumerate(found.items()):
        ax, style = grid[0 if one else i], looks[label]
        if not one:
            behind(ax, found.values())
        band(ax, line, style)
        more = {} if every == 1 else {"markevery": (i % every, every)}
        marker = style["marker"] if one or every == 1 else ""
        stroke(ax, line, style, label, marker=marker, **more)
        if not one:
            titled(ax, label)
    if one:
        name_lines(grid[0])
    around(figure, along, measure)
    return figure, grid


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
        ruled(ax)
    return figure, grid


def ruled(ax: Axes, axis: Literal["x", "y"] = "y") -> None:
    """Faint lines at the ticks of an axis."""
    ax.grid(axis=axis, color=INK, alpha=0.25, linewidth=0.6)


def titled(ax: Axes, label: str) -> None:
    """What a panel of many shows."""
    ax.set_title(label, color=INK, fontsize="small")


def around(figure: Figure, along: str, measure: str) -> None:
    """The labels that all panels share."""
    figure.supxlabel(along, color=INK, fontsize="medium")
    figure.supylabel(measure, color=INK, fontsize="medium")


def logarithmic(ax: Axes, places: Sequence[float], labels: Sequence[str], base: float = 10) -> None:
    """A horizontal axis with a tick at each place, and no others."""
    ax.set_xscale("log", base=base)
    ax.set_xticks(places, labels)
    ax.minorticks_off()


def plainly(axis: Axis) -> None:
    """Ticks of a logarithmic axis written out, because powers are too small for a phone: its
    decades, or more where it has few of them."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    decades = np.log10(high / low)
    parts = (1.0,) if decades > 3 else (1.0, 3.0) if decades > 1.2 else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(subs=parts))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
    axis.set_tick_params(which="minor", length=0)
