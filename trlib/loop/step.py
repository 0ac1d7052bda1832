"""What the update box is handed: one minibatch, and the means to score, differentiate and descend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from trlib.algorithms.method import Batch, Method, Needs, Scores, TokenLoss
from trlib.loop.critic import Critic
from trlib.loop.learner import Learner
from trlib.model.completions import Completions


class MinibatchStep:
    """The loop's `trlib.algorithms.method.Step`."""

    def __init__(self, learner: Learner, method: Method, needs: Needs, completions: Completions, batch: Batch, *,
                 skip: bool = False) -> None:
        self.learner, self.method, self.needs = learner, method, needs
        self.completions, self.batch, self.skip = completions, batch, skip
        self.parameters = learner.parameters
        self.critic = [] if learner.critic is None else learner.critic.parameters
        self.token_loss: TokenLoss | None = None
        self.value = self.norm = math.nan

    def score(self, rows: Tensor | None = None, *, twice: bool = False) -> Scores:
        c = self._rows(rows)
        with sdpa_kernel(SDPBackend.MATH) if twice else nullcontext():  # the fused kernels have one derivative only
            scores = self.learner.policy.score(c, temperature=self.learner.settings.temperature, full=self.needs.full,
                                               at_once=None if twice else self.learner.settings.at_once)
            return replace(scores, values=self.values(rows)) if self.needs.values else scores

    def directional(self, direction: Sequence[Tensor], rows: Tensor | None = None) -> Tensor:
        c = self._rows(rows)
        policy, temperature = self.learner.policy, self.learner.settings.temperature
        names, layout = list(policy.trainable), policy.layout(c)

        def log_probs(*weights: Tensor) -> Tensor:
            given = dict(zip(names, weights, strict=True))
            full = policy.score(c, temperature=temperature, full=True, weights=given, layout=layout).full
            assert full is not None
            return full

        with sdpa_kernel(SDPBackend.MATH):  # the fused kernels have no forward-mode derivative
            return torch.func.jvp(log_probs, tuple(self.parameters), tuple(direction))[1].detach()

    def values(self, rows: Tensor | None = None) -> Tensor:
        return self._critic().values(self._rows(rows))

    def value_slope(self, direction: Sequence[Tensor], rows: Tensor | None = None) -> Tensor:
        critic, c = self._critic(), self._rows(rows)
        names, layout = list(critic.trainable), critic.policy.layout(c)

        def values(*weights: Tensor) -> Tensor:
            return critic.values(c, dict(zip(names, weights, strict=True)), layout)

        with sdpa_kernel(SDPBackend.MATH):
            return torch.func.jvp(values, tuple(critic.parameters), tuple(direction))[1].detach()

    def loss(self) -> Tensor:
        scores = self._teaching() if self.skip else self.score()
        if self.needs.old and self.batch.logp_old is None:
            self.batch = replace(self.batch, logp_old=scores.logp.detach())
        self.token_loss = self.method.objective(scores, self.batch)
        return self.method.loss(self.token_loss.per_token, self.batch)

    def _teaching(self) -> Scores:
        """Scores of the completions that have an advantage; the others' log-probs are the sampler's, without gradient.
        They stay in the batch, so that every mean has the denominator that it would have."""
        batch = self.batch
        rows = ((batch.advantages != 0) & batch.mask).any(1).nonzero().squeeze(-1)
        if not len(rows):
            rows = torch.zeros(1, dtype=torch.long, device=batch.mask.device)  # a loss that has a gradient: 0
        logp = self.score(rows).logp
        return Scores(batch.logp_rollout.to(logp.dtype).index_copy(0, rows, logp))

    def descend(self, loss: Tensor) -> None:
        self.report(*self.learner.descend(loss))

    def report(self, loss: float, grad_norm: float) -> None:
        self.value, self.norm = self.learner.finite("loss", loss), self.learner.finite("grad_norm", grad_norm)

    def _rows(self, rows: Tensor | None) -> Completions:
        return self.completions if rows is None else self.completions.rows(rows)

    def _critic(self) -> Critic:
        if self.learner.critic is None:
            raise ValueError("critic: the method's `needs` names none")
        return self.learner.critic
