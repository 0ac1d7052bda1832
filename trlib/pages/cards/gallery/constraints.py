"""The gallery's branch `constraints`: constraint and mirror descent."""

from __future__ import annotations

from trlib.pages.cards.card import MethodCard

CARDS: tuple[MethodCard, ...] = ()
