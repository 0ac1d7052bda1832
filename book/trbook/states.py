"""One batch of any method on a few states that share features: what a step does to the farthest of
them.

    found = states_step(FixPO(), *states(seed=0))
    found.kl.max(), found.fixups

The policy is linear, logits = W x(s), and uniform at first, so that a batch in which every action
of every state occurs once is what it would draw on average: nothing is sampled. A state is a
prompt, and a completion has one token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from trbook.small import Linear, one_token
from trlib import checks
from trlib.algorithms import Method, Step
from trlib.divergences import kl


def states(
    seed: int, count: int = 20, actions: int = 8, features: int = 6
) -> tuple[Tensor, Tensor]:
    """Standard normal features [S, F] and advantages [S, K] of a random problem, float64."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, features, generator=generator, dtype=torch.float64)
    advantages = torch.randn(count, actions, generator=generator, dtype=torch.float64)
    return x, advantages - advantages.mean(1, keepdim=True)


@dataclass(frozen=True)
class Reached:
    """Where a batch's update has led."""

    gain: float  #: E_pi A, mean over the states.
    #: The same after the last update on the objective, before anything else that the method does.
    gain_before: float
    kl: Tensor  #: [S] KL(mu || pi) of each state, nats.
    before: Tensor  #: [S] the same at that moment.
    path: list[float]  #: The largest of them after each descent.
    memory: Mapping[str, Any]  #: What the method has kept.


def states_step(
    method: Method,
    features: Tensor,
    advantages: Tensor,
    *,
    uses: int = 100,
    lr: float = 0.1,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
) -> Reached:
    """What a method makes of one batch.

    Args:
        method: an objective that asks for no critic.
        features: [S, F]. advantages: [S, K], found as rewards; float64.
        uses: updates from the batch, before fix-ups.
        lr: the optimiser's.
        optimizer: a class of torch's.

    Raises:
        TypeError, ValueError: tensors of other shapes; a method that asks for a critic.
    """
    checks.floating("features", features, (None, None), "S, F")
    checks.floating("advantages", advantages, (len(features), None), "S, K")
    if method.needs(method.anchor).critic:
        raise ValueError(f"method: expected one without a critic, got {type(method).__name__}")
    linear = _Watched(
        features,
        features.new_zeros(advantages.shape[1], features.shape[1]),
        uses=checks.whole("uses", uses, least=1),
        lr=checks.number("lr", lr, above=0),
        optimizer=optimizer,
    )
    linear.begin(method, advantages)
    method.update(cast(Step, linear))
    return Reached(
        linear.gain(),
        linear.gain_before,
        linear.divergence(),
        linear.before,
        linear.path,
        linear.batch.memory,
    )


class _Watched(Linear):
    """A policy that knows how far its updates have led."""

    advantages: Tensor

    def begin(self, method: Method, advantages: Tensor) -> None:
        """Takes every action of every state once, by the policy as it is."""
        self.method, self.advantages = method, advantages
        self.path: list[float] = []
        self.gain_before = 0.0
        count, actions = advantages.shape
        tokens = torch.arange(actions).repeat(count)
        group = torch.arange(count).repeat_interleave(actions)
        self.start = self.whole().detach()
        logp = self.start[group, tokens].unsqueeze(-1)
        self.before = self.divergence()
        batch = one_token(
            tokens, group, advantages.reshape(-1), logp.squeeze(-1), anchor=method.anchor
        )
        full = self.start[group].unsqueeze(1)
        self.batch = method.prepare(batch.plus(logp_old=logp, logp_ref=logp, full_anchor=full))

    def divergence(self) -> Tensor:
        return kl(self.start, self.whole().detach())

    def gain(self) -> float:
        return float((self.whole().detach().exp() * self.advantages).sum(1).mean())

    def descend(self, loss: Tensor, *, lr_scale: float = 1.0) -> None:
        super().descend(loss, lr_scale=lr_scale)
        self.path.append(float(self.divergence().max()))
        if len(self.path) <= self.uses:
            self.before, self.gain_before = self.divergence(), self.gain()
