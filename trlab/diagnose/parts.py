"""What the sections of the page are made of: headings, figures, tables, and numbers with the digits
they need."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from trlab.diagnose.answer import percent
from trlab.diagnose.texts import say

CONTROL: dict[int, str] = {**{i: chr(0x2400 + i) for i in range(32)}, 10: "↵", 9: "⇥", 127: "␡"}
"""Characters that would not be seen, and what stands for them."""


def visible(text: str) -> str:
    """A text whose control characters are seen."""
    return text.translate(CONTROL)


def number(value: float) -> str:
    """Three digits."""
    shown = (
        "∞" if value == float("inf") else f"{value:,.0f}" if 1000 <= value < 1e6 else f"{value:.3g}"
    )
    return shown.replace("e-0", "e-").replace("e+", "e")


def section(title: str, body: str) -> str:
    """A section under its heading."""
    return f"<section><h2>{title}</h2>\n{body}</section>\n"


def figure(svg: str, caption: str, legend: str = "") -> str:
    """A figure with its legend and caption."""
    legend = f'<ul class="legend">{legend}</ul>' if legend else ""
    return f"<figure>{svg}{legend}<figcaption>{caption}</figcaption></figure>"


def table(caption: str, heads: str, rows: Sequence[Sequence[str]]) -> str:
    """A table that scrolls sideways where it is wider than the page; the first cell of a row names
    it.

    `heads` are the columns' heads with ¦ between them. The caption may hold markup; the table's
    name for a screen reader is its text.
    """
    top = "".join(f'<th scope="col">{cell}</th>' for cell in heads.split("¦"))
    name = re.sub(r"<[^>]*>", "", caption)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>'
        + "".join(f"<td>{cell}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<p class="caption">{caption}</p><div class="scroll" tabindex="0" role="region" '
        f'aria-label="{name}">'
        f'<table aria-label="{name}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def token(text: str) -> str:
    """A token's text, as it can be seen."""
    shown = visible(text).replace(" ", "␣") if len(text) < 4 else visible(text)
    return (
        f'<span class="token">{escape(shown[:60])}{"…" if len(shown) > 60 else ""}</span>'
        if text
        else "∅"
    )


def share(share: float | None) -> str:
    """A share, or that there is none."""
    return say("page.none") if share is None else percent(share)


def or_none(value: float | None) -> str:
    """A number, or a dash."""
    return say("page.dash") if value is None else number(value)


def sub(text: str) -> str:
    """π_old with its index."""
    return text.replace("π_old", "π<sub>old</sub>")
