"""What the sweeps of the push share: how a batch's rewards become a push on each completion.

One loop, one batch of 16 prompts x 8 completions, and everywhere the same rewards, 1 or 0. The arms
differ in what is made of them:

- the push: the reward less its group's mean (A), the reward itself (R), right answers only
  (max(A, 0)), wrong answers only, A shifted up by δ, the reward written as 1 and -1 (2 R - 1), and
  R on groups alone that hold both kinds;
- whether it is weighed by the ratio to the sampler (r A) or not (A log π);
- a region: PPO's clip, its upper or its lower side alone, DPPO's mask, TROLL.

Pushes without a ratio are `reinforce`, those with one `pg_is`; both go through a batch as often as
the regions do. One arm has no setting: A log π less the group's mean times KL(q || π), exact over
the vocabulary, with q the sampler. In the mean over completions it is R log π.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import torch

from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.sweep import load_sweep
from trlab.sweeps._third_round import BATCH
from trlab.tuning import rates_at, tuning_runs
from trlib.algorithms import Batch, Needs, Scores, TokenLoss
from trlib.algorithms.kl_penalty import token_kl
from trlib.algorithms.method import Anchor
from trlib.algorithms.reinforce import REINFORCE, reinforce_loss

QUESTION = "the push"
TRAIN = {**BATCH, "anchor": "rollout"}
OFTEN = {**TRAIN, "epochs": 16}
BUDGET = Budget(steps=24, prompts=512, samples=16, common=2026)
"""Sixteen samples of a prompt, so that pass@16 and the different right answers are the price."""


asked = partial(Sweep, round=6, question=QUESTION, train=OFTEN, budget=BUDGET, aside=True)
"""A sweep of this question: every batch is used sixteen times, 24 batches, unless it says otherwise."""


@dataclass(frozen=True, kw_only=True)
class Pulled(REINFORCE):
    """A log π less β KL(q || π), β the group's mean reward."""

    version = "1"

    def needs(self, anchor: Anchor) -> Needs:
        return Needs(old=False, full=True, full_anchor=True)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        loss = reinforce_loss(scores.logp, **batch.credit)
        beta = (batch.rewards.unsqueeze(-1) - batch.advantages).detach()
        kl = token_kl(batch.full_anchor, scores.full, mask=batch.mask)
        p, q = (x.detach().exp() for x in (scores.logp, batch.logp_anchor))
        pull = beta * (q - p) / (1 - p).clamp(min=torch.finfo(p.dtype).eps)
        weight = loss.diagnostics["weight"] + pull.masked_fill(~batch.mask, 0.0)
        return TokenLoss(loss.per_token + beta * kl, {**loss.diagnostics, "weight": weight})


PULLED = f"{Path(__file__)}:Pulled"
CLIP, CLIP_R, DPPO, TROLL = "clip", "clip on R", "dppo", "troll"
RATIO_A, LOG_A, LOG_R, RATIO_R = "r A", "A log", "R log", "r R"
RIGHT_LOG, RATIO_RIGHT, RATIO_WRONG = "right log", "r right", "r wrong"
SIGNED_LOG, RATIO_SIGNED = "1 and -1 log", "r 1 and -1"
SHIFTED = {delta: f"A + {delta:g} log" for delta in (0.1, 0.3, 1.0)}
PULLED_LOG, MIXED_LOG = "A log - mean KL", "R log, mixed groups"
CLIP_WRONG, CLIP_RIGHT = "clip on wrong", "clip on right"
ARMS = (
    Variant("pg_is", label=RATIO_A),
    Variant("reinforce", label=LOG_A),
    Variant("reinforce", {"advantage": "reward"}, label=LOG_R),
    Variant("pg_is", {"advantage": "reward"}, label=RATIO_R),
    Variant("reinforce", {"advantage": "right-only"}, label=RIGHT_LOG),
    Variant("pg_is", {"advantage": "right-only"}, label=RATIO_RIGHT),
    Variant("pg_is", {"advantage": "wrong-only"}, label=RATIO_WRONG),
    Variant("reinforce", {"advantage": "plus-minus"}, label=SIGNED_LOG),
    Variant("pg_is", {"advantage": "plus-minus"}, label=RATIO_SIGNED),
    *(Variant("reinforce", {"shift": delta}, label=name) for delta, name in SHIFTED.items()),
    Variant(PULLED, label=PULLED_LOG),
    Variant("reinforce", {"advantage": "mixed-reward"}, label=MIXED_LOG),
    Variant("ppo", label=CLIP),
    Variant("ppo", {"advantage": "reward"}, label=CLIP_R),
    Variant("ppo", {"eps_high": inf}, label=CLIP_WRONG),
    Variant("ppo", {"eps_low": 1.0}, label=CLIP_RIGHT),
    Variant("dppo", {"delta_tv": 0.15}, label=DPPO),
    Variant("troll", label=TROLL),
)


def pick(*labels: str) -> Sequence[Variant]:
    """Some of the arms by their labels."""
    by_name = {arm.name: arm for arm in ARMS}
    return [by_name[label] for label in labels]


def at_distances(recorded: str, distances: Sequence[float], *labels: str, **more: Any) -> Sweep:
    """Some of the arms, each at the learning rates at which a recorded sweep of the push moves the
    median batch so far, as the axis `nats`."""
    points = {f"{nats:g}": nats for nats in distances}
    tuned = load_sweep(recorded)
    rates = rates_at(tuning_runs(tuned, derived=True), points)
    return asked(
        question="the push at an equal distance",
        variants=[
            replace(
                arm,
                instead={"nats": {point: {"lr": rate} for point, rate in rates[arm.name].items()}},
            )
            for arm in pick(*labels)
        ],
        axes=[Axis("nats", {point: {} for point in points})],
        tuned_on=tuned.seeds,
        **more,
    )


EIGHT = (RATIO_A, LOG_R, RIGHT_LOG, RATIO_R, SIGNED_LOG, CLIP, CLIP_R, TROLL)
LOW, MIDDLE = {"lr": "3e-05"}, {"lr": "0.0001"}


def elsewhere(
    title: str, text: str, labels: Sequence[str], seeds: Sequence[int], **more: Any
) -> Sweep:
    """Some of the arms on another task, at the two rates at which they differ most on `dial`. What
    is predicted is what the pilots showed on `dial`: plain rewards above the clip on advantages, 1
    and -1 below 1 and 0, right answers alone above the clip."""
    return asked(
        title=title,
        text=text,
        variants=pick(*labels),
        axes=[Axis("lr", (3e-5, 1e-4))],
        seeds=seeds,
        predictions=[
            *(
                Prediction(f"plain rewards end above the clip at {rate}", LOG_R, CLIP, at=at)
                for rate, at in (("3e-5", LOW), ("1e-4", MIDDLE))
            ),
            Prediction(
                "right answers alone end above the clip at 1e-4", RIGHT_LOG, CLIP, at=MIDDLE
            ),
            Prediction("1 and -1 end below 1 and 0 at 1e-4", LOG_R, SIGNED_LOG, at=MIDDLE),
            Prediction(
                "the clip on plain rewards ends where plain rewards do at 1e-4, within .05",
                CLIP_R,
                LOG_R,
                within=0.05,
                at=MIDDLE,
            ),
            Prediction(
                "the price: plain rewards leave fewer different right answers than the clip at 3e-5",
                CLIP,
                LOG_R,
                "distinct",
                at=LOW,
            ),
        ],
        **more,
    )
