"""Mirror descent policy optimisation (arXiv 2005.09814): several steps on r A - KL(π || π_k) / t,
with t falling."""

from dataclasses import dataclass

from trlib.algorithms import Method, Needs, TokenLoss, pg_is_loss
from trlib.divergences import kl


@dataclass(frozen=True, kw_only=True)
class MDPO(Method):
    """The KL is exact, from the new policy to the old; t falls to 0 with the batches."""

    t: float = 2.0
    """The step size that the first batch takes."""

    def needs(self, anchor):
        return Needs(full=True, full_anchor=True)

    def objective(self, scores, batch):
        t = batch.memory["t"] = self.t * (1 - batch.number / batch.batches)
        loss = pg_is_loss(
            scores.logp, batch.logp_anchor, advantages=batch.advantages, mask=batch.mask
        )
        back = kl(scores.full[batch.mask], batch.full_anchor[batch.mask])
        return TokenLoss(loss.per_token[batch.mask] + back / t, loss.diagnostics)
