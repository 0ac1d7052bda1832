"""A teacher for `dial`, and PPO whose advantages it gives, for the sweep `distil`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar

from torch import Tensor

from trlib import checks
from trlib.algorithms import PPO
from trlib.algorithms.kl_penalty import adapt
from trlib.algorithms.method import Anchor, Batch, Step
from trlib.algorithms.needs import Needs


@cache
def teacher() -> dict[str, Tensor]:
    """The teacher's weights by name."""
    import trlib

    policy = trlib.load_policy("dial")
    settings: dict[str, Any] = {
        "steps": 8,
        "prompts": 16,
        "group": 8,
        "epochs": 2,
        "lr": 3e-4,
        "warmup": 0,
    }
    trlib.train(
        policy, trlib.load_task("dial"), PPO(), seed=99, probe=0, progress=False, **settings
    )
    return {name: p.detach().clone() for name, p in policy.model.named_parameters()}


@dataclass(frozen=True, kw_only=True)
class Distil(PPO):
    """PPO's clip on the reverse KL to a teacher, with the reward or without it."""

    version: ClassVar[int | str] = 1

    beta: float = checks.setting(1.0, above=0)
    """Weight of log π_T - log π_old beside the reward's advantage."""
    reward: float = checks.setting(0.0, least=0)
    """Weight of the reward's advantage."""
    radius: float = checks.setting(0.0, least=0)
    """Nats per token at which PPO's rule (`adapt`) keeps the mean log π_old/π_T; 0: β stays."""

    def needs(self, anchor: Anchor) -> Needs:
        return Needs(old=True, reference=True)

    def prepare(self, batch: Batch) -> Batch:
        ready = super().prepare(batch)
        gap = (batch.logp_ref - batch.logp_old).where(batch.mask, 0.0)
        beta = float(batch.memory.get("beta", self.beta))
        if self.radius and batch.number:
            beta = adapt(beta, -float(gap[batch.mask].mean()), self.radius)
            batch.memory["beta"] = beta
        return replace(ready, advantages=self.reward * ready.advantages + beta * gap)

    def update(self, step: Step) -> None:
        super().update(step)
        if step.batch.number == 0:
            for name, p in step.reference.items():
                p.copy_(teacher()[name])
