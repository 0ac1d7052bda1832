"""Corrections for a sampler that is not the learner: truncated and masked importance sampling,
and masks.

The engine that samples (other kernels, another precision, older weights) and the learner that
trains never agree exactly. Standard practice alongside any clip is a detached factor π_old/μ on the
advantages, bounded above, or a mask of the completions (OPSM) or tokens (M2PO) that have moved too
far. A mask judges the policy as it is now. In a loop of your own, `mask & opsm_mask(...)` takes
tokens out of the mean too, `advantages * opsm_mask(...)` out of the gradient. So does
`top_entropy_mask`, which asks not how far a token has moved but how open it was.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean
from typing import Literal, get_args

import torch
from torch import Tensor

from trlib import checks
from trlib.aggregation import row_mean
from trlib.other_names import names_its_arguments

Level = Literal["token", "sequence", "geometric"]
How = Literal["truncate", "mask", "reject"]


@names_its_arguments
def truncated_importance(
    logp_old: Tensor,
    logp_rollout: Tensor,
    mask: Tensor,
    *,
    cap: float = 2.0,
    level: str = "token",
    how: str = "truncate",
    floor: float | None = None,
) -> Tensor:
    """The factor on the advantages that corrects for the sampler.

    c = π_old/μ of the token; with level="sequence" the product over the row's unmasked tokens, with
    "geometric" their geometric mean, exp(mean_t log π_old/μ)
    how="truncate": c, at least `floor` and at most `cap`
    how="mask": c where floor <= c <= cap, else 0        how="reject": 1 there, else 0

    Args:
        logp_old: [B, T] log π_old(y_t) recomputed by the learner, nats.
        logp_rollout: [B, T] log μ(y_t) as the sampler computed it.
        mask: [B, T] bool.
        cap: the largest factor, above 0.
        level: "token" | "sequence" | "geometric".
        how: "truncate" | "mask" | "reject".
        floor: the smallest factor, from 0 to `cap`; None: no bound.
    Returns [B, T], detached; 1 where masked.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True;
    meaningless bounds.
    Source: truncated importance sampling, Ionides 2008; for a sampler that is not the learner, of
    tokens Yao et al. 2025 ("Your efficient RL framework secretly brings you off-policy RL
    training"), of sequences and as a mask Liu, Li et al. 2025 ("When speed kills stability").
    IcePop (arXiv 2510.18855) is how="mask" with floor=1/α, cap=α, or two bounds of its own such as
    .5 and 5. All are read in the code of verl 0.9.1 and TRL 1.16.0, not in a paper. In the book:
    :eq:`clipping-three`.
    The log-ratio is not capped at ±20, as it is in the losses: `cap` bounds the factor, and a sum over
    a long row passes 20 nats where each token is near.
    Differs from: verl first clamps the log-ratio, of the token or of the row, to ±20. It has
    "reject" as `rollout_rs`: token_k1, seq_sum_k1 and seq_mean_k1 are the three levels, but its
    bounds are those of μ/π_old. What `rollout_rs` drops leaves the mean's denominator, too, so that
    the rest counts more. Here it stays, as with TRL's masks, AReaL's `rejection_sampling` and
    verl's IcePop."""
    cap, floor = _bounds(cap, floor)
    checks.choice("level", level, get_args(Level))
    checks.choice("how", how, get_args(How))
    old, rollout = checks.tokens(mask, logp_old=logp_old, logp_rollout=logp_rollout)
    log_ratio = (old - rollout).detach()
    if level == "sequence":
        log_ratio = log_ratio.sum(-1, keepdim=True).expand_as(log_ratio)
    if level == "geometric":
        log_ratio = row_mean(log_ratio, mask).expand_as(log_ratio)
    factor = log_ratio.exp()
    if how == "truncate":
        factor = factor.clamp(min=floor, max=cap)
    else:
        far = (factor > cap) | (factor < floor)
        factor = (factor if how == "mask" else torch.ones_like(factor)).masked_fill(far, 0.0)
    return factor.masked_fill(~mask, 1.0)


def _bounds(cap: object, floor: object) -> tuple[float, float]:
    cap = checks.number("cap", cap, above=0)
    return cap, 0.0 if floor is None else checks.number("floor", floor, least=0, most=cap)


def expected_weight(sigma: float, tokens: int | Sequence[int], how: str, bound: float) -> float:
    """E_μ[c]: the mean factor that a correction with this upper bound leaves, where 1 would lose
    nothing.

    s² = T σ²,   log W ~ N(-s²/2, s²), so that E[W] = 1 before the bound C
    how="mask": E[W 1(W <= C)] = Φ((log C - s²/2)/s)
        how="reject": P(W <= C) = Φ((log C + s²/2)/s)
    how="truncate": E[min(W, C)] = Φ((log C - s²/2)/s) + C Φ(-(log C + s²/2)/s)

    A mean well below 1 shrinks the gradient. AdamW divides a common factor out again, but long
    completions lose more than short ones.

    Args:
        sigma: σ, standard deviation of a token's log π_old/μ, nats; of a normal one 1.25 times the
            mean |log π_old/μ|.
        tokens: T, how many tokens' ratios one factor multiplies: 1 for level="token", a
            completion's length for "sequence", or the lengths of all completions: then the mean
            over them. Where little is left, the short completions carry most of it.
        how, bound: `truncated_importance`'s `how` and `cap`.

    It explains the order, not the number. A comment on NeMo-RL's pull request 2269 (September 2026)
    measured a mean of 0.06 over 8,000 to 10,000 tokens, truncated at 2. Its two sizes of the noise
    give 0.22 and 0.0007 at 9,000 tokens, because no one normal has both; and lengths whose spread is
    1.2 times their mean lift the latter to 0.05.

    Raises TypeError, ValueError: a σ below 0, no token, an unknown `how`, a bound not above 0.
    Source: derived here, for noise that is normal, independent from token to token and of one σ.
    Noise that the tokens of a completion share makes s² larger. In the
    book: :eq:`long-surviving`."""
    if isinstance(tokens, Sequence) and not isinstance(tokens, str):
        if not tokens:
            raise ValueError("tokens: expected the length of one completion or more, got none")
        return fmean(expected_weight(sigma, length, how, bound) for length in tokens)
    s = checks.number("sigma", sigma, least=0) * math.sqrt(checks.whole("tokens", tokens, least=1))
    checks.choice("how", how, get_args(How))
    bound = checks.number("bound", bound, above=0)
    if s == 0 or bound == math.inf:
        return min(bound, 1.0) if how == "truncate" else float(bound >= 1)
    high, normal = math.log(bound), NormalDist().cdf
    if how == "reject":
        return normal((high + s * s / 2) / s)
    return normal((high - s * s / 2) / s) + (
        bound * normal(-(high + s * s / 2) / s) if how == "truncate" else 0.0
    )


def opsm_mask(
    logp: Tensor, logp_rollout: Tensor, *, advantages: Tensor, mask: Tensor, delta: float
) -> Tensor:
    """OPSM, off-policy sequence masking: which tokens are kept, [B, T] bool, False where masked.

    False where A < 0 and mean_t log μ/π > δ over the row's unmasked tokens, a k1 estimate of
    KL(μ || π)

    Args:
        logp, logp_rollout: [B, T] log-probs under the policy as it is now, and as the sampler
            computed them; nats.
        advantages, mask: [B, T], float and bool.
        delta: δ, nats per token. Published recipes use 1e-4 to .5.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True; a δ that
    is NaN.
    Source: DeepSeek-V3.2, arXiv 2512.02556; read in the code of TRL 1.16.0. TRL computes the same from `off_policy_mask_threshold`,
    and what it drops stays in the mean's denominator."""
    delta = checks.number("delta", delta)
    _, log_ratio, a = checks.exact_log_ratios(mask, logp, advantages, logp_rollout=logp_rollout)
    return mask & ~((a < 0) & (-row_mean(log_ratio.detach(), mask) > delta))


def top_entropy_mask(entropy: Tensor, mask: Tensor, *, share: float = 0.2) -> Tensor:
    """The top-entropy mask: which tokens are kept, [B, T] bool, False where masked: those whose
    entropy is at least the (1 - share) quantile of all unmasked tokens of this call.

    A setting beside any loss: `advantages * top_entropy_mask(...)` leaves the rest in the mean's
    denominator, as TRL does; `mask & top_entropy_mask(...)` takes it out, so that what is kept
    weighs 1/share times as much.

    Args:
        entropy: [B, T] of the policy before each token, nats; detached here.
        mask: [B, T] bool.
        share: how many tokens keep their gradient, above 0 and at most 1. Of equal entropies at the
            edge all are kept.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True; a share
    outside.
    Source: arXiv 2506.01939, whose share is .2; read in the code of TRL 1.16.0
    (`top_entropy_quantile`), not in the paper. The quantile is torch's, between two tokens by a
    straight line.
    Differs from: TRL takes the quantile over the micro-batches of all processes at once. Here it is
    that of the tensors given."""
    share = checks.number("share", share, above=0, most=1)
    (entropy,) = checks.tokens(mask, entropy=entropy)
    values = entropy.detach()[mask].sort().values
    if not len(values):
        return mask.clone()
    place = (1 - share) * (len(values) - 1)
    low = int(place)
    edge = torch.lerp(values[low], values[min(low + 1, len(values) - 1)], place - low)
    return mask & (entropy.detach() >= edge)


def m2po_mask(
    logp: Tensor,
    logp_old: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    budget: float = 0.04,
    signed: bool = True,
) -> Tensor:
    """M2PO's rule: which tokens are kept, [B, T] bool, False where masked.

    Of the tokens with A > 0 and r > 1, or A < 0 and r < 1, those with the largest log² r are
    dropped until the mean of log² r over the rest of them is at most the budget. All other tokens
    are kept.

    Args:
        logp, logp_old, advantages, mask: as in `opsm_mask`; logp_old: under the policy that r is
            relative to.
        budget: the largest second moment, nats², above 0, over all rows of this call together.
        signed: if False, all unmasked tokens are candidates, whatever their quadrant.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True; a budget
    that is not above 0.
    Source: arXiv 2510.01161.
    Differs from: the authors' code leaves no token out. It caps log² r, at the largest candidate
    with which the mean over all candidates, the capped ones at the cap, is within the budget, and
    this cap gives the bounds of a clip. So the same budget stops more tokens there than are dropped
    here, except that it opens the bounds to at least .3 below and .5 above 1.
    AReaL has the mask of signed=False between its old and its proximal policy, keeps at least one
    token, requires a mean below the budget and takes the dropped tokens out of the mean's
    denominator."""
    budget = checks.number("budget", budget, above=0)
    _, log_ratio, a = checks.exact_log_ratios(mask, logp, advantages, logp_old=logp_old)
    log_ratio = log_ratio.detach()
    candidate = mask & (log_ratio * a > 0) if checks.flag("signed", signed) else mask
    moment, order = (
        log_ratio.square().masked_fill(~candidate, torch.inf).flatten().sort(stable=True)
    )
    means = moment.cumsum(0) / torch.arange(1, len(moment) + 1, device=moment.device)
    within = torch.zeros_like(order, dtype=torch.bool).scatter(0, order, means <= budget)
    return mask & (within.view_as(mask) | ~candidate)


def sequence_ess(logp: Tensor, logp_rollout: Tensor, mask: Tensor) -> float:
    """`ess_seq` of log-probs [B, T] of the policy and of what sampled; NaN where the mask [B, T] is
    empty.

    (sum w)^2 / (n sum w^2), w = exp(sum_t log pi/mu), over the n rows with a token. Only
    differences of log w count, so a completion of a thousand tokens does not overflow. At least
    1/n. Its mean over batches is above the population's share 1/E[w^2] (:eq:`long-ess`), because
    what was not drawn cannot outweigh the rest; a single batch may lie below."""
    log_ratio = (logp.detach() - logp_rollout).double().masked_fill(~mask, 0.0).sum(1)[mask.any(1)]
    if not log_ratio.numel():
        return math.nan
    weight = (log_ratio - log_ratio.max()).exp()
    return float(weight.sum() ** 2 / (len(weight) * weight.square().sum()))


@dataclass(frozen=True)
class Correction:
    """The settings of `truncated_importance`, for a method's `correction`."""

    cap: float = 2.0
    """The largest factor."""
    level: Level = checks.setting("token")
    """Whose ratio it is: the token's, the completion's, or its tokens' geometric mean."""
    how: How = checks.setting("truncate")
    """What becomes of a factor outside the bounds: the bound (truncate), or 0 (mask; reject makes
    the others 1)."""
    floor: float | None = None
    """The smallest factor; None: no bound."""

    def __post_init__(self) -> None:
        checks.validate(self)
        _bounds(self.cap, self.floor)

    def factor(self, logp_old: Tensor, logp_rollout: Tensor, mask: Tensor) -> Tensor:
        """[B, T]: what the advantages are multiplied by."""
        return truncated_importance(logp_old, logp_rollout, mask, **vars(self))
