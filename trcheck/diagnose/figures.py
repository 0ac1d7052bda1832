"""The report's figure: inline SVG whose colours are the page's classes, with a text that says what
it shows."""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape

import numpy as np

from trcheck.diagnose.findings import Findings
from trcheck.diagnose.messages import say

WIDTH, HEIGHT = 360, 230
LEFT, RIGHT, TOP, FLOOR = 40, 352, 10, 192


def ratios(f: Findings) -> str:
    """Tokens by their ratio to PPO's anchor, with the window."""
    h = f.histogram
    x = _linear(-h.reach, h.reach, LEFT, RIGHT)
    most = max(*h.kept, *h.silenced, 1)
    # One token stands a decade above the axis' foot.
    y = _linear(0, math.log10(most) + 1, FLOOR, TOP)
    low, high = 1 - f.limits.eps_low, 1 + f.limits.eps_high
    ends = [x(max(-h.reach, math.log2(max(low, 1e-9)))), x(min(h.reach, math.log2(high)))]
    parts = [_bar("window", ends[0], TOP, ends[1])]
    for k in range(math.floor(math.log10(most)) + 1):
        parts += [
            _line(LEFT, y(k + 1), RIGHT, y(k + 1), "grid"),
            _text(LEFT - 5, y(k + 1) + 4, f"{10**k:,}", "end"),
        ]
    edges = [x(edge) for edge in np.linspace(-h.reach, h.reach, len(h.kept) + 1)]
    for kind, counts, inset in (("bar", h.kept, 0.4), ("bar-cut", h.silenced, 1.6)):
        for count, a, b in zip(counts, edges[:-1], edges[1:], strict=True):
            if count:
                parts.append(_bar(kind, a + inset, y(math.log10(count) + 1), b - inset))
    for bits, anchor in zip(
        np.linspace(-h.reach, h.reach, 5), ("start", *["middle"] * 3, "end"), strict=True
    ):
        parts.append(_text(x(bits), FLOOR + 15, _factor(2.0**bits), anchor))
    parts += [_line(at, TOP, at, FLOOR, "clip-line") for at in ends]
    old = f.anchor == "logp_old"
    parts += [
        _line(LEFT, FLOOR, RIGHT, FLOOR, "axis"),
        _text(196, HEIGHT - 5, say("figure.axis", anchor="π_old" if old else "μ"), "middle"),
    ]
    quantiles = f.spreads[1 if old else 0].quantiles
    label = say(
        "figure.ratios",
        f=f,
        low=quantiles[2],
        high=quantiles[4],
        window_low=low,
        window_high=high,
    )
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def _linear(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """From values to pixels."""
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _bar(kind: str, left: float, top: float, right: float) -> str:
    return (
        f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
        f'height="{FLOOR - top:.1f}" />'
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" />'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text class="label" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def _factor(value: float) -> str:
    """A power of two as a ratio is read: 1/16, 0.71, 16."""
    whole = value if value >= 1 else 1 / value
    if whole < 2 or whole % 1:
        return f"{value:.2g}" if value < 1 else f"{value:.3g}"
    return f"{whole:,.0f}" if value >= 1 else f"1/{whole:,.0f}"
