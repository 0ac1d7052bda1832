"""Claims cards: what each paper claims, our test of it, and what the record says, whichever way it
came out.

A card is declared as data, one file per method; every number and verdict on it is computed from a
record. These are tests of a mechanism on tiny tasks, never of a benchmark: what a paper shows at
its own size is named as not testable.

    from trlab.claims import cards, markdown
    for card in cards():
        print(markdown(card))
"""

from __future__ import annotations

from trlab.claims import centering, dppo, grpo, ppo, pspo, quatro, trapo, troll, trpo
from trlab.claims.card import Card, Claim, Test
from trlab.claims.outcome import Answer, Told, tell
from trlab.claims.text import markdown
from trlab.comparison import Side

__all__ = ["Answer", "Card", "Claim", "Side", "Test", "Told", "cards", "markdown", "tell"]


def cards() -> list[Card]:
    """Every card, in the order of the book's chapters."""
    return [
        trpo.CARD,
        ppo.CARD,
        grpo.CARD,
        dppo.CARD,
        quatro.CARD,
        troll.CARD,
        trapo.CARD,
        pspo.CARD,
        centering.CARD,
    ]
