from dataclasses import dataclass

from trlib.algorithms import Method, Needs, TokenLoss, pg_is_loss
from trlib.divergences import kl


@dataclass(frozen=True, kw_only=True)
class FixPO(Method):
    """FixPO (arXiv 2312.05405): a penalised update, then steps down the KL alone until no token is
    outside the region. The multiplier follows by dual ascent on the largest KL of a token."""

    eps_kl: float = 0.05

    def needs(self, anchor):
        return Needs(full=True, full_anchor=True)

    def penalty(self, scores, batch):
        d, memory = kl(batch.full_anchor[batch.mask], scores.full[batch.mask]), batch.memory
        memory["kl_max"] = float(d.detach().max())
        memory["beta"] = max(
            1e-3, memory.get("beta", 1.0) + 0.1 * (2 * memory["kl_max"] - self.eps_kl)
        )
        return memory["beta"] * d

    def objective(self, scores, batch):
        loss = pg_is_loss(
            scores.logp, batch.logp_anchor, advantages=batch.advantages, mask=batch.mask
        )
        return TokenLoss(loss.per_token[batch.mask] + self.penalty(scores, batch), loss.diagnostics)

    def update(self, step):
        super().update(step)
        for step.batch.memory["fixups"] in range(20):
            penalty = self.penalty(step.score(), step.batch)
            if step.batch.memory["kl_max"] <= self.eps_kl:
                break
            step.descend(penalty.mean(), lr_scale=0.3)
