"""The gallery's branch `classical`: classical, and two players."""

from __future__ import annotations

from trlib.pages.cards.card import MethodCard

CARDS: tuple[MethodCard, ...] = ()
