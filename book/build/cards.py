"""The pages of the method cards, `book/methods/NAME.md`, with their figures (`python -m
book.build.write`).

`trbook.cards` holds what a card states by hand and reads the rest off code and records. An entry
`book/methods/NAME` of the table of contents is the page of `NAME`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from book.build import numbers
from book.build.ext import claims
from book.build.ext.generated_tables import escape
from book.build.ext.modules import entries
from book.build.ext.terms import slug
from book.build.paths import ROOT, contents
from book.build.records import table
from trbook.cards import CARDS, MethodCard, doors, read, text
from trbook.cards.draw import drawing
from trlab.claims.text import VERDICTS

FOLDER = ROOT / "book" / "methods"


def named() -> list[str]:
    """The cards that have a page.

    Raises:
        ValueError: the table of contents names one that there is not.
    """
    names = [Path(page).name for page in contents() if page.startswith("book/methods/")]
    for name in names:
        if name != "index" and name not in CARDS:
            raise ValueError(
                f"_toc.yml, book/methods/{name}: expected a method with a card, got {name}"
            )
    return [name for name in names if name != "index"]


def page(name: str) -> str:
    """A card's page."""
    card = CARDS[name]
    return numbers.filled(
        text.page(card, _chapter(card), lambda named: f"`{named}`", _claims(card))
    )


def write(name: str) -> bool:
    """Writes a card's page with its figure; whether its text is new."""
    if read.draws(CARDS[name]):
        figure = FOLDER / text.figure_of(name)
        figure.parent.mkdir(exist_ok=True)
        drawing(CARDS[name]).save(figure, narrow=True)
    new = not is_current(name)
    if new:
        (FOLDER / f"{name}.md").write_text(page(name), encoding="utf-8")
    return new


def is_current(name: str) -> bool:
    """Whether a card's page is what code and records say."""
    path = FOLDER / f"{name}.md"
    return path.exists() and path.read_text(encoding="utf-8") == page(name)


@cache
def _chapters() -> dict[str, str]:
    """The notebooks and what the table of contents calls them."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return {
        Path(entry["file"]).name: entry.get("title", "")
        for entry in entries(toc)
        if entry["file"].startswith("notebooks/")
    }


def _chapter(card: MethodCard) -> str:
    """The link to a card's chapter, or to its page of the gallery; empty: the book does not have
    it."""
    title = _chapters().get(card.chapter, "")
    number, dot, _ = title.partition(" · ")
    called = f"chapter {number}" if dot and card.name not in doors.DOORS else title
    return f"[{called}](../../notebooks/{card.chapter}.ipynb)" if title else ""


def _claims(card: MethodCard) -> str:
    """What is claimed of a method, what we found, and where it stands; empty: nothing is."""
    of = claims.of_method(card.name)
    told = claims.told_of(card.name, card.arxiv) if of else []
    if not of or not told:
        return ""
    rows = [(escape(one.claim.text), VERDICTS[one.verdict]) for one in told]
    link = f"[Tests and numbers](../claims.md#{slug(of.title)})"
    return f"{table(('claim', 'verdict here'), rows)}\n\n{link}"
