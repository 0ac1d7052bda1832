"""How a method looks wherever it is drawn, here and in the book's explorables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from trlib.errors import unknown

INK = "#7b7b7c"
"""A grey that is legible on light and dark; a page has its text colour in its place."""
TABLE: dict[str, Any] = json.loads(
    (Path(__file__).parent / "looks.json").read_text(encoding="utf-8")
)
"""The one dictionary of names and looks, which explorables read too."""
HUES: dict[str, str] = {name: light for name, (light, _) in TABLE["hues"].items()}
"""By name, on a light page. `looks.json` has them for a dark one, too; a figure in a page takes the
page's."""
LOOKS: dict[str, tuple[str, str, str]] = {key: tuple(one) for key, one in TABLE["looks"].items()}
"""Hue, dash, mark."""
LOOKS |= {other: LOOKS[key] for other, key in TABLE["also"].items()}
IDEAS: dict[str, tuple[str, str]] = {key: tuple(one) for key, one in TABLE["ideas"].items()}
"""What the book compares again and again: its one name on controls and in legends, and the method
whose look it has. *Yours* is the boldest line of a figure."""
COLOURS = (*(HUES[name] for name in ("a0", "a1", "a2", "a3")), INK)
"""For series that are no methods. What is right or wrong is `good` or `bad`."""
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_MARKS = {"circle": "o", "square": "s", "triangle": "^", "diamond": "D", "cross": "P", "star": "*"}


def note(ax: Any, words: str, at: tuple[float, float], to: tuple[float, float]) -> None:
    """Says in a few words what a figure shows, with an arrow to the place.

    Args:
        at: the place, in the axes' data.
        to: the middle of the words, as shares of the axes' width and height.
    """
    arrow = {"arrowstyle": "->", "color": INK, "lw": 0.9, "shrinkA": 1, "shrinkB": 3}
    where = {"xytext": to, "textcoords": "axes fraction", "ha": "center", "va": "center"}
    ax.annotate(words, at, **where, color=INK, fontsize="small", arrowprops=arrow)


def look(method: str, *, marker: bool = False) -> dict[str, Any]:
    """How a method's line is drawn, as arguments of `ax.plot`: colour and dash, and its marker if
    asked for.

    Args:
        method: a key of `LOOKS`: `ppo`, `pg_is` (the unclipped run), `split` (its data).
    Raises ValueError: no such key (the nearest is suggested)."""
    if method not in LOOKS:
        raise unknown("method", method, LOOKS)
    hue, dash, mark = LOOKS[method]
    lengths = tuple(float(length) / 2 for length in dash.split())
    line: dict[str, Any] = {"color": HUES[hue], "linestyle": (0, lengths) if lengths else "-"}
    if method == IDEAS["yours"][1]:
        line["linewidth"] = 3.0
    point = {"marker": _MARKS[mark], "markersize": 8 if mark == "star" else 5}
    return {**line, **point} if marker else line
