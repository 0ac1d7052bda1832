"""A card for every method: formula, what is kept close to what and how, weight, defaults, cost,
claims, deviations.

    from trbook.cards import CARDS
    CARDS["dppo"].how

One source of truth: what a card states by hand stands once, in `gradients`, `ratios`,
`divergences`, `experts` and `gallery`; all else is read off the code and the records. The cards'
pages, the comparison table and the taxonomy are made of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from trbook.cards import divergences, experts, gallery, gradients, ratios
from trbook.cards.card import FAMILIES, GALLERY, MethodCard

CARDS: Mapping[str, MethodCard] = {
    card.name: card
    for card in (
        *gradients.CARDS,
        *ratios.CARDS,
        *divergences.CARDS,
        *experts.CARDS,
        *gallery.CARDS,
    )
}
"""From name to card: the main line in the order of families and chapters, then the gallery by its
branches."""

__all__ = ["CARDS", "FAMILIES", "GALLERY", "MethodCard"]
