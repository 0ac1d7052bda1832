"""Methods whose name means something else too; `book/names.md` says what, under these headings."""

from __future__ import annotations

from collections.abc import Mapping

NAMESAKES: Mapping[str, str] = {
    name: name.upper()
    for name in (
        *("adpo", "bapo", "capo", "cppo", "dapo", "dppo", "dro", "drpo", "mdpo", "opo"),
        *("pspo", "sam", "sapo", "spo", "tpo", "trapo", "wpo"),
    )
}
"""From the card's name to the heading."""


def pointer(name: str) -> str:
    """The link of a card whose name is taken twice, in Markdown, for a page in `book/methods`;
    empty: it is not."""
    heading = NAMESAKES.get(name)
    return (
        f"[the name {heading} has other meanings](../names.md#{heading.lower()})" if heading else ""
    )
