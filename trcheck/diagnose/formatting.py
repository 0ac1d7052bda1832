"""How numbers and texts are written in the sentences of a diagnosis."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

CONTROL: dict[int, str] = {**{i: chr(0x2400 + i) for i in range(32)}, 10: "↵", 9: "⇥", 127: "␡"}
"""Characters that would not be seen, and what stands for them."""
NOUNS = ("tokens", "completions", "prompts")
"""What a sentence may count."""


def percent(share: float | None) -> str:
    """A share with the digits that it needs: 12 %, 1.3 %, 0.04 %."""
    if share is None:
        return '<span class="none">none</span>'
    value = 100 * float(share)
    digits = 0 if value == 0 or value >= 10 else 1 if value >= 0.95 else 2
    return f"{value:.{digits}f} %" if value == 0 or value >= 0.005 else "under 0.01 %"


def number(value: float | None) -> str:
    """Three digits."""
    if value is None:
        return '<span class="none">–</span>'
    shown = (
        "∞" if value == float("inf") else f"{value:,.0f}" if 1000 <= value < 1e6 else f"{value:.3g}"
    )
    return shown.replace("e-0", "e-").replace("e+", "e")


def visible(text: str) -> str:
    """A text whose control characters are seen."""
    return text.translate(CONTROL)


def token(text: str) -> str:
    """A token's text, as it can be seen."""
    if not text:
        return "∅"
    shown = visible(text).replace(" ", "␣") if len(text) < 4 else visible(text)
    # ¦ parts the cells of a row.
    cut = escape(shown[:60]).replace("¦", "&#166;")
    return f'<span class="token">{cut}{"…" if len(shown) > 60 else ""}</span>'


WAYS: dict[str, Callable[[Any], str]] = {
    "percent": percent,
    "number": number,
    "token": token,
    "text": escape,
    "shown": lambda text: escape(visible(text)),
}
"""Words that a sentence may use where Python has a format such as `.2g`."""


def written(value: Any, way: str) -> str:
    """A value as a sentence asks for it: by one of `WAYS`, as a number of `NOUNS`, or as Python
    does."""
    if way in NOUNS:
        return f"{value:,} {way.removesuffix('s') if value == 1 else way}"
    return WAYS[way](value) if way in WAYS else format(value, way)
