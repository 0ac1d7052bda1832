"""What is computed on methods' pages. Nobody commits it: a page's source has a line `<!--made runs-->`,
and a build puts what `blocks` makes in its place (`book.build.ext.cards`)."""

from __future__ import annotations

import re

from book.build import numbers
from book.build.cards import CARDS, Card, blocks
from book.build.cards.draw import OUT, drawn, shape, small
from trbook.figures import drawing
from trlab.counted import recorded_runs

SECTION = re.compile(r"^<!--\nname: .*?^-->\n", re.MULTILINE | re.DOTALL)
"""What stands at a section's head for the tables."""
MARK = re.compile(r"^<!--made (\S+)-->$", re.MULTILINE)
"""A block's place on a method's page."""
WEIGHTS = "<!--made weights-->"
ROW = re.compile(r"^\| (?=\[[^\]]+\]\((?:methods/)?([\w.#-]+)\))", re.MULTILINE)
"""The beginning of a method's row, and the address of its card."""


def prepare() -> None:
    """Reads and computes once what every process that reads cards would read again."""
    recorded_runs()
    for name, card in CARDS.items():
        if WEIGHTS in card.text:
            shape(name)


def filled(page: str, text: str) -> str:
    """The source of a page of methods with its blocks, as the book shows it; draws their curves.

    Raises:
        ValueError: a block of another name, or one that a method cannot have.
    """
    for card in CARDS.values():
        if card.page == page:
            text = text.replace(card.text, _filled(card))
    return SECTION.sub("", numbers.ROLE.sub(lambda match: numbers.commented(match[1]), text))


def _filled(card: Card) -> str:
    for block in MARK.findall(card.text):
        if block not in blocks.BLOCKS:
            raise ValueError(
                f"{card.page}.md, {card.name}: expected <!--made ...--> with one of "
                f"{', '.join(blocks.BLOCKS)}, got {block}"
            )
    if WEIGHTS in card.text:
        OUT.mkdir(parents=True, exist_ok=True)
        for file, text in drawing(drawn(card)).files(OUT / f"{card.name}.svg").items():
            file.write_text(text, encoding="utf-8")
    return MARK.sub(lambda match: "\n".join(blocks.BLOCKS[match[1]](card)).strip(), card.text)


def with_curves(table: str) -> str:
    """The table of methods with each method's curve beside its name."""

    cards = {card.link: card for card in CARDS.values()}

    def beside(row: re.Match[str]) -> str:
        card = cards[row[1]]
        return f"| {small(card.name)} " if WEIGHTS in card.text else row[0]

    return ROW.sub(beside, table)
