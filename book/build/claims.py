"""What papers claim, and what we found: the table of *claims*, and what a method's own page says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from myst_parser.mdit_to_docutils.base import default_slugify

import trlab.claims
from trlab.claims import tell
from trlab.claims.outcome import NOT_TESTABLE, Told
from trlab.claims.text import VERDICTS
from trlab.verdict import NOT_SEEN, SEEN, UNDECIDED

FAMILY = {"gspo": "grpo", "cispo": "grpo", "sapo": "grpo", "dr_grpo": "grpo", "dapo": "grpo"}
"""Methods whose claims stand on another's card."""
COLUMNS = (SEEN, NOT_SEEN, UNDECIDED, NOT_TESTABLE)
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
            Counter(told.verdict for told in tell(card) if told.claim.ours is own)
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


def told_of(name: str, arxiv: str) -> list[Told]:
    """What became of a method's own claims; on a card that several methods share, of those from its
    paper."""
    card = of_method(name)
    if card is None:
        return []
    shared = card.name in FAMILY.values()
    return [one for one in tell(card) if not shared or one.claim.arxiv == arxiv]


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
