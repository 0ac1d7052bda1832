"""Rows with intervals, drawn one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trlab.drawing.display_names import key_of
from trlab.drawing.figure import COLOURS, look
from trlib.evaluation import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def alone(label: str) -> dict[str, Any]:
    """How a row or a panel of its own is drawn: a method, or a variant of one, as everywhere;
    anything else in the first colour."""
    key = key_of(label) or key_of(label.partition(", ")[0])
    if key:
        return look(key, marker=True)
    return {"color": COLOURS[0], "linestyle": "-", "marker": "o", "markersize": 5}


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
