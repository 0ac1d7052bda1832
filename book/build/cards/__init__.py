"""The cards of all methods in `book/methods`: read, and compared with code and records.

    from book.build.cards import CARDS
    CARDS["dppo"].how

A person writes a card, a page of its own or a section of one, and a build fills in what is computed (`made`).
`card` reads one, `blocks` makes what is computed, from what `read` takes off the code, `outcome` off the records
and `curve` off the method itself; `tables` has the tables of all.
"""

from __future__ import annotations

from book.build.cards.card import FAMILIES, GALLERY, Card, read_cards
from book.build.paths import contents, source

PREFIX = "book/methods/"
CARDS: dict[str, Card] = {
    name: card
    for page in contents()
    if page.startswith(PREFIX)
    for name, card in read_cards(source(page)).items()
}
"""From name to card, in the order of the contents: families and chapters, then the gallery by its
branches."""

__all__ = ["CARDS", "FAMILIES", "GALLERY", "PREFIX", "Card"]
