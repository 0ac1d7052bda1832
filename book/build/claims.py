"""What papers claim, and what we found: the table of *claims*, and what a method's own page says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from myst_parser.mdit_to_docutils.base import default_slugify

import trlab.claims
from book.build.ext.made import MADE
from book.build.markdown import escape
from book.build.paths import ROOT
from trlab.claims import tell
from trlab.claims.outcome import IN_ONE_CELL, NOT_TESTABLE
from trlab.claims.text import VERDICTS, printed_verdict
from trlab.verdicts import DESCRIBED, NOT_SEEN, SEEN, UNDECIDED

FAMILY = {"gspo": "grpo", "cispo": "grpo", "sapo": "grpo", "dr_grpo": "grpo", "dapo": "grpo"}
"""Methods whose claims stand on another's card."""
COLUMNS = (SEEN, IN_ONE_CELL, NOT_SEEN, UNDECIDED, DESCRIBED, NOT_TESTABLE)
"""The verdicts that a paper's claims have."""


@lru_cache(maxsize=1)
def every() -> dict[str, trlab.claims.Card]:
    """The cards by their name."""
    return {card.name: card for card in trlab.claims.cards()}


def rows_of(cards: Iterable[trlab.claims.Card]) -> list[tuple[str, ...]]:
    """Of each card its title and how many of the paper's claims came out which way (`COLUMNS`), and
    apart from them the questions that are ours."""
    rows = []
    for card in cards:
        papers, ours = (
            Counter(judged.verdict for judged in tell(card) if judged.claim.ours is own)
            for own in (False, True)
        )
        rows.append(
            (card.title, *(str(papers[verdict] or "") for verdict in COLUMNS), summed(ours))
        )
    return rows


def summed(count: Counter[str]) -> str:
    """The verdicts of a card in a line."""
    short = {
        verdict: text.partition(":")[0].removeprefix("mechanism ")
        for verdict, text in VERDICTS.items()
    }
    return ", ".join(
        f"{count[verdict]} {text}" for verdict, text in short.items() if count[verdict]
    )


def of_method(name: str) -> trlab.claims.Card | None:
    """The card on which a method's claims stand, its own or its family's; None: nothing is
    claimed."""
    return every().get(FAMILY.get(name, name))


def shown_of(name: str, arxiv: str) -> list[tuple[str, str]]:
    """A method's own claims and their verdicts, as the page of claims has them: judging them again takes
    as long as reading all records. Where several methods share a card, those of the method's paper."""
    card = of_method(name)
    if card is None:
        return []
    page = (ROOT / "book" / "claims.md").read_text(encoding="utf-8")
    blocks = {found[2].strip(): found[3] for found in MADE.finditer(page) if found[2]}
    printed = {printed_verdict(verdict): text for verdict, text in VERDICTS.items()}
    shared = card.name in FAMILY.values()
    return [
        (escape(claim.text), printed[found[1]])
        for claim in card.claims
        for found in [
            re.search(rf"{re.escape(claim.text)} \(.+?\) \*\*(.+?)\.\*\*", blocks[card.name])
        ]
        if found and (not shared or claim.arxiv == arxiv)
    ]


def card_of(module: str) -> str:
    """A link from a method's page to its card, in a paragraph; empty where it has none."""
    card = of_method(module.rpartition(".")[2]) if module.startswith("trlib.algorithms.") else None
    return (
        "What the papers claim for it, and what we found: "
        f"[claims](../claims.md#{default_slugify(card.title)}).\n\n"
        if card
        else ""
    )


def body(markdown: str) -> str:
    """A card's Markdown without its first line, the heading."""
    heading, _, rest = markdown.partition("\n")
    if not heading.startswith("## "):
        raise ValueError(f"markdown: expected a heading in the first line, got {heading!r}")
    return rest.strip()
