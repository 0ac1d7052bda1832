"""What `gated` runs: reuse that watches completions of its own, and rewards that are dealt again."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from trlab.records.own._blind import chance
from trlib.algorithms import Batch
from trlib.algorithms.ppo import PGIS


@dataclass(frozen=True, kw_only=True)
class Gated(PGIS):
    """The unclipped run, which learns from half of each batch's prompts and stops reusing them when
    the other half says so.

    After each update the surrogate's gain on the second half, mean (r - 1) A over its tokens, is
    compared with the best one so far; the first that is lower ends the batch. The update that
    lowered it is not undone. The second half has no gradient: its advantages are 0, so every mean
    keeps its denominator."""

    version = "1"

    def prepare(self, batch: Batch) -> Batch:
        ready = super().prepare(batch)
        assert ready.advantages is not None
        judges = _judges(batch)
        batch.memory["gate"] = (ready.advantages * batch.mask)[judges]
        silent = ready.advantages.clone()
        silent[judges] = 0.0
        return replace(ready, advantages=silent)

    def update(self, step: Any) -> None:
        judges, best = _judges(step.batch), 0.0
        advantages, mask = step.batch.memory["gate"], step.batch.mask[judges]
        for part in step.minibatches():
            part.descend(part.loss())
            with torch.no_grad():
                logp = step.score(judges).logp
            gain = _gain(logp, step.batch.logp_rollout[judges], advantages, mask)
            if gain < best:
                return
            best = gain


def _judges(batch: Batch) -> Tensor:
    """The rows of the second half of the batch's prompts."""
    groups = int(batch.group.max()) + 1
    return (batch.group >= groups // 2).nonzero().squeeze(-1)


def _gain(logp: Tensor, logp_old: Tensor, advantages: Tensor, mask: Tensor) -> float:
    return float((torch.expm1(logp - logp_old) * advantages)[mask].double().mean())


@dataclass(frozen=True, kw_only=True)
class Permuted(PGIS):
    """The unclipped run, whose rewards are dealt again among the completions of each prompt: the
    same advantages, which say nothing. What it fits is luck alone."""

    version = "1"

    def prepare(self, batch: Batch) -> Batch:
        dice = chance(batch)
        rewards = batch.rewards.clone()
        for group in batch.group.unique():
            rows = (batch.group == group).nonzero().squeeze(-1)
            rewards[rows] = rewards[rows[torch.randperm(len(rows), generator=dice)]]
        return replace(super().prepare(replace(batch, rewards=rewards)), rewards=batch.rewards)
