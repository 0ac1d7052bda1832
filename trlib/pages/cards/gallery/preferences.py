"""The gallery's branch `preferences`: preferences."""

from __future__ import annotations

from trlib.pages.cards.card import MethodCard

CARDS: tuple[MethodCard, ...] = ()
