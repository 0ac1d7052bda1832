"""REBEL (arXiv 2404.16767): the difference of two completions' log-ratios regresses on that of
their rewards."""

from dataclasses import dataclass

import torch

from trlib.algorithms import Method, TokenLoss


@dataclass(frozen=True, kw_only=True)
class REBEL(Method):
    """All pairs of a prompt's completions."""

    eta: float = 1.0
    """How many nats a reward is worth."""

    def objective(self, scores, batch):
        log_ratio = (scores.logp - batch.logp_anchor).masked_fill(~batch.mask, 0.0).sum(-1)
        rest = log_ratio - self.eta * batch.rewards
        first, second = torch.triu(batch.group.unsqueeze(1) == batch.group, 1).nonzero().unbind(1)
        return TokenLoss((rest[first] - rest[second]).square().mean())
