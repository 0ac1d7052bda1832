"""PPO that corrects for its sampler, and PPO that drops completions: what `corrected` runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from trlib import checks
from trlib.algorithms import Batch, Correction, Needs, Scores, TokenLoss
from trlib.algorithms.ppo import PPO
from trlib.corrections import opsm_mask


@dataclass(frozen=True, kw_only=True)
class Weighted(PPO):
    """PPO whose advantages are multiplied by `trlib.corrections.truncated_importance`."""

    version = "5e2dc9988819"

    level: str = "token"
    how: str = "truncate"
    low: float = 0.0
    high: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.as_correction()  # checks the four settings

    def as_correction(self) -> Correction:
        """The settings as the library holds them."""
        return Correction(cap=self.high, level=self.level, how=self.how, floor=self.low)  # type: ignore[arg-type]

    def needs(self, anchor: str) -> Needs:
        return Needs(old=True)

    def factor(self, batch: Batch) -> Tensor:
        """[B, T]: what the advantages are multiplied by; 1 where masked."""
        return self.as_correction().factor(batch.logp_old, batch.logp_rollout, batch.mask)

    def prepare(self, batch: Batch) -> Batch:
        ready, factor = super().prepare(batch), self.factor(batch)
        return replace(ready, advantages=ready.advantages * factor).plus(factor=factor)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        clipped = super().objective(scores, batch)
        kept = clipped.diagnostics["kept"] & (batch.extra["factor"] > 0)
        return TokenLoss(clipped.per_token, {**clipped.diagnostics, "kept": kept})


@dataclass(frozen=True, kw_only=True)
class Dropped(PPO):
    """PPO that drops completions by `trlib.corrections.opsm_mask` (arXiv 2512.02556)."""

    version = "5e2dc9988819"

    delta: float = 0.01
    """Nats per token."""

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.number("delta", self.delta, above=0)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        clipped = super().objective(scores, batch)
        stays = opsm_mask(scores.logp, batch.logp_rollout, **batch.credit, delta=self.delta)
        kept = clipped.diagnostics["kept"] & stays
        weight = clipped.diagnostics["weight"].masked_fill(~stays, 0.0)
        return TokenLoss(
            clipped.per_token.masked_fill(~stays, 0.0),
            {**clipped.diagnostics, "kept": kept, "weight": weight},
        )
