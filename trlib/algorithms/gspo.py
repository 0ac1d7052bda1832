"""GSPO: one ratio for a whole completion, clipped as one (Zheng et al. 2025, arXiv 2507.18071).

A reward belongs to a completion, so GSPO weights and clips completions: the ratio is the geometric
mean of the tokens' ratios, and either all tokens of a completion are kept or (with one advantage
per completion) none is. Its window is a thousand times narrower than PPO's because a mean over
tokens moves so much less."""

from dataclasses import dataclass

import torch
from torch import Tensor

from trlib import checks
from trlib.aggregation import row_mean
from trlib.algorithms import lines
from trlib.algorithms.method import Method, TokenLoss, unclipped, weigh
from trlib.algorithms.ppo import check_window
from trlib.checks import SHARE
from trlib.other_names import names_its_arguments

COMPLETION_CAP = 10.0  #: Largest log of a completion's ratio, nats per token.


@names_its_arguments
def gspo_loss(
    logp: Tensor,
    logp_old: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    eps_low: float = 3e-4,
    eps_high: float = 4e-4,
    turns: Tensor | None = None,
) -> TokenLoss:
    """GSPO in its token form (GSPO-token), which allows an advantage per token.

    s_i = exp(min(mean_t log r_it, 10)),   s_it = sg[s_i] π(y_t) / sg[π(y_t)]
    L = -min(s_it A, clip(s_it, 1-ε_low, 1+ε_high) A)
    w = s_i A, but 0 where A > 0 and s_i > 1+ε_high and where A < 0 and s_i < 1-ε_low

    With one advantage per completion, the gradient under "seq-mean-token-mean" is that of the
    completion's clipped surrogate. Diagnostics add `sequence_ratio` s_i [B, T]; `ratio` is the
    token's own.

    Args:
        logp, logp_old: [B, T] log π(y_t), nats, differentiable; the same under the anchor.
        advantages, mask: [B, T], float and bool.
        eps_low: the window of s_i below 1, in [0, 1].
        eps_high: the window of s_i above 1, at least 0.
        turns: [B, T] int, from 0 to T-1: which turn of its completion a token belongs to. The mean
            is then taken over a turn, so that turns are weighted and clipped, not completions;
            None: a completion is one turn.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True; a
    meaningless threshold.
    Source: arXiv 2507.18071 eq. 7 and 13-14; the cap on the log-ratio and the thresholds: verl.
    Differs from: in verl the cap also cuts the gradient of a completion beyond it; here only its
    size is bounded."""
    eps_low, eps_high = check_window(eps_low, eps_high)
    logp, log_ratio, advantages = checks.exact_log_ratios(mask, logp, advantages, logp_old=logp_old)
    log_ratio = log_ratio.detach()
    mean = row_mean(log_ratio, mask) if turns is None else _mean_of_turns(log_ratio, mask, turns)
    size = mean.clamp(max=COMPLETION_CAP).exp().expand_as(logp).masked_fill(~mask, 1.0)
    low, high, ratio = 1 - eps_low, 1 + eps_high, size * (logp - logp.detach()).exp()
    per_token = -torch.minimum(ratio * advantages, ratio.clamp(low, high) * advantages)
    kept = unclipped(size, advantages, low, high)
    weight = (size * advantages).where(kept, 0.0)
    return TokenLoss(per_token, weigh(log_ratio, kept, weight, mask, sequence_ratio=size))


def _mean_of_turns(log_ratio: Tensor, mask: Tensor, turns: Tensor) -> Tensor:
    """[B, T]: the mean over the unmasked tokens of each token's turn."""
    turns = checks.integer("turns", turns, tuple(mask.shape), "B, T").long()
    checks.inside("turns", turns, mask.shape[1])
    total, count = (
        torch.zeros_like(log_ratio).scatter_add(-1, turns, x)
        for x in (log_ratio, mask.to(log_ratio))
    )
    return (total / count.clamp(min=1)).gather(-1, turns)


@dataclass(frozen=True, kw_only=True)
class GSPO(Method):
    """Group sequence policy optimisation: clip completions, not tokens."""

    token_loss = gspo_loss
    advantage: str = "group-std"
    aggregation: str = "seq-mean-token-mean"
    eps_low: float = checks.setting(3e-4, **SHARE)
    """The completion's window below 1."""
    eps_high: float = checks.setting(4e-4, least=0)
    """The completion's window above 1."""

    formula = f"A*s*{lines.clip('s')}"
