"""Rows with intervals, drawn one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trlab.drawing.display_names import key_of
from trlab.drawing.figure import COLOURS, INK, look, panels
from trlib.evaluation import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def alone(label: str) -> dict[str, Any]:
    """How a row or a panel of its own is drawn: a method, or a variant of one, as everywhere;
    anything else in the first colour."""
    key = key_of(label) or key_of(label.partition(", ")[0])
    if key:
        return look(key, marker=True)
    return {"color": COLOURS[0], "linestyle": "-", "marker": "o", "markersize": 5}


def rows_of(labels: Sequence[str], xlabel: str) -> tuple[Figure, Axes]:
    """Axes with one row per label, the first on top."""
    if not labels:
        raise ValueError("scores: expected at least one variant, got none")
    figure, (ax,) = panels(height=0.9 + 0.34 * len(labels), width=6.4)
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.set_xlabel(xlabel, loc="right")  # a long one has room on the left, below the labels
    ax.grid(axis="x", color=INK, alpha=0.25, linewidth=0.6)
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
