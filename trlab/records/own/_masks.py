"""What stands beside DPPO's mask in `signed`.

`Pulled` is DPPO's mask, signed or not, with the term that prime-rl adds to its loss: a squared
log-ratio that pulls the policy back to the one that sampled. `RatioMask` asks the ratio where DPPO
asks the difference of probabilities; it is IcePop's mask (arXiv 2510.18855), where unsigned, with a
window of PPO's kind.
"""

from dataclasses import dataclass

import torch

from trlib import checks
from trlib.algorithms import Batch, Method, Scores, TokenLoss
from trlib.algorithms.dppo import DPPO


@dataclass(frozen=True, kw_only=True)
class Pulled(DPPO):
    """DPPO's loss + pull (log π/μ)² of every token: w + -2 pull log π/μ."""

    version = "80b31b8c41d9"

    pull: float = 1e-3
    """The weight of the squared log-ratio; prime-rl's is 1e-3."""

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        masked = super().objective(scores, batch)
        log_ratio = (scores.logp - batch.logp_rollout).masked_fill(~batch.mask, 0.0)
        weight = masked.diagnostics["weight"] - 2 * self.pull * log_ratio.detach()
        return TokenLoss(
            masked.per_token + self.pull * log_ratio**2, {**masked.diagnostics, "weight": weight}
        )


@dataclass(frozen=True, kw_only=True)
class RatioMask(Method):
    """The policy gradient weighted by r = π/anchor, without the tokens whose r has left the window.

    signed:    w = r A, 0 where A > 0 and r > 1 + eps, and where A <= 0 and r < 1 - eps
    unsigned:  w = r A, 0 where r > 1 + eps or r < 1 - eps
    """

    version = "80b31b8c41d9"

    eps: float = 0.2
    """The window around 1."""
    signed: bool = True
    """Whether a token outside that would come back keeps its gradient."""
    aggregation: str = "seq-mean-token-sum-norm"

    anchor = "rollout"

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.number("eps", self.eps, above=0, most=1)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        log_ratio = (scores.logp.detach() - batch.logp_anchor).masked_fill(~batch.mask, 0.0)
        ratio = log_ratio.clamp(max=20).exp()
        above, below = ratio > 1 + self.eps, ratio < 1 - self.eps
        gone = torch.where(batch.advantages > 0, above, below) if self.signed else above | below
        weight = (ratio * batch.advantages).masked_fill(gone | ~batch.mask, 0.0)
        kept = ~gone & batch.mask
        return TokenLoss(-weight * scores.logp, {"ratio": ratio, "kept": kept, "weight": weight})
