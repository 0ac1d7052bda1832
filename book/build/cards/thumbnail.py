"""The curve of a method's weight as a small picture for a row of the table of all methods."""

from __future__ import annotations

import math
from collections.abc import Sequence

from book.build.cards.card import Card
from book.build.cards.curve import LIKELY, PROBABILITIES, RARE, RATIOS, expert_weights, weights
from book.build.cards.draw import LEVELS

THUMBNAILS = "thumbnails"
"""The folder of the files, from a card."""
WIDTH, HEIGHT = 64, 44
NEAR = 0.4
"""How far, in pixels, a point may lie from the line that leaves it out."""
HUES = {"right": "#5b7fff", "wrong": "#e0653a", "expert": "#5b7fff"}
AXIS = 'stroke="#888888" stroke-width="0.7"'
"""Colours of the file by itself: they can be read on white and on black."""
Point = tuple[float, float]


def thumbnail(card: Card) -> str:
    """An SVG file: the weight of a right and of a wrong token against the ratio, and, where it differs,
    that of a rare one in thin lines. In the page the style sheet colours its classes."""
    zero, one = _at(0, 0)[1], _at(1, 0)[0]
    lines = [f'<path class="axis" d="M0 {zero:.1f}H{WIDTH}" {AXIS}/>']
    if card.family == "expert":
        places = [(math.log10(p) / 4 + 1) * RATIOS[-1] for p in PROBABILITIES]
        lines.append(_path("expert", places, [2 * weight for weight in expert_weights(card)]))
    else:
        lines.append(f'<path class="axis" d="M{one:.1f} 0V{HEIGHT}" {AXIS}/>')
        for right, name in ((True, "right"), (False, "wrong")):
            likely, rare = (weights(card, q=q, right=right) for q in (LIKELY, RARE))
            # Rounding decides the one point at which a window ends: that alone is no difference.
            if sum(abs(a - b) > 1e-6 for a, b in zip(likely, rare, strict=True)) > 2:
                lines.append(_path(f"{name} rare", RATIOS, rare))
            lines.append(_path(name, RATIOS, likely))
    return (
        f'<svg class="thumbnail" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'xmlns="http://www.w3.org/2000/svg" fill="none" aria-hidden="true">{"".join(lines)}</svg>\n'
    )


def _at(ratio: float, weight: float) -> Point:
    low, high = LEVELS
    return WIDTH * ratio / RATIOS[-1], HEIGHT * (high - min(max(weight, low), high)) / (high - low)


def _path(name: str, xs: Sequence[float], ys: Sequence[float]) -> str:
    points = simplified([_at(x, y) for x, y in zip(xs, ys, strict=True)])
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    width = 0.9 if "rare" in name else 2
    return f'<path class="{name}" d="M{line}" stroke="{HUES[name.split()[0]]}" stroke-width="{width}"/>'


def simplified(points: Sequence[Point]) -> list[Point]:
    """The points of a line that matter: what is left out lies within `NEAR` of the line through the
    others (Douglas and Peucker)."""
    (x0, y0), (x1, y1) = points[0], points[-1]
    length = math.hypot(x1 - x0, y1 - y0) or 1.0
    off = [abs((x1 - x0) * (y0 - y) - (x0 - x) * (y1 - y0)) / length for x, y in points]
    farthest = max(range(len(points)), key=off.__getitem__)
    if off[farthest] <= NEAR:
        return [points[0], points[-1]]
    return simplified(points[: farthest + 1])[:-1] + simplified(points[farthest:])
