"""DPPO's loss as verl ships it; prime-rl's stands in `_masks.py`."""

from dataclasses import dataclass

from trlib.algorithms import Batch, Scores, TokenLoss
from trlib.algorithms.dppo import DPPO, dppo_loss


@dataclass(frozen=True, kw_only=True)
class Verl(DPPO):
    """verl 0.9.1's `dppo_tv`: mask and weight around the recomputed old policy, the weight cut at
    3."""

    version = "8c38072022d9"

    delta_tv: float | tuple[float, float] | None = 0.2
    max_ratio: float | None = 3.0
    aggregation: str = "token-mean"

    anchor = "recomputed"

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        return dppo_loss(
            scores.logp,
            batch.logp_anchor,
            advantages=batch.advantages,
            mask=batch.mask,
            delta_tv=self.delta_tv,
            max_ratio=self.max_ratio,
        )
