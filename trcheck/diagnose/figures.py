"""The page's figures: inline SVG whose colours are the page's classes, each with a text that says
what it shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

import numpy as np

from trcheck.diagnose.findings import ClassRow, Findings, Point
from trcheck.diagnose.formatting import percent
from trcheck.diagnose.messages import say

WIDTH = 360
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 10, 38
EDGE = 1e-6
"""Probabilities are shown from here to 1 - here."""
SHAPES = {
    "kept": '<circle class="dot" r="2.2" />',
    "ppo": '<path class="by-ppo" d="M0 -4.4L4 2.8H-4Z" />',
    "dppo": '<rect class="by-dppo" x="-3.2" y="-3.2" width="6.4" height="6.4" />',
    "both": '<path class="by-both" d="M0 -4.8L4.8 0L0 4.8L-4.8 0Z" />',
}
"""A mark for every kind of token, silenced by neither, by PPO, by DPPO and by both, told apart by its
form as well as by its colour."""


def glyph(kind: str) -> str:
    """The mark of a kind of token, for a legend."""
    return f'<svg class="glyph" viewBox="-6 -6 12 12" aria-hidden="true">{SHAPES[kind]}</svg>'


def ratios(findings: Findings) -> str:
    """Tokens by their ratio to PPO's anchor, with the window."""
    h, height = findings.histogram, 230
    floor = height - BOTTOM
    x = _linear(-h.reach, h.reach, LEFT, WIDTH - RIGHT)
    most = max(max(h.kept), max(h.silenced), 1)
    # One token stands a decade above the axis' foot.
    y = _linear(0, math.log10(most) + 1, floor, TOP)
    low, high = 1 - findings.limits.eps_low, 1 + findings.limits.eps_high
    left = x(max(-h.reach, math.log2(low))) if low > 0 else x(-h.reach)
    right = x(min(h.reach, math.log2(high)))
    parts = [
        f'<rect class="window" x="{left:.1f}" y="{TOP}" width="{right - left:.1f}" '
        f'height="{floor - TOP}" />'
    ]
    for k in range(math.floor(math.log10(most)) + 1):
        parts += [
            _line(LEFT, y(k + 1), WIDTH - RIGHT, y(k + 1), "grid"),
            _text(LEFT - 5, y(k + 1) + 4, f"{10**k:,}", "end"),
        ]
    ends = [_line(at, TOP, at, floor, "clip-line") for at in (left, right)]
    edges = np.linspace(-h.reach, h.reach, len(h.kept) + 1)
    for kind, counts, inset in (("bar", h.kept, 0.4), ("bar-cut", h.silenced, 1.6)):
        for count, a, b in zip(counts, edges[:-1], edges[1:], strict=True):
            if count:
                top = y(math.log10(count) + 1)
                parts.append(
                    f'<rect class="{kind}" x="{x(a) + inset:.1f}" y="{top:.1f}" '
                    f'width="{x(b) - x(a) - 2 * inset:.1f}" height="{floor - top:.1f}" />'
                )
    for share in (-1.0, -0.5, 0.0, 0.5, 1.0):
        anchor = {-1.0: "start", 1.0: "end"}.get(share, "middle")
        parts.append(
            _text(x(share * h.reach), floor + 15, _factor(2.0 ** (share * h.reach)), anchor)
        )
    parts += [
        *ends,
        _line(LEFT, floor, WIDTH - RIGHT, floor, "axis"),
        _text((LEFT + WIDTH - RIGHT) / 2, height - 5, say("figure.ratio_axis"), "middle"),
    ]
    key = "whole" if findings.anchor == "logp_rollout" else "staleness"
    spread = next(s for s in findings.spreads if s.key == key)
    label = say(
        "figure.ratios",
        f=findings,
        low=spread.quantiles[2],
        high=spread.quantiles[4],
        window_low=low,
        window_high=high,
    )
    return _svg(height, parts, label)


def plane(findings: Findings) -> str:
    """Every token in the plane of its probability before and after, with the borders of PPO's clip
    and DPPO's TV."""
    height = WIDTH - LEFT - RIGHT + TOP + BOTTOM
    points = findings.points
    least = min((min(v, 1 - v) for p in points for v in (p.before, p.after)), default=0.5)
    edge = 10 ** math.floor(math.log10(min(1e-3, max(EDGE, least))))
    far = _logit(1 - edge)
    x = _linear(-far, far, LEFT, WIDTH - RIGHT)
    y = _linear(-far, far, height - BOTTOM, TOP)
    parts = []
    for value in _ticks(edge):
        at, name = _logit(value), f"{value:g}".replace("e-0", "e-")
        parts += [
            _line(x(at), TOP, x(at), height - BOTTOM, "grid"),
            _line(LEFT, y(at), WIDTH - RIGHT, y(at), "grid"),
            _text(LEFT - 5, y(at) + 4, name, "end"),
            _text(x(at), height - BOTTOM + 15, name, "middle"),
        ]
    grid = 1 / (1 + np.exp(-np.linspace(-far, far, 160)))
    limits = findings.limits
    parts.append(_curve(grid, grid, x, y, edge, "diagonal"))
    for bound in (1 - limits.eps_low, 1 + limits.eps_high):
        parts.append(_curve(grid, grid * bound, x, y, edge, "clip-line"))
    for shift in (-limits.delta_tv, limits.delta_tv):
        parts.append(_curve(grid, grid + shift, x, y, edge, "tv-line"))
    by_kind = {kind: [p for p in points if _kind(p) == kind] for kind in SHAPES}
    for kind, some in by_kind.items():
        for p in some:
            across, up = (_logit(min(max(v, edge), 1 - edge)) for v in (p.before, p.after))
            place = f"{x(across):.1f} {y(up):.1f}"
            parts.append(f'<g transform="translate({place})">{SHAPES[kind]}</g>')
    parts += [
        _text((LEFT + WIDTH - RIGHT) / 2, height - 5, say("figure.before_axis"), "middle"),
        f'<text class="label" text-anchor="middle" transform="translate(9 {height / 2 - 12:.0f}) '
        'rotate(-90)">'
        f"{say('figure.after_axis')}</text>",
    ]
    counts = {kind: len(some) for kind, some in by_kind.items()}
    label = say("figure.plane", f=findings, count=len(points), **counts)
    return _svg(height, parts, label)


def classes(rows: Sequence[ClassRow], ratio: str) -> str:
    """The spread of a ratio by how likely the token was."""
    left, gap = 92, 26
    height = TOP + gap * len(rows) + BOTTOM
    reach = max(max(abs(math.log2(max(v, 1e-9))) for v in row.ratio) for row in rows)
    reach = next((r for r in (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0) if r >= reach), 16.0)
    x = _linear(-reach, reach, left, WIDTH - RIGHT - 6)
    floor = height - BOTTOM
    parts = []
    for bits in (-reach, -reach / 2, 0.0, reach / 2, reach):
        parts += [
            _line(x(bits), TOP, x(bits), floor, "axis" if bits == 0 else "grid"),
            _text(x(bits), floor + 15, _factor(2.0**bits), "middle"),
        ]
    for i, row in enumerate(rows):
        at = TOP + gap * (i + 0.5)
        low, middle, high = (x(min(max(math.log2(max(v, 1e-9)), -reach), reach)) for v in row.ratio)
        parts += [
            _text(left - 8, at + 4, class_name(row), "end"),
            f'<line class="spread" x1="{low:.1f}" y1="{at:.1f}" x2="{high:.1f}" y2="{at:.1f}" />',
            f'<circle class="median" cx="{middle:.1f}" cy="{at:.1f}" r="4" />',
        ]
    parts.append(
        _text(
            (left + WIDTH - RIGHT) / 2, height - 5, say("figure.class_axis", ratio=ratio), "middle"
        )
    )
    worst = max(
        rows,
        key=lambda row: math.log2(max(row.ratio[2], 1e-9)) - math.log2(max(row.ratio[0], 1e-9)),
    )
    label = say("figure.classes", count=len(rows), ratio=ratio, widest=class_name(worst), row=worst)
    return _svg(height, parts, label)


def class_name(row: ClassRow) -> str:
    """The class of a probability, in words."""
    if row.low == 0:
        return say("figure.below", row=row)
    return say("figure.from", row=row)


def meter(share: float | None, kind: str) -> str:
    """A share as a small bar beside its number."""
    if share is None:
        return say("page.none")
    width = 40 * share
    bar = f'<rect class="{kind}" width="{width:.1f}" height="8" rx="1" />'
    return (
        f'<span class="meter">{percent(share)}<svg viewBox="0 0 40 8" aria-hidden="true">'
        f'<rect class="track" width="40" height="8" rx="1" />{bar}</svg></span>'
    )


def _linear(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """From values to pixels."""
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _svg(height: float, parts: Sequence[str], label: str) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" />'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return (
        f'<text class="label" x="{x:.1f}" y="{y:.1f}" '
        f'text-anchor="{anchor}">{_low(escape(text))}</text>'
    )


def _low(text: str) -> str:
    return text.replace(
        "π_old", 'π<tspan dy="2" font-size="8">old</tspan><tspan dy="-2">\u200b</tspan>'
    )


def _curve(
    before: np.ndarray,
    after: np.ndarray,
    x: Callable[[float], float],
    y: Callable[[float], float],
    edge: float,
    kind: str,
) -> str:
    inside = (after > edge) & (after < 1 - edge)
    places = [
        f"{x(_logit(a)):.1f} {y(_logit(b)):.1f}"
        for a, b in zip(before[inside], after[inside], strict=True)
    ]
    return f'<path class="{kind}" d="M{"L".join(places)}" />' if len(places) > 1 else ""


def _kind(point: Point) -> str:
    return tuple(SHAPES)[point.ppo + 2 * point.dppo]


def _logit(p: float) -> float:
    return math.log(p / (1 - p))


def _ticks(edge: float) -> list[float]:
    few = [0.01, 0.1, 0.5, 0.9, 0.99]
    if edge >= 1e-3:
        return few
    return [1e-4, *few, 0.9999] if edge >= 1e-5 else [1e-5, 1e-3, 0.1, 0.5, 0.9, 0.999]


def _factor(value: float) -> str:
    """A power of two as a ratio is read: 1/16, 0.71, 16."""
    whole = value if value >= 1 else 1 / value
    if whole < 2 or whole % 1:
        return f"{value:.2g}" if value < 1 else f"{value:.3g}"
    return f"{whole:,.0f}" if value >= 1 else f"1/{whole:,.0f}"
