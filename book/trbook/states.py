"""One batch of any method on a few states that share features: what a step does to the farthest of
them.

    found = states_step(FixPO(), *states(seed=0))
    found.kl.max(), found.fixups

The policy is linear, logits = W x(s), and uniform at first, so that a batch in which every action
of every state occurs once is what it would draw on average: nothing is sampled. A state is a
prompt, and a completion has one token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from trlib import checks
from trlib.algorithms import Batch, Method, Provided, Scores, Step
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
    linear = _Linear(
        features,
        advantages,
        method,
        checks.whole("uses", uses, least=1),
        optimizer(
            [
                torch.zeros(
                    advantages.shape[1], features.shape[1], dtype=features.dtype, requires_grad=True
                )
            ],
            lr=checks.number("lr", lr, above=0),
        ),
    )
    method.update(cast(Step, linear))
    return Reached(
        linear.gain(),
        linear.gain_before,
        linear.divergence(),
        linear.before,
        linear.path,
        linear.batch.memory,
    )


class _Linear:
    """The `Step` of a linear policy."""

    critic: list[Tensor] = []  # noqa: RUF012

    def __init__(
        self,
        x: Tensor,
        advantages: Tensor,
        method: Method,
        uses: int,
        optimizer: torch.optim.Optimizer,
    ) -> None:
        self.x, self.advantages, self.method, self.uses, self.optimizer = (
            x,
            advantages,
            method,
            uses,
            optimizer,
        )
        self.parameters: list[Tensor] = optimizer.param_groups[0]["params"]
        self.weights: Mapping[str, Tensor] = {"W": self.parameters[0]}
        self.lr = optimizer.param_groups[0]["lr"]
        self.path: list[float] = []
        self.gain_before = 0.0
        count, actions = advantages.shape
        tokens = torch.arange(actions).repeat(count).unsqueeze(-1)
        mask = torch.ones_like(tokens, dtype=torch.bool)
        group = torch.arange(count).repeat_interleave(actions)
        self.start = self.whole().detach()
        logp = self.start[group].gather(-1, tokens)
        self.before = self.divergence()
        self.batch = method.prepare(
            Batch(
                tokens=tokens,
                mask=mask,
                forced=~mask,
                rewards=advantages.reshape(-1),
                group=group,
                ended=mask[:, 0],
                horizon=1,
                logp_rollout=logp,
                anchor=method.anchor,
                provided=Provided(
                    logp_old=logp, logp_ref=logp, full_anchor=self.start[group].unsqueeze(1)
                ),
            )
        )

    def whole(self) -> Tensor:
        """[S, K] log-probs of every state."""
        return (self.x @ self.parameters[0].T).log_softmax(-1)

    def divergence(self) -> Tensor:
        return kl(self.start, self.whole().detach())

    def gain(self) -> float:
        return float((self.whole().detach().exp() * self.advantages).sum(1).mean())

    def minibatches(self) -> Iterator[_Linear]:
        return iter([self] * self.uses)

    def score(self, rows: Tensor | None = None, **_: Any) -> Scores:
        own = self.batch if rows is None else self.batch.rows(rows)
        full = self.whole()[own.group].unsqueeze(1)
        return Scores(full.gather(-1, own.tokens.unsqueeze(-1)).squeeze(-1), full)

    def directional(self, direction: Sequence[Tensor], rows: Tensor | None = None) -> Tensor:
        moved = self.x @ direction[0].T
        slope = moved - (self.whole().detach().exp() * moved).sum(-1, keepdim=True)
        return slope[self.batch.group if rows is None else self.batch.group[rows]].unsqueeze(1)

    def loss(self, scores: Scores | None = None) -> Tensor:
        return self.method.loss(
            self.method.objective(scores or self.score(), self.batch).per_token, self.batch
        )

    def descend(self, loss: Tensor, *, lr_scale: float = 1.0) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.param_groups[0]["lr"] = self.lr * lr_scale
        self.optimizer.step()
        self.path.append(float(self.divergence().max()))
        if len(self.path) <= self.uses:
            self.before, self.gain_before = self.divergence(), self.gain()

    def report(self, loss: float, grad_norm: float) -> None:
        pass
