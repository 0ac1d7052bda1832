"""The dial: a task that can be drawn, before and after a language model has learned it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import traitlets as t

from trbook.explorables.host import Learning

PROMPT = "4 : -5 sq x7 +3 +4 ="
"""What the policy is asked after every batch."""
LR, BATCHES, SEED = 1e-4, 30, 0
COMPLETIONS = 128
"""Of a batch: 16 prompts with 8 completions each."""
VIEWS = ("two", "eight", "group")


def settings(seed: int = SEED) -> dict[str, Any]:
    """The run, as the engine takes it."""
    return {
        "method": "reinforce",
        "epochs": 1,
        "thresholds": {},
        "lr": LR,
        "minibatches": 1,
        "prompts": 16,
        "group": 8,
        "seed": seed,
    }


def packed(learn: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """The record, JSON-able: `learn` gives the rewards of the batches, and eight answers before the
    first and after each."""
    run = learn(settings(), PROMPT)
    return {
        "command": "python -m book.build.pack.packs dial",
        "prompt": PROMPT,
        "batches": BATCHES,
        "settings": settings(),
        "right": [round(COMPLETIONS * reward) for reward in run["rows"]],
        "said": [[answer["words"] for answer in run["said"][at]] for at in (0, BATCHES)],
    }


class Dial(Learning):
    """What a language model answers to one prompt of `dial`: where a dial with twenty places stops.

    Two dials, one before training and one after, or the eight answers of a group, each on a dial of
    its own (`eight`), or with the advantage that the group gives it (`group`). *Train it here*
    trains the policy in the page, by the playground's engine, which is loaded then (0.4 MB).
    """

    module = "dial"
    checkpoint = "dial"
    shown: ClassVar[dict[str, dict[str, Any]]] = {
        "eight": {"view": "eight"},
        "group": {"view": "group"},
    }
    fallback = (
        "A dial with twenty places is turned five times. Before training the model guesses where it "
        "stops; after training it writes down every place, and is right."
    )
    placeholder_heights = (560, 430)

    view = t.Enum(VIEWS, "two", help=f"Two answers, or the eight of a group: one of {VIEWS}.")
