"""What has moved too far in stale data is left out: masks of tokens and of completions on r A or on
PPO's clip. What `Args:` and `Raises:` leave out is as in `opsm_mask`; the masks of M2PO and OPSM
are in `trlib.corrections`."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any, ClassVar

import torch
from torch import Tensor

from trlib import checks
from trlib.aggregation import row_mean
from trlib.algorithms.critic import PPOCritic
from trlib.algorithms.method import Anchor, Batch, Scores, TokenLoss
from trlib.algorithms.ppo import PGIS, PPO, pg_is_loss, ppo_loss
from trlib.checks import SHARE
from trlib.corrections import m2po_mask, opsm_mask
from trlib.divergences import binary_tv, k2, k3
from trlib.relatives.ratios import without
from trlib.seeds import generator


@dataclass(frozen=True, kw_only=True)
class Masked(PGIS):
    """r A, with r = π/μ, on the tokens that `rule` keeps in every update."""

    anchor: ClassVar[Anchor] = "rollout"
    rule: ClassVar[Callable[..., Tensor]]
    """A function of (logp, logp_rollout, *, mask), perhaps of advantages, and of settings: [B, T]
    bool, the tokens that have a gradient."""

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        rule = type(self).rule
        logps, taken = (scores.logp, batch.logp_anchor), signature(rule).parameters
        credit = {name: value for name, value in batch.credit.items() if name in taken}
        keep = rule(*logps, **credit, **self.settings_for(rule))
        return without(pg_is_loss, keep, *logps, **batch.credit)


@dataclass(frozen=True, kw_only=True)
class M2PO(Masked):
    """The policy gradient within a budget of the second moment of log r: `m2po_mask`, without a
    clip.
    Source: arXiv 2510.01161; read in the code of AReaL, not in the paper. The authors' code has it
    as the bounds of a clip."""

    rule = m2po_mask
    budget: float = checks.setting(0.04, above=0)
    """The largest mean of log² r over a minibatch's candidates, nats²."""


@dataclass(frozen=True, kw_only=True)
class OPSM(PPO):
    """PPO's clip without the completions with A < 0 that have left the sampler's policy:
    `opsm_mask`.
    Source: arXiv 2512.02556; read in the code of TRL 1.16.0, not in the paper."""

    delta: float = checks.setting(0.1)
    """The largest mean of log μ/π over a completion with A < 0, nats per token."""

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        keep = opsm_mask(scores.logp, batch.logp_rollout, **batch.credit, delta=self.delta)
        return without(
            ppo_loss,
            keep,
            scores.logp,
            batch.logp_anchor,
            **batch.credit,
            **self.settings_for(ppo_loss),
        )


def trm_mask(
    logp: Tensor,
    logp_rollout: Tensor,
    *,
    mask: Tensor,
    delta_max: float = 0.1,
    delta_mean: float = 0.002,
) -> Tensor:
    """TRM: which tokens are kept, [B, T] bool: those of the completions with max_t log² r / 2 <=
    δ_max and mean_t (r - 1 - log r) <= δ_mean, whatever their advantage.

    Args: delta_max, delta_mean: nats, estimates of KL(μ || π) of one token by k2 and of a
    completion's mean token by k3; inf: off.
    Source: arXiv 2512.23075; read in the code of two public ports, not in the paper. The paper of
    CPPO quotes both thresholds.
    Differs from: verl has them as `rollout_rs` = seq_max_k2 and seq_mean_k3, of π_old, and takes
    what is dropped out of the mean's denominator, too; here it stays."""
    delta_max = checks.number("delta_max", delta_max, least=0)
    delta_mean = checks.number("delta_mean", delta_mean, least=0)
    new, rollout = checks.tokens(mask, logp=logp.detach(), logp_rollout=logp_rollout)
    near = k2(rollout, new).amax(-1, keepdim=True) <= delta_max
    return mask & near & (row_mean(k3(rollout, new), mask) <= delta_mean)


@dataclass(frozen=True, kw_only=True)
class TRM(Masked):
    """The policy gradient of the completions that are near on average and whose tokens are all
    inside the region."""

    rule = trm_mask
    delta_max: float = checks.setting(0.1, least=0)
    """The largest KL of any token of a completion, nats, by log² r / 2; inf: off."""
    delta_mean: float = checks.setting(0.002, least=0)
    """The largest mean KL of a completion's tokens, nats, by k3; inf: off."""
    formula = "A*r*(largest(l^2/2) <= delta_max and mean(r - 1 - l) <= delta_mean)"


def ln_trm_mask(
    logp: Tensor,
    logp_rollout: Tensor,
    *,
    mask: Tensor,
    delta_mean: float = 0.06,
    delta: float = 0.1,
) -> Tensor:
    """Length-neutral TRM: which tokens are kept, [B, T] bool: those of the completions whose
    weighted mean of |r - 1|, Σ_t w_t |r_t - 1| / Σ_t w_t, is at most δ_mean, where
    w_t = min(1, √(δ (T-t)/2)).

    w_t bounds what a move at t can do to the T-t tokens after it, if each of their KLs is at most
    δ: the last token has no weight. A mean does not grow with the length, as a maximum over tokens
    does.

    Args: delta_mean: twice a total variation; inf: off. delta: nats.
    Source: an appendix of arXiv 2512.23075, as printed in public notes; the paper itself was not
    read. It has min(1, (T-t) ε, √(δ (T-t)/2)); with ε = √(δ/2), Pinsker's, the middle term is never the
    least (derived here). δ_mean is our choice: by Pinsker's inequality it is as wide as TRM's mean
    of .002 nats."""
    delta_mean = checks.number("delta_mean", delta_mean, least=0)
    delta = checks.number("delta", delta, above=0)
    new, rollout = checks.tokens(mask, logp=logp.detach(), logp_rollout=logp_rollout)
    left = (mask.sum(-1, keepdim=True) - mask.cumsum(-1)).to(new)
    weight = (left * (delta / 2)).sqrt().clamp(max=1.0) * mask
    spent = weight * checks.capped(new - rollout).expm1().abs()
    mean = spent.sum(-1, keepdim=True) / weight.sum(-1, keepdim=True).clamp(
        min=torch.finfo(weight.dtype).tiny
    )
    return mask & (mean <= delta_mean)


@dataclass(frozen=True, kw_only=True)
class LNTRM(Masked):
    """The policy gradient of the completions that are near on average, where the last tokens count
    less than all others."""

    rule = ln_trm_mask
    delta_mean: float = checks.setting(0.06, least=0)
    """The largest weighted mean of |r - 1| over a completion; inf: off."""
    delta: float = checks.setting(0.1, above=0)
    """The largest KL that a token is assumed to have, nats. With a larger one fewer of the late
    tokens count less."""
    formula = "A*r*(mean({0}*abs(r - 1)) <= delta_mean*mean({0}))".format(
        "min(1, sqrt(delta*(n - 1 - t)/2))"
    )


@dataclass(frozen=True, kw_only=True)
class StaleMask(PPO):
    """PPO's clip without the tokens whose policy was too many batches behind: they stay in the text
    that later tokens read and in their group's baseline, and leave the mean's denominator.
    Source: ours, from the descriptions of prime-rl's pull request 2957 and xtuner's 2003.
    Differs from: prime-rl drops a completion without a token left; here it counts for nothing."""

    max_age: int = checks.setting(8, least=0)
    """The oldest policy whose tokens are trained on, in batches behind the learner."""

    def prepare(self, batch: Batch) -> Batch:
        batch = super().prepare(batch)
        return (
            batch
            if batch.age is None
            else replace(batch, mask=batch.mask & (batch.age <= self.max_age))
        )


def vaco_mask(
    logp: Tensor, logp_rollout: Tensor, *, advantages: Tensor, mask: Tensor, delta: float = 0.2
) -> Tensor:
    """VACO's filter: which tokens are kept, [B, T] bool, False where A log r > 0 in a completion
    whose mean |r - 1| is above δ: a token that would take a distant completion further.
    Source: arXiv 2603.01365; read in the code of one of the authors, in open-instruct at e6c3044a,
    where r is π_old/μ and the weight comes with PPO's clip. Measuring the policy as it is now is
    derived here, and δ is our choice.
    Differs from: the paper also aligns the advantages of stale data with V-trace, which needs a
    critic. A later branch of open-instruct (5c2bf9ab) averages |π - μ|, so its thresholds are other
    numbers. open-instruct clamps log r to ±10 before it exponentiates, here to ±20."""
    delta = checks.number("delta", delta, least=0)
    _, log_ratio, a = checks.log_ratios(mask, logp, advantages, logp_rollout=logp_rollout)
    log_ratio = log_ratio.detach()
    far = row_mean(log_ratio.expm1().abs(), mask) > delta
    return mask & ~(far & (a * log_ratio > 0))


@dataclass(frozen=True, kw_only=True)
class VACO(Masked):
    """The policy gradient; in distant completions, only that of the tokens which it brings back."""

    rule = vaco_mask
    delta: float = checks.setting(0.2, least=0)
    """The largest mean of |r - 1| over a completion: twice the total variation that it
    estimates."""
    formula = "A*r*(A*l <= 0 or mean(abs(r - 1)) <= delta)"


def cppo_mask(
    logp: Tensor,
    logp_rollout: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    delta: float = 0.2,
    delta_prefix: float = 0.02,
    w_min: float = 0.8,
) -> Tensor:
    """CPPO's budget for a prefix: which tokens are kept, [B, T] bool. They are those that move
    inwards, A (r - 1) <= 0, and those with w_t D_t <= min(δ, δ + b W - S), where D_t = |π(y_t) -
    μ(y_t)|, w_t falls in a straight line from 1 at the first token to w_min at the last, and W and
    S sum w_j and w_j D_j over the tokens before.

    b, what a prefix may spend per token, is the 90 % quantile of the completion's D, within
    [δ_prefix, 2 δ_prefix].

    Args: delta, delta_prefix: δ and δ_b, probability.
    Source: arXiv 2606.10968, eq. 8-11; b's quantile from section 4.1, where it is for base models:
    read in the paper and in the authors' code, which always has it.
    Differs from: the authors' code clamps log r to ±20 in the loss, so that a token beyond has no
    gradient; here it has. A rare token passes the mask at any ratio."""
    delta = checks.number("delta", delta, least=0)
    prefix = checks.number("delta_prefix", delta_prefix, least=0)
    w_min = checks.number("w_min", w_min, above=0, most=1)
    new, rollout, a = checks.tokens(
        mask, logp=logp.detach(), logp_rollout=logp_rollout, advantages=advantages
    )
    distance = binary_tv(rollout, new)
    place, length = mask.cumsum(-1), mask.sum(-1, keepdim=True)
    weight = (1 - (1 - w_min) * (place - 1) / (length - 1).clamp(min=1)).to(distance) * mask
    spent = weight * distance
    quantile = distance.masked_fill(~mask, math.nan).nanquantile(0.9, -1, keepdim=True)
    budget = quantile.clamp(prefix, 2 * prefix) * (weight.cumsum(-1) - weight) - (
        spent.cumsum(-1) - spent
    )
    return mask & ((spent <= delta + budget.clamp(max=0)) | (a * (new - rollout) <= 0))


@dataclass(frozen=True, kw_only=True)
class CPPO(Masked):
    """A threshold that depends on the position, and a budget of divergence for the whole prefix."""

    rule = cppo_mask
    delta: float = checks.setting(0.2, least=0)
    """The largest |π - μ| of a first token, probability."""
    delta_prefix: float = checks.setting(0.02, least=0)
    """How far a prefix may move on average per token, probability."""
    w_min: float = checks.setting(0.8, above=0, most=1)
    """The weight of the last token's |π - μ|; the first one's is 1."""


def covariance(logp: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    """[B, T]: every token's part of the covariance of log π and A, (log π - mean) (A - mean), over
    the unmasked tokens of all rows together; -inf where masked. Where it is large, a step makes the
    policy surer of itself."""
    logp, advantages = checks.tokens(mask, logp=logp.detach(), advantages=advantages)
    count = mask.sum().clamp(min=1)
    both = (logp - logp.sum() / count) * (advantages - advantages.sum() / count)
    return both.masked_fill(~mask, -math.inf)


def clip_cov_mask(
    logp: Tensor,
    logp_old: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    share: float = 2e-4,
    low: float = 1.0,
    high: float = 5.0,
    draw: torch.Generator | None = None,
    **window: Any,
) -> Tensor:
    """Clip-Cov: which tokens are kept, [B, T] bool. Of the tokens in PPO's `window` whose
    `covariance` is between `low` and `high`, a share of all tokens, at least one, is drawn at
    random and left out.

    Args: share: of the unmasked tokens; draw: the draw's generator; None: torch's own.
    Source: arXiv 2505.22617; read in the authors' code, as verl 0.9.1 has it.
    Differs from: the authors' scripts set both sides of the window to 1; its defaults here are
    PPO's .2."""
    share, low = checks.number("share", share, above=0, most=1), checks.number("low", low)
    high = checks.number("high", high, above=low)
    inside = ppo_loss(logp, logp_old, advantages=advantages, mask=mask, **window).diagnostics[
        "kept"
    ]
    covariances = covariance(logp, advantages, mask)
    places = (inside & (covariances > low) & (covariances < high)).flatten().nonzero().squeeze(-1)
    count = max(int(share * int(mask.sum())), 1)
    drawn = places[torch.randperm(len(places), generator=draw)[:count].to(places.device)]
    return mask & torch.ones_like(mask).flatten().index_fill(0, drawn, False).view_as(mask)


@dataclass(frozen=True, kw_only=True)
class ClipCov(PPO):
    """PPO's clip without a few tokens at which log-prob and advantage vary together. The batch's
    number seeds the draw of each of its updates."""

    share: float = checks.setting(2e-4, above=0, most=1)
    """How many tokens are left out, as a share of a minibatch's; at least one."""
    low: float = checks.setting(1.0)
    """The smallest covariance at which a token may be drawn."""
    high: float = 5.0
    """The largest covariance at which it may be."""

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.number("high", self.high, above=self.low)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        chosen = self.settings_for(clip_cov_mask, ppo_loss)
        draw = generator(batch.number, "clip_cov")
        keep = clip_cov_mask(scores.logp, batch.logp_anchor, **batch.credit, **chosen, draw=draw)
        return without(
            ppo_loss,
            keep,
            scores.logp,
            batch.logp_anchor,
            **batch.credit,
            **self.settings_for(ppo_loss),
        )


def dis_mask(
    logp: Tensor,
    logp_rollout: Tensor,
    *,
    mask: Tensor,
    eps_low: float = 0.3,
    eps_high: float = 5.0,
) -> Tensor:
    """DIS, direct double-sided importance sampling: which tokens are kept, [B, T] bool: those with
    1 - ε_low < r < 1 + ε_high, whatever the sign of their advantage.

    Args: eps_low: from 0 to 1. eps_high: at least 0.
    Source: arXiv 2607.07508, equation 3; read in the code of TorchTrade and twinkle, not in the
    paper. The paper's bounds are .3 and 5 for mathematics, .8 and 3 for software engineering, as the port
    quotes them.
    Differs from: IcePop, whose ratio is π_old/μ and leaves the updates to a clip."""
    low = checks.number("eps_low", eps_low, **SHARE)
    high = checks.number("eps_high", eps_high, least=0)
    logp, old = checks.tokens(mask, logp=logp, logp_rollout=logp_rollout)
    log_ratio = (logp - old).detach()
    floor = math.log1p(-low) if low < 1 else -math.inf
    return mask & (log_ratio > floor) & (log_ratio < math.log1p(high))


@dataclass(frozen=True, kw_only=True)
class SAO(PPOCritic):
    """Single-rollout asynchronous optimisation: r A with the critic's advantages, on the tokens
    that `dis_mask` keeps. One ratio, π/μ, stands for the sampler's mismatch, its age and the
    updates; no policy before the batch is scored. Train with group=1: the critic gives the
    baseline.
    Source: arXiv 2607.07508; read in the code of TorchTrade and twinkle, not in the paper.
    Differs from: the paper's critic is updated twice per batch of the policy's, with its attention
    frozen, and its λ depends on the completion's length. Here it has a rate of its own,
    `critic_speed`, and `lam` is a number. Advantages are whitened, as in `PPOCritic`."""

    anchor: ClassVar[Anchor] = "rollout"
    eps_low: float = 0.3
    eps_high: float = 5.0
    """The ratio's window above 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dual_clip is not None:
            raise ValueError(f"dual_clip: expected None, SAO has no clip, got {self.dual_clip}")

    formula = "A*r*(r > 1 - eps_low and r < 1 + eps_high)"

    def policy_loss(self, scores: Scores, batch: Batch) -> TokenLoss:
        logps = scores.logp, batch.logp_anchor
        keep = dis_mask(*logps, mask=batch.mask, **self.settings_for(dis_mask))
        return without(pg_is_loss, keep, *logps, **batch.credit)


RELATIVES: dict[str, Any] = {
    "m2po": M2PO,
    "opsm": OPSM,
    "trm": TRM,
    "ln_trm": LNTRM,
    "vaco": VACO,
    "cppo": CPPO,
    "clip_cov": ClipCov,
    "stale_mask": StaleMask,
    "sao": SAO,
}
