"""What the sweeps of the push that are to be run share: how a batch's rewards become a push on each
completion, every batch used sixteen times. The recorded ones are `trlab/records/pushes`.

A is the reward less its group's mean, R the reward itself, 1 or 0; `1 and -1` is 2 R - 1. All but the
clip take no ratio.
"""

from collections.abc import Sequence

from trlab import Budget, Variant
from trlab.sweeps._third_round import BATCH

OFTEN = {**BATCH, "anchor": "rollout", "epochs": 16}
BUDGET = Budget(steps=24, prompts=512, samples=16, common=2026)
"""Sixteen samples of a prompt, so that the different right answers among them are counted."""
CLIP, LOG_A, LOG_R, SIGNED_LOG = "clip", "A log", "R log", "1 and -1 log"
ARMS = (
    Variant("reinforce", label=LOG_A),
    Variant("reinforce", {"advantage": "reward"}, label=LOG_R),
    Variant("reinforce", {"advantage": "plus-minus"}, label=SIGNED_LOG),
    Variant("ppo", label=CLIP),
)


def pick(*labels: str) -> Sequence[Variant]:
    """Some of the arms by their labels."""
    by_name = {arm.name: arm for arm in ARMS}
    return [by_name[label] for label in labels]
