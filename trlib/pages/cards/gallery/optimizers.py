"""The gallery's branch `optimizers`: optimisers as trust regions."""

from __future__ import annotations

from trlib.pages.cards.card import MethodCard

CARDS: tuple[MethodCard, ...] = ()
