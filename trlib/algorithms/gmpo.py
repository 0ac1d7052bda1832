"""GMPO: the geometric mean of clipped token ratios (Zhao et al. 2025, arXiv 2507.20673).

GRPO averages a completion's ratios arithmetically, so one outlier dominates the mean; GMPO takes
the geometric mean, and can then afford a much wider clip on each token."""

from dataclasses import dataclass

import torch
from torch import Tensor

from trlib import checks
from trlib.aggregation import row_mean
from trlib.algorithms.method import Method, TokenLoss, unclipped, weigh
from trlib.other_names import names_its_arguments


@names_its_arguments
def gmpo_loss(
    logp: Tensor, logp_old: Tensor, *, advantages: Tensor, mask: Tensor, eps_log: float = 0.4
) -> TokenLoss:
    """Geometric-mean policy optimisation: every token carries its completion's loss.

    l_t = sgn(A) min(sgn(A) log r_t, sgn(A) clamp(log r_t, -ε, ε)),   ρ = exp(mean_t l_t),
        L_t = -A_t ρ
    w_t = mean(A) ρ, but 0 where A > 0 and log r_t > ε and where A < 0 and log r_t < -ε

    Aggregate with "seq-mean-token-mean": the mean of -A ρ over completions. All tokens of a
    completion share ρ, so w is the derivative of the *sum* of the completion's losses: -d(Σ_s
    L_s)/dlog π(y_t), which is what every aggregation that treats a completion's tokens alike
    scales. `mean(A)` is over the completion's unmasked tokens; it is A where a completion has one
    advantage, as in the paper. A token with A = 0 enters ρ as 1. Diagnostics add `sequence_ratio` ρ
    [B, T]; `ratio` is the token's own.

    Args:
        logp, logp_old: [B, T] log π(y_t), nats, differentiable; the same under the anchor.
        advantages, mask: [B, T], float and bool.
        eps_log: ε, the window of a token's log-ratio around 0, nats, at least 0.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True; a
    negative eps_log.
    Source: arXiv 2507.20673 eq. 4.
    Differs from: verl adds 1e-8 to the length and always takes the mean over all rows, even wholly
    masked ones. It takes the window from `clip_ratio_low` and `clip_ratio_high`, so its default is
    (-.2, .2); `clip_ratio` has no effect unless these two are null."""
    eps_log = checks.number("eps_log", eps_log, least=0)
    logp, log_ratio, advantages = checks.exact_log_ratios(mask, logp, advantages, logp_old=logp_old)
    sign, kept = advantages.sign(), unclipped(log_ratio, advantages, -eps_log, eps_log)
    limited = sign * torch.minimum(sign * log_ratio, sign * log_ratio.clamp(-eps_log, eps_log))
    rho = checks.capped(row_mean(limited, mask)).exp().expand_as(logp)
    weight = (row_mean(advantages, mask) * rho).where(kept & (advantages != 0), 0.0)
    rows = rho.masked_fill(~mask, 1.0)
    return TokenLoss(-advantages * rho, weigh(log_ratio, kept, weight, mask, sequence_ratio=rows))


@dataclass(frozen=True, kw_only=True)
class GMPO(Method):
    """Geometric-mean policy optimisation: an outlying token moves the mean by little."""

    token_loss = gmpo_loss
    advantage: str = "group-std"
    aggregation: str = "seq-mean-token-mean"
    eps_log: float = checks.setting(0.4, least=0)
    """The window of a token's log-ratio around 0, nats."""
    formula = (
        "A*where(A > 0, l <= eps_log, l >= -eps_log)"
        "*exp(mean(where(A > 0, min(l, eps_log), max(l, -eps_log))))"
    )
