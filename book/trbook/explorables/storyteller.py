"""The storyteller: a policy that is trained on a reward model, beside a judge that is never wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trbook.explorables.host import Finite, Learning

SETTINGS = {"prompts": 8, "group": 4, "lr": 1.5e-3, "probe": 8}
"""Of the recorded sweeps on the reference policy."""
BATCHES, SEED = 40, 5
PROMPT = "a tale of a hare and a star :"
"""What the policy is asked after every batch."""


def settings(beta: float) -> dict[str, Any]:
    """A run, as the engine takes it."""
    return {"method": "pg_is", "beta": beta, **SETTINGS, "seed": SEED}


def packed(learn: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """The record of a run without a penalty, JSON-able.

    `learn`: settings -> `rows` of the history and `said`, the story before the first batch and
    after each."""
    learned = learn(settings(0.0))
    return {
        "command": "python -m book.build.pack.packs storyteller",
        "prompt": PROMPT,
        "batches": BATCHES,
        "settings": settings(0.0),
        "rows": [
            {name: round(row[name], 4) for name in ("reward", "right", "kl_ref_seq")}
            for row in learned["rows"]
        ],
        "said": [
            [" ".join(story["words"]), story["ended"], story["good"]] for story in learned["said"]
        ],
    }


class Storyteller(Learning):
    """A language model learns to please a reward model that counts words, and a judge watches.

    A recorded run without a penalty plays by itself, where motion is not unwished for, until it stays
    more than 6 nats from its beginning; how it ends is seen by a press. Three buttons train a policy in
    the page, by the playground's engine, which is loaded then (0.4 MB), with a weight β on the KL
    divergence to the policy that the run began with: 0.01, 0.1 or 1. The address holds which one, and
    a link asks what will come of it.
    """

    module = "storyteller"
    checkpoint = "tales"
    fallback = (
        "A policy that tells stories is trained on a reward model. Without a penalty on the KL "
        "divergence to the first policy its reward rises and its language dissolves; with a "
        "penalty of 0.1 the stories stay good."
    )
    placeholder_heights = (560, 430)

    beta = Finite(0.0, help="β, the weight of the penalty in the run that was begun last.")
