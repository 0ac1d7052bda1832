"""A speed-up beside the path: completions that can teach nothing are not scored, where that is
exact.

Without an advantage a completion has no gradient under a loss that is the advantage times
something. Where nothing else would be seen of it either, its forward and backward pass are left
out. `trlib.train(..., without=["skipping"])` scores all."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from trlib import checks
from trlib.algorithms.method import Batch, Method, Scores, is_proportional
from trlib.loop.boxes import ResolvedNeeds, wrap_user_errors
from trlib.loop.learner import Learner
from trlib.loop.minibatch import Minibatch
from trlib.loop.settings import FilledSettings


def may_skip(
    method: Method, needs: ResolvedNeeds, settings: FilledSettings, learner: Learner
) -> bool:
    """Whether completions without an advantage are not scored, because they have no gradient and
    show nothing: the method says that its loss is proportional, sees nothing but the tokens'
    log-probs, and with one update per batch every ratio is 1. So is the ratio to the sampler where
    the learner itself samples, in float32 or wider: in 16 bits, sampling and scoring are rounded
    differently."""
    s = settings
    one_update = s.minibatches * s.epochs == 1 and s.anchor == "recomputed" and s.sampler_logp
    itself = learner.sampler.own is None and s.logit_noise == 0
    exact = all(p.dtype not in checks.COARSE for p in learner.policy.model.parameters())
    sees_log_probs_alone = needs == ResolvedNeeds(old=needs.old)
    asked, plain = "skipping" not in s.without, is_proportional(type(method))
    return asked and plain and sees_log_probs_alone and one_update and itself and exact


class SkippingMinibatch(Minibatch):
    """A minibatch that does not score completions without an advantage."""

    def loss(self, scores: Scores | None = None) -> Tensor:
        scores = self._teaching() if scores is None else scores
        self._complete(scores)
        if checks.values_checked():
            with wrap_user_errors(self.method, "objective"):
                check_proportional(self.method, scores, self.batch)
        return super().loss(scores)

    def _teaching(self) -> Scores:
        """Scores of the completions that have an advantage; the others' log-probs are the
        sampler's, which are the same, without gradient. They stay in the batch, so that every
        mean keeps its denominator."""
        batch = self.batch
        rows = ((batch.advantages != 0) & batch.mask).any(1).nonzero().squeeze(-1)
        if not len(rows):
            # A loss that has a gradient, 0.
            rows = torch.zeros(1, dtype=torch.long, device=batch.mask.device)
        logp = self.score(rows).logp
        return Scores(batch.logp_rollout.to(logp.dtype).index_copy(0, rows, logp))


def check_proportional(method: Method, scores: Scores, batch: Batch) -> None:
    """Hold a method to its declaration that a completion without an advantage has no gradient:
    every second completion loses its advantage, at log-probs that have moved from the old ones and
    the sampler's.
    Raises ValueError: such a completion has a gradient, so leaving it out would change what is
    learned."""
    silent = torch.arange(len(batch.mask), device=batch.mask.device) % 2 == 1
    logp = (scores.logp.detach() - 0.1).requires_grad_()
    probe = replace(batch, advantages=batch.advantages.masked_fill(silent.unsqueeze(-1), 0.0))
    numbers, tensors = batch.memory.numbers(), batch.memory.tensors()
    loss = method.loss(method.objective(Scores(logp), probe).per_token, probe)
    batch.memory.restore(numbers, tensors)
    if loss.requires_grad:
        (slope,) = torch.autograd.grad(loss, logp, allow_unused=True)
        if slope is not None and bool(slope[silent.unsqueeze(-1) & batch.mask].any()):
            raise ValueError(
                f"proportional: {type(method).__name__}.objective is declared so, but completions "
                "whose advantage is 0 have a gradient; expected no @proportional above it"
            )
