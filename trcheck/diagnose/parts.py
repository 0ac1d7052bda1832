"""What the sections of the page are made of: headings, figures and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable

from trcheck.diagnose.messages import say


def section(name: str, body: str) -> str:
    """A section under its heading."""
    return f"<section><h2>{say(f'page.{name}_heading')}</h2>\n{body}</section>\n"


def figure(svg: str, caption: str, legend: str = "") -> str:
    """A figure with its legend and caption."""
    legend = f'<ul class="legend">{legend}</ul>' if legend else ""
    return f"<figure>{svg}{legend}<figcaption>{caption}</figcaption></figure>"


def table(name: str, rows: Iterable[str], **values: object) -> str:
    """A table that scrolls sideways where it is wider than the page; the first cell of a row names
    it. Cells have ¦ between them.

    The caption, whose values are given, may hold markup; the table's name for a screen reader is
    its text.
    """
    caption = say(f"page.{name}_caption", **values)
    plain = re.sub(r"<[^>]*>", "", caption)
    heads = "".join(f'<th scope="col">{cell}</th>' for cell in say(f"page.{name}_heads").split("¦"))
    body = ""
    for first, *rest in (row.split("¦") for row in rows):
        cells = "".join(f"<td>{cell}</td>" for cell in rest)
        body += f'<tr><th scope="row">{first}</th>{cells}</tr>'
    return (
        f'<p class="caption">{caption}</p><div class="scroll" tabindex="0" role="region" '
        f'aria-label="{plain}">'
        f'<table aria-label="{plain}"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
    )
