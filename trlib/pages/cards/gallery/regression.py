"""The gallery's branch `regression`: regression to the optimum."""

from __future__ import annotations

from trlib.pages.cards.card import MethodCard

CARDS: tuple[MethodCard, ...] = ()
