"""What stands beside TROLL's rest bucket in `troll_parts`."""

import math
from dataclasses import dataclass

from torch import Tensor

from trlib import checks
from trlib.algorithms import Batch, Scores, TokenLoss
from trlib.algorithms.troll import TROLL, troll_loss


@dataclass(frozen=True, kw_only=True)
class NoRest(TROLL):
    """TROLL on the old policy's K most likely tokens as if there were no others.

    Neither KL counts what is outside the K: probability that leaves them is free, and the policy
    gradient of a token that is pushed down sends it there. renormalise: the K tokens' shares of
    their own sum are projected instead, so that the gradient outside the K is 0 and nothing holds
    it either.
    """

    version = "3a36278ed729"

    renormalise: bool = False
    """Whether both distributions are divided by their sum over the K tokens."""

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        old = batch.topk_anchor
        gone = (old.logp == -math.inf) & batch.mask.unsqueeze(-1)
        now, before = (
            self._kept(x, gone, batch.mask) for x in (scores.full.gather(-1, old.ids), old.logp)
        )
        at = (old.ids == batch.tokens.unsqueeze(-1)).int().argmax(-1)
        with checks.value_checks(False):  # not renormalised, they do not sum to 1
            return troll_loss(
                now,
                before,
                tokens=at,
                advantages=batch.advantages,
                mask=batch.mask,
                delta_kl=self.delta_kl,
                alpha=self.alpha,
            )

    def _kept(self, logp: Tensor, gone: Tensor, mask: Tensor) -> Tensor:
        logp = logp.masked_fill(~mask.unsqueeze(-1), 0.0).masked_fill(gone, -math.inf)
        return logp.log_softmax(-1) if self.renormalise else logp
