"""What the sweeps of updates share: a batch that is learned from in one update, in sixteen parts that
are each fitted once, or in sixteen fits of the whole batch.

*Parts* and *fits* have the same completions, the same number of updates and the same age of the data
in updates; only *fits* fits a completion twice. *Once* has the same completions and a sixteenth of
the updates. A run warms up over its first updates, so the warm-up is an axis: none, or ten batches'
worth, 10 updates of *once* and 160 of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.sweeps._third_round import BATCH

ONCE, PARTS, FITS = "once", "parts", "fits"
DATA = {ONCE: {}, PARTS: {"minibatches": 16}, FITS: {"epochs": 16}}
NONE, WARM = "none", "10 batches"


def arm(label: str) -> Variant:
    """An arm with its own number of updates in ten batches."""
    ten = 10 if label == ONCE else 160
    return Variant(
        "pg_is",
        label=label,
        train={**BATCH, **DATA[label]},
        instead={"warm-up": {WARM: {"warmup": ten}}},
    )


def bargain(
    title: str,
    text: str,
    rates: Sequence[float],
    seeds: Sequence[int],
    predictions: Sequence[Prediction],
    *,
    warm: bool = True,
    **more: Any,
) -> Sweep:
    """The three arms on one task."""
    points = {NONE: {"warmup": 0}, **({WARM: {"warmup": 10}} if warm else {})}
    variants = [arm(label) for label in DATA]
    if not warm:
        variants = [Variant("pg_is", label=one.label, train=one.train) for one in variants]
    return Sweep(
        title=title,
        round=6,
        question="equal updates",
        text=text,
        variants=variants,
        axes=[Axis("lr", tuple(rates)), Axis("warm-up", points)],
        seeds=seeds,
        budget=Budget(steps=24, prompts=512, samples=8, common=2026),
        aside=True,
        predictions=predictions,
        **more,
    )
