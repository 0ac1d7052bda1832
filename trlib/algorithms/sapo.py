"""SAPO: a soft gate in place of the clip (arXiv 2511.20347).

The gate has slope 1 at ratio 1, so that on-policy it is the policy gradient, and its slope fades on
both sides instead of stopping at an edge. A higher temperature for negative advantages fades
faster: pushing a token down spreads its mass over the whole vocabulary."""

from dataclasses import dataclass

import torch
from torch import Tensor

from trlib import checks
from trlib.algorithms.method import Method, TokenLoss, weigh
from trlib.checks import POSITIVE
from trlib.other_names import names_its_arguments


@names_its_arguments
def sapo_loss(
    logp: Tensor,
    logp_old: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    tau_pos: float = 1.0,
    tau_neg: float = 1.05,
) -> TokenLoss:
    """Soft adaptive policy optimisation.

    L = -f(r) A,   f(r) = (4/τ) σ(τ (r - 1)),   τ = τ_pos where A > 0, else τ_neg
    w = 4 σ (1 - σ) r A,   σ = σ(τ (r - 1));   f'(1) = 1

    Args:
        logp, logp_old: [B, T] log π(y_t), nats, differentiable; the same under the anchor.
        advantages, mask: [B, T], float and bool.
        tau_pos: temperature of the gate where A > 0, above 0.
        tau_neg: temperature elsewhere, above 0.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True; a
    temperature not above 0.
    Source: arXiv 2511.20347; formula and defaults are read in the code of verl 0.9.1 and TRL 1.16.0,
    not in the paper.
    Differs from: verl always takes the mean of each
    completion's token mean."""
    tau_pos = checks.number("tau_pos", tau_pos, **POSITIVE)
    tau_neg = checks.number("tau_neg", tau_neg, **POSITIVE)
    logp, log_ratio, advantages = checks.log_ratios(mask, logp, advantages, logp_old=logp_old)
    tau = torch.full_like(advantages, tau_pos).where(advantages > 0, tau_neg)
    ratio = log_ratio.exp()
    at = tau * (ratio - 1)
    per_token = -4 / tau * torch.sigmoid(at) * advantages
    weight = 4 * torch.sigmoid(at) * torch.sigmoid(-at) * ratio * advantages
    return TokenLoss(per_token, weigh(log_ratio, mask, weight, mask))


@dataclass(frozen=True, kw_only=True)
class SAPO(Method):
    """A soft gate on the ratio: no edge, and no token is clipped."""

    token_loss = sapo_loss
    advantage: str = "group-std"
    aggregation: str = "seq-mean-token-mean"
    tau_pos: float = checks.setting(1.0, **POSITIVE)
    """Temperature of the gate where A > 0."""
    tau_neg: float = checks.setting(1.05, **POSITIVE)
    """Temperature of the gate elsewhere."""

    formula = "4*A*r*sigmoid({0}*(r - 1))*sigmoid({0}*(1 - r))".format(
        "where(A > 0, tau_pos, tau_neg)"
    )
