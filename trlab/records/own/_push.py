"""The arms that have no setting: what a mean reward's pull towards the sampler is, exactly."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from trlib import checks
from trlib.advantages import group_relative
from trlib.algorithms import Batch, Needs, Scores, TokenLoss
from trlib.algorithms.kl_penalty import token_kl
from trlib.algorithms.method import Anchor
from trlib.algorithms.reinforce import REINFORCE, reinforce_loss


@dataclass(frozen=True, kw_only=True)
class Pulled(REINFORCE):
    """A log π less `pull` J KL(q || π), J the group's mean reward and q the sampler.

    On average over the completions of q, advantages with a pull of 1 are plain rewards, and plain
    rewards with a pull of -1 are advantages."""

    version = "1"

    pull: float = checks.setting(1.0, above=-float("inf"), below=float("inf"))
    """How much of the pull is added; negative: it is taken away."""

    def needs(self, anchor: Anchor) -> Needs:
        return Needs(old=False, full=True, full_anchor=True)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        loss = reinforce_loss(scores.logp, **batch.credit)
        mean = batch.rewards - group_relative(batch.rewards, batch.group, scale=None)
        beta = (self.pull * mean.unsqueeze(-1)).detach()
        kl = token_kl(batch.full_anchor, scores.full, mask=batch.mask)
        p, q = (x.detach().exp() for x in (scores.logp, batch.logp_anchor))
        pull = beta * (q - p) / (1 - p).clamp(min=torch.finfo(p.dtype).eps)
        weight = loss.diagnostics["weight"] + pull.masked_fill(~batch.mask, 0.0)
        return TokenLoss(loss.per_token + beta * kl, {**loss.diagnostics, "weight": weight})
