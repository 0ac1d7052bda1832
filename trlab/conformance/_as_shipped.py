"""Two losses as libraries ship them, for `severity.py`. A file of its own, for its bytes decide the
cells."""

from dataclasses import dataclass

from trlib.algorithms import Batch, Scores, TokenLoss
from trlib.algorithms.cispo import CISPO
from trlib.algorithms.method import weigh


@dataclass(frozen=True, kw_only=True)
class TorchRL(CISPO):
    """torchrl 0.14.1's `CISPOLoss`: -clip(r) A, differentiated: outside the window no token has a
    gradient."""

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        log_ratio = scores.logp - batch.logp_anchor
        ratio = log_ratio.exp()
        bounded = ratio.clamp(1 - (self.eps_low or 0), 1 + self.eps_high)
        kept = (bounded == ratio).detach() & batch.mask
        weight = (ratio * batch.advantages * kept).detach()
        per_token = (-bounded * batch.advantages).masked_fill(~batch.mask, 0.0)
        return TokenLoss(
            per_token,
            weigh(log_ratio.detach(), batch.mask, weight, kept, clipped=~kept & batch.mask),
        )


@dataclass(frozen=True, kw_only=True)
class HardZero(CISPO):
    """SkyRL's `rollout_is`: the weight is 0 outside the window instead of the window's edge."""

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        log_ratio = (scores.logp - batch.logp_anchor).detach()
        ratio = log_ratio.exp()
        kept = (ratio > 1 - (self.eps_low or 0)) & (ratio < 1 + self.eps_high) & batch.mask
        weight = ratio * kept * batch.advantages
        per_token = (-weight * scores.logp).masked_fill(~batch.mask, 0.0)
        return TokenLoss(
            per_token, weigh(log_ratio, batch.mask, weight, kept, clipped=~kept & batch.mask)
        )
