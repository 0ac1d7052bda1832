"""The cards of the gallery, one file per branch."""

from __future__ import annotations

from trbook.cards.gallery import (
    asynchrony,
    classical,
    constraints,
    finetuning,
    optimizers,
    preferences,
    ratios,
    regression,
    transport,
    values,
)

CARDS = (
    *ratios.CARDS,
    *constraints.CARDS,
    *regression.CARDS,
    *preferences.CARDS,
    *transport.CARDS,
    *values.CARDS,
    *optimizers.CARDS,
    *finetuning.CARDS,
    *classical.CARDS,
    *asynchrony.CARDS,
)
"""In the order of the branches."""
