"""The cards of all methods, `book/methods/NAME.md`: read, and compared with code and records.

    from book.build.cards import CARDS
    CARDS["dppo"].how

A person writes a card, and a build fills in what is computed (`made`). `card` reads one, `blocks` makes
what is computed, from what `read` takes off the code, `outcome` off the records and
`curve` off the method itself; `tables` has the tables of all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from book.build.cards.card import FAMILIES, GALLERY, Card, read_card
from book.build.paths import ROOT, contents

FOLDER = ROOT / "book" / "methods"


@cache
def _read() -> dict[str, Card]:
    names = (Path(page).name for page in contents() if page.startswith("book/methods/"))
    return {name: read_card(FOLDER / f"{name}.md") for name in names if name != "index"}


class _Cards(Mapping[str, Card]):
    """Read when first used: what is wrong with a card is said by whoever asks for it, in a sentence."""

    def __getitem__(self, name: str) -> Card:
        return _read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_read())

    def __len__(self) -> int:
        return len(_read())


CARDS: Mapping[str, Card] = _Cards()
"""From name to card, in the order of the contents: families and chapters, then the gallery by its
branches."""

__all__ = ["CARDS", "FAMILIES", "FOLDER", "GALLERY", "Card"]
