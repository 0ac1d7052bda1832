"""The update box of a policy so small that it needs no loop: a completion has one token, and the
distributions of all its states fit a table.

`SmallStep` is the `Step` that a method's own `update` receives; `Linear` is the policy
logits = W x(s). A bandit is one state with the feature 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor

from trlib.algorithms import Batch, Method, Scores
from trlib.loop.reference import penalised
from trlib.loop.requirements import needs_of

Perturb = Callable[[Tensor], Tensor]


def one_token(
    tokens: Tensor,
    group: Tensor,
    rewards: Tensor,
    logp: Tensor,
    *,
    forced: bool = False,
    **more: Any,
) -> Batch:
    """Completions of one token, [B] each; `forced`: an expert wrote them."""
    every = torch.ones(len(tokens), 1, dtype=torch.bool)
    return Batch(
        tokens=tokens.unsqueeze(-1),
        mask=every ^ forced,
        forced=every & forced,
        rewards=rewards,
        group=group,
        ended=every[:, 0],
        horizon=1,
        logp_rollout=logp.unsqueeze(-1),
        **more,
    )


class SmallStep:
    """One batch, gone through `uses` times; a kind of policy says what `full` is."""

    critic: list[Tensor] = []  # noqa: RUF012
    method: Method
    batch: Batch

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        *,
        uses: int,
        lr: float,
        optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
        **options: Any,
    ) -> None:
        self.weights = {name: p.clone().requires_grad_() for name, p in weights.items()}
        self.reference = {name: p.clone() for name, p in weights.items()}
        self.parameters = list(self.weights.values())
        self.optimizer = optimizer(self.parameters, lr=lr, **options)
        self.uses, self.lr = uses, lr

    def full(self, batch: Batch, weights: Mapping[str, Tensor], perturb: Perturb | None) -> Tensor:
        """[B, 1, V] log-probs of the whole distribution, for each completion of the batch."""
        raise NotImplementedError

    def hidden(self, batch: Batch) -> Tensor | None:
        """[B, 1, H] what the output layer reads, where there is one."""
        return None

    def minibatches(self) -> Iterator[Self]:
        return iter([self] * self.uses)

    def score(
        self,
        rows: Tensor | None = None,
        *,
        weights: Mapping[str, Tensor] | None = None,
        double_backward: bool = False,
        perturb: Perturb | None = None,
    ) -> Scores:
        batch = self.batch if rows is None else self.batch.rows(rows)
        full = self.full(batch, self.weights if weights is None else weights, perturb)
        logp = full.gather(-1, batch.tokens.unsqueeze(-1)).squeeze(-1)
        return Scores(logp, full, hidden=self.hidden(batch))

    def loss(self, scores: Scores | None = None) -> Tensor:
        scores = scores or self.score()
        token_loss = self.method.objective(scores, self.batch)
        if (near := self.method.kept_near) is not None:
            token_loss = penalised(near, token_loss, scores, self.batch)
        return self.method.loss(token_loss.per_token, self.batch)

    def descend(self, loss: Tensor, *, lr_scale: float = 1.0) -> None:
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.param_groups[0]["lr"] = self.lr * lr_scale
        self.optimizer.step()

    def report(self, loss: float, grad_norm: float) -> None:
        pass

    def move_reference(self, share: float = 1.0) -> None:
        if not needs_of(self.method, self.batch.anchor).reference:
            raise ValueError(
                "reference: the method has none; its `needs` must name it: Needs(reference=True)"
            )
        for name, p in self.weights.items():
            self.reference[name].lerp_(p.detach(), share)


class Linear(SmallStep):
    """Logits W x(s); a completion's state is its group."""

    def __init__(self, x: Tensor, W: Tensor, **more: Any) -> None:
        super().__init__({"W": W}, **more)
        self.x = x

    def whole(self, weights: Mapping[str, Tensor] | None = None) -> Tensor:
        """[S, K] log-probs of every state."""
        return (self.x @ (weights or self.weights)["W"].T).log_softmax(-1)

    def full(self, batch: Batch, weights: Mapping[str, Tensor], perturb: Perturb | None) -> Tensor:
        if perturb is not None:
            raise ValueError("perturb: expected a policy with embedded tokens, got a table")
        return self.whole(weights)[batch.group].unsqueeze(1)

    def hidden(self, batch: Batch) -> Tensor:
        return self.x[batch.group].unsqueeze(1)

    def directional(self, direction: Sequence[Tensor], rows: Tensor | None = None) -> Tensor:
        moved = self.x @ direction[0].T
        slope = moved - (self.whole().detach().exp() * moved).sum(-1, keepdim=True)
        return slope[self.batch.group if rows is None else self.batch.group[rows]].unsqueeze(1)
