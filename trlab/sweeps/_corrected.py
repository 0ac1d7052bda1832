"""PPO that corrects for its sampler, and PPO that drops completions: what `corrected` runs.

A file of its own, because its bytes decide the cells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from trlib import checks
from trlib.algorithms import Batch, Needs, Scores, TokenLoss
from trlib.algorithms.ppo import PPO

LEVELS = ("token", "sequence", "geometric")
HOWS = ("truncate", "mask", "reject")


@dataclass(frozen=True, kw_only=True)
class Weighted(PPO):
    """PPO whose advantages are multiplied by a detached factor of c = π_old/μ.

    level:  token: c of the token; sequence: the product over the completion; geometric: its T-th root
    how:    truncate: min(c, high); mask: c inside [low, high], else 0; reject: 1 inside [low, high], else 0
    """

    level: str = "token"
    how: str = "truncate"
    low: float = 0.0
    high: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.choice("level", self.level, LEVELS)
        checks.choice("how", self.how, HOWS)
        checks.number("low", self.low, least=0)
        checks.number("high", self.high, above=self.low)

    def needs(self, anchor: str) -> Needs:
        return Needs(old=True)

    def factor(self, batch: Batch) -> Tensor:
        """[B, T]: what the advantages are multiplied by; 1 where masked."""
        log_ratio = (batch.logp_old - batch.logp_rollout).masked_fill(~batch.mask, 0.0)
        if self.level != "token":
            log_ratio = log_ratio.sum(-1, keepdim=True).expand_as(log_ratio)
        if self.level == "geometric":
            log_ratio = log_ratio / batch.lengths.clamp(min=1).unsqueeze(-1)
        c = log_ratio.exp()
        inside = (c >= self.low) & (c <= self.high)
        factor = {
            "truncate": c.clamp(max=self.high),
            "mask": c.masked_fill(~inside, 0.0),
            "reject": inside.to(c.dtype),
        }[self.how]
        return factor.masked_fill(~batch.mask, 1.0)

    def prepare(self, batch: Batch) -> Batch:
        ready, factor = super().prepare(batch), self.factor(batch)
        return replace(ready, advantages=ready.advantages * factor).plus(factor=factor)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        clipped = super().objective(scores, batch)
        kept = clipped.diagnostics["kept"] & (batch.extra["factor"] > 0)
        return TokenLoss(clipped.per_token, {**clipped.diagnostics, "kept": kept})


@dataclass(frozen=True, kw_only=True)
class Dropped(PPO):
    """PPO that drops a completion with A < 0 if its mean log μ/π per token is above delta (arXiv 2512.02556)."""

    delta: float = 0.01
    """Nats per token."""

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.number("delta", self.delta, above=0)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        clipped = super().objective(scores, batch)
        gap = (batch.logp_rollout - scores.logp.detach()).masked_fill(~batch.mask, 0.0)
        mean = gap.sum(-1, keepdim=True) / batch.lengths.clamp(min=1).unsqueeze(-1)
        gone = (batch.advantages < 0) & (mean > self.delta)
        kept, weight = clipped.diagnostics["kept"] & ~gone, clipped.diagnostics["weight"].masked_fill(gone, 0.0)
        return TokenLoss(
            clipped.per_token.masked_fill(gone, 0.0), {**clipped.diagnostics, "kept": kept, "weight": weight}
        )
