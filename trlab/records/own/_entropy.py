"""PPO with an entropy bonus: what `entropy` runs."""

from __future__ import annotations

from dataclasses import dataclass

from trlib import checks
from trlib.algorithms import Batch, Needs, Scores, TokenLoss
from trlib.algorithms.ppo import PPO


@dataclass(frozen=True, kw_only=True)
class Bonus(PPO):
    """PPO's loss - coefficient * H(π), the exact entropy of every sampled token's distribution,
    nats."""

    version = "847544f53c50"

    coefficient: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.number("coefficient", self.coefficient, least=0)

    def needs(self, anchor: str) -> Needs:
        return Needs(full=True)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        clipped = super().objective(scores, batch)
        entropy = -(scores.full.exp() * scores.full).sum(-1)
        diagnostics = {
            name: value for name, value in clipped.diagnostics.items() if name != "weight"
        }
        return TokenLoss(clipped.per_token - self.coefficient * entropy, diagnostics)
