"""REINFORCE: the policy gradient from completions that the current policy sampled itself.

No ratio, no anchor, no trust region: what the other methods become when nothing is stale."""

from dataclasses import dataclass

import torch
from torch import Tensor

from trlib import checks
from trlib.algorithms.method import Batch, Method, Scores, TokenLoss, weigh
from trlib.other_names import names_its_arguments


@names_its_arguments
def reinforce_loss(logp: Tensor, *, advantages: Tensor, mask: Tensor) -> TokenLoss:
    """The score-function policy gradient.

    L = -A log π(y_t),   w = A

    There is no ratio: `ratio` in the diagnostics is 1 everywhere by definition, and every token is
    kept.

    Args: logp [B, T] log π(y_t), nats, differentiable; advantages, mask [B, T], float and bool.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True.
    Source: Williams 1992; derived here, in chapter 1. In the
    book: :eq:`policy-gradient`, :eq:`policy-tokens`."""
    logp, advantages = checks.tokens(mask, logp=logp, advantages=advantages)
    advantages = advantages.detach()
    return TokenLoss(-advantages * logp, weigh(torch.zeros_like(logp), mask, advantages, mask))


@dataclass(frozen=True, kw_only=True)
class REINFORCE(Method):
    """The plain policy gradient, for one update per batch; further updates would follow stale
    samples unweighted."""

    formula = "A"

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        return reinforce_loss(scores.logp, **batch.credit)
