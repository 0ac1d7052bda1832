"""What is computed on methods' pages. Nobody commits it: a page's source has a line `<!--made runs-->`,
and a build puts what `blocks` makes in its place (`book.build.ext.cards`)."""

from __future__ import annotations

import re

from book.build import numbers
from book.build.cards import CARDS, blocks
from book.build.cards.draw import OUT, drawn, shape, small
from trbook.figures import drawing
from trlab.counted import recorded_runs

MARK = re.compile(r"^<!--made (\S+)-->$", re.MULTILINE)
"""A block's place on a method's page."""
WEIGHTS = "<!--made weights-->"
ROW = re.compile(r"^\| (?=\[[^\]]+\]\((?:methods/)?(\w+)\.md\))", re.MULTILINE)
"""The beginning of a method's row, and the name of its page."""


def prepare() -> None:
    """Reads and computes once what every process that reads cards would read again."""
    recorded_runs()
    for name, card in CARDS.items():
        if WEIGHTS in card.text:
            shape(name)


def filled(name: str) -> str:
    """The source of a method's page with its blocks, as the book shows it; draws its curve.

    Raises:
        ValueError: a block of another name, or one that a method cannot have.
    """
    card = CARDS[name]
    for block in MARK.findall(card.text):
        if block not in blocks.BLOCKS:
            raise ValueError(
                f"{name}.md: expected <!--made ...--> with one of {', '.join(blocks.BLOCKS)}, got {block}"
            )
    if WEIGHTS in card.text:
        OUT.mkdir(parents=True, exist_ok=True)
        for file, text in drawing(drawn(card)).files(OUT / f"{name}.svg").items():
            file.write_text(text, encoding="utf-8")
    text = MARK.sub(lambda match: "\n".join(blocks.BLOCKS[match[1]](card)).strip(), card.text)
    return numbers.ROLE.sub(lambda match: numbers.commented(match[1]), text)


def with_curves(table: str) -> str:
    """The table of methods with each method's curve beside its name."""

    def beside(row: re.Match[str]) -> str:
        return f"| {small(row[1])} " if WEIGHTS in CARDS[row[1]].text else row[0]

    return ROW.sub(beside, table)
