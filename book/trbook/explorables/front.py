"""The front page's figure: a language model learns, collapses, and is stable with a clip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import traitlets as t

from trbook.explorables.host import Packed
from trbook.explorables.playground import presets

PROMPT = "4 : -5 sq x7 +3 +4 ="
"""What the policies are asked after every batch."""
LANES = {
    "once": {"method": "reinforce", "epochs": 1},
    "reuse": {"method": "pg_is", "epochs": 16},
    "clip": {"method": "ppo", "epochs": 16},
}
"""Three ways to use a batch of 16 prompts with 8 completions each."""
LR, BATCHES, SEEDS = 1e-4, 30, 8
COMPLETIONS = 128
"""Of a batch."""
LAST = 10
"""Batches whose mean says how a run ended."""
GRADES = (0.9, 0.5, 0.1)
"""A word's mark gets heavier where its probability, when it was drawn, is below each of these."""


def settings(lane: str, seed: int) -> dict[str, Any]:
    """A lane, as the engine takes it."""
    return {
        **LANES[lane],
        "thresholds": {},
        "lr": LR,
        "minibatches": 1,
        "prompts": 16,
        "group": 8,
        "seed": seed,
    }


def packed(learn: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """The record, JSON-able.

    Args:
        learn: lane, seed and perhaps a prompt -> `rows`, the rewards of the batches, and `said`,
            eight answers before the first batch and after each.
    """
    lanes = {}
    for lane in LANES:
        runs = [learn(lane, seed)["rows"] for seed in range(SEEDS)]
        middle = median([sum(rows[-LAST:]) for rows in runs])
        said = learn(lane, middle, PROMPT)["said"]
        lanes[lane] = {
            "right": [[round(COMPLETIONS * reward) for reward in rows] for rows in runs],
            "median": middle,
            "said": [typical(answers) for answers in said],
        }
    return {
        "command": "python -m book.build.pack.front",
        "prompt": PROMPT,
        "lr": LR,
        "completions": COMPLETIONS,
        "question": question(),
        "lanes": lanes,
    }


def question() -> dict[str, Any]:
    """The playground's question about three clips, as the front page asks it."""
    asked = presets()["wide"]["question"]
    return {
        **asked,
        "text": "With 16 epochs per batch: which clip ends highest, 0.05, 0.2 or 2?",
        "options": [[value, value] for value, _ in asked["options"]],
    }


def median(ends: list[float]) -> int:
    """Which of several runs ended in the middle: of two, the lower one."""
    return sorted(range(len(ends)), key=lambda i: ends[i])[(len(ends) - 1) // 2]


def typical(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Chooses the answer of eight that ended as most did: its words, a grade of each, whether it is
    right, and how many were."""
    right = sum(answer["right"] for answer in answers)
    one = next(answer for answer in answers if answer["right"] == (2 * right > len(answers)))
    return {
        "words": one["words"],
        "grades": [
            sum(p < least for least in GRADES)
            for p, _ in zip(one["p"], one["words"], strict=False)  # the end has no word
        ],
        "right": one["right"],
        "of8": right,
    }


class Front(Packed):
    """Reward of a policy with one epoch per batch, with sixteen, and with sixteen and PPO's
    clip: eight recorded seeds of each, the median one drawn, and what it writes after each batch.

    A slider sets the clip's width. When it is let go, a policy learns with that clip in the page,
    by the playground's engine, which is loaded then (0.4 MB).
    """

    module = "front"
    fallback = (
        "Share of right answers over 30 batches. A policy learns with one epoch per batch; with "
        "sixteen epochs it is ahead after one batch and collapses; with PPO's clip it is stable."
    )
    placeholder_heights = (700, 520)

    axis = t.Unicode(
        "batches", help="What lies along the x axis: `batches`, or `completions` on a log axis."
    )
    clip = t.CFloat(0.2, help="The clip's width of the curve that learns in the page.")
    _parts = t.Dict()

    @t.default("_parts")
    def _shipped(self) -> dict[str, str]:
        from trbook.explorables.parts import parts  # reads checkpoints: torch is loaded here

        return {name: text for name, text in parts().items() if name in ("engine", "dial")}

    def _more(self) -> dict[str, Any]:
        return {"parts": self._parts, "shared": "playground"}
