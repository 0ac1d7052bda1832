"""The gallery's branch `finetuning`: fine-tuning near a function."""

from __future__ import annotations

from trlib.pages.cards.card import MethodCard

CARDS: tuple[MethodCard, ...] = ()
