"""The cards of all methods, `book/methods/NAME.md`: read, and compared with code and records.

    from book.build.cards import CARDS
    CARDS["dppo"].how

A person writes a card, and a build fills in what is computed (`made`). `card` reads one, `blocks` makes
what is computed, from what `read` takes off the code, `outcome` off the records and
`curve` off the method itself; `tables` has the tables of all.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from book.build.cards.card import FAMILIES, GALLERY, Card, read_card
from book.build.paths import ROOT, contents

FOLDER = ROOT / "book" / "methods"
CARDS: Mapping[str, Card] = {
    name: read_card(FOLDER / f"{name}.md")
    for name in (Path(page).name for page in contents() if page.startswith("book/methods/"))
    if name != "index"
}
"""From name to card, in the order of the contents: families and chapters, then the gallery by its
branches."""

__all__ = ["CARDS", "FAMILIES", "FOLDER", "GALLERY", "Card"]
