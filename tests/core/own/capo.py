"""CAPO (arXiv 2510.00819): tokens whose own step would move the policy too far are left out before
it is taken."""

from dataclasses import dataclass

import torch

from trlib.algorithms import Method, Needs, TokenLoss, pg_is_loss


@dataclass(frozen=True, kw_only=True)
class CAPO(Method):
    """The move is predicted from the last layer: u = A (1_a - pi) |h|² lr, and half u' (diag(pi) -
    pi pi') u of it."""

    most: float = 1e-3
    """The largest KL that one token may cause, nats."""

    def needs(self, anchor):
        return Needs(full=True, hidden=True)

    def update(self, step):
        for part in step.minibatches():
            scores, batch = part.score(), part.batch
            p, h = scores.full.detach().exp(), scores.hidden.detach()
            u = torch.zeros_like(p).scatter(-1, batch.tokens.unsqueeze(-1), 1.0) - p
            u = u * (part.lr * batch.advantages * h.square().sum(-1)).unsqueeze(-1)
            moved = ((p * u.square()).sum(-1) - (p * u).sum(-1).square()) / 2
            part.batch = batch.plus(near=(moved < self.most) & batch.mask)
            part.descend(part.loss(scores))

    def objective(self, scores, batch):
        loss = pg_is_loss(
            scores.logp, batch.logp_anchor, advantages=batch.advantages, mask=batch.mask
        )
        near = batch.extra["near"]
        return TokenLoss(loss.per_token * near, {**loss.diagnostics, "kept": near})
