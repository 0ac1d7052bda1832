"""How hard stale data push: weights of tokens and completions that fade, taper, or are relative to
a policy between the sampler's and the learner's. What `Args:` and `Raises:` leave out is as in
`ppo_loss`."""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from trlib import checks
from trlib.algorithms.gspo import GSPO
from trlib.algorithms.method import (
    Anchor,
    Method,
    Step,
    TokenLoss,
    weigh,
)
from trlib.algorithms.ppo import PGIS, PPO, ppo_loss
from trlib.checks import NOT_NEGATIVE, SHARE
from trlib.corrections import Correction, sequence_ess, truncated_importance

WHOLE = Correction(cap=8.0, level="sequence")  #: The weights of VCPO's completions.


def vespo_loss(
    logp: Tensor,
    logp_rollout: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    k_pos: float = 2.0,
    lam_pos: float = 3.0,
    k_neg: float = 3.0,
    lam_neg: float = 2.0,
) -> TokenLoss:
    """L = -sg[φ(W)] A log π(y_t),   w = φ(W) A,   φ(W) = W^k e^(λ (1 - W)),
        W = r_1 ... r_T of the completion

    φ is 1 at W = 1, largest at W = k/λ, and falls to 0 on both sides; k and λ depend on the sign of
    A. Diagnostic `sequence_ratio` W [B, T].
    Source: arXiv 2602.10693; read in the authors' code, `recipe/vespo/code/core_algos.py`.
    Differs from: the authors' code and TRL clamp each log r_t to ±20 too, and W from below at 1e-8,
    where φ is tiny."""
    ks = _numbers(k_pos=k_pos, lam_pos=lam_pos, k_neg=k_neg, lam_neg=lam_neg)
    new, log_ratio, a = checks.exact_log_ratios(mask, logp, advantages, logp_rollout=logp_rollout)
    log_ratio = log_ratio.detach()
    most = checks.LOG_RATIO_CAP
    log_whole = log_ratio.sum(-1, keepdim=True).clamp(-most, most).expand_as(a)
    k, lam = (torch.full_like(a, up).where(a >= 0, down) for up, down in (ks[::2], ks[1::2]))
    weight = (k * log_whole - lam * log_whole.expm1()).exp() * a
    return TokenLoss(
        -weight * new, weigh(log_ratio, mask, weight, mask, sequence_ratio=log_whole.exp())
    )


def _numbers(**values: float) -> tuple[float, ...]:
    return tuple(checks.number(name, value, **NOT_NEGATIVE) for name, value in values.items())


@dataclass(frozen=True, kw_only=True)
class VESPO(Method):
    """A soft weight of the whole completion, by the product of its ratios: it is largest near a
    product of 1, and fades where the completion has become far more or far less likely."""

    token_loss = vespo_loss
    advantage: str = "group-std"
    anchor: ClassVar[Anchor] = "rollout"
    k_pos: float = checks.setting(2.0, **NOT_NEGATIVE)
    """The power of W where A >= 0."""
    lam_pos: float = checks.setting(3.0, **NOT_NEGATIVE)
    """The decay with W where A >= 0."""
    k_neg: float = checks.setting(3.0, **NOT_NEGATIVE)
    """The power of W where A < 0."""
    lam_neg: float = checks.setting(2.0, **NOT_NEGATIVE)
    """The decay with W where A < 0."""

    formula = "A*(s^n)^where(A >= 0, k_pos, k_neg)*exp(where(A >= 0, lam_pos, lam_neg)*(1 - s^n))"


def topr_loss(
    logp: Tensor,
    logp_rollout: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    level: str = "completion",
) -> TokenLoss:
    """L = -sg[c] A log π(y_t),   w = c A,   c = 1 where A >= 0 and min(R, 1) where A < 0

    What was right is imitated; what was wrong pushes less the more unlikely it has become. R is the
    product of the completion's ratios, or with level="token" the token's own.
    Source: arXiv 2503.14286, as printed in summaries; the paper itself was not read.
    Differs from: Trinity-RFT uses level="token"."""
    checks.choice("level", level, ("completion", "token"))
    new, log_ratio, a = checks.exact_log_ratios(mask, logp, advantages, logp_rollout=logp_rollout)
    log_ratio = log_ratio.detach()
    judged = log_ratio.sum(-1, keepdim=True) if level == "completion" else log_ratio
    weight = judged.clamp(max=0.0).exp().expand_as(a).masked_fill(a >= 0, 1.0) * a
    return TokenLoss(-weight * new, weigh(log_ratio, mask, weight, mask))


@dataclass(frozen=True, kw_only=True)
class TOPR(Method):
    """Tapered off-policy REINFORCE: right answers are imitated; the ratios of wrong ones are
    bounded by 1."""

    token_loss = topr_loss
    anchor: ClassVar[Anchor] = "rollout"
    level: Literal["completion", "token"] = checks.setting("completion")
    """Whose ratio is tapered: the completion's product, or the token's."""

    @property
    def formula(self) -> str:
        return f"A*where(A >= 0, 1, min({'s^n' if self.level == 'completion' else 'r'}, 1))"


def ctpo_loss(
    logp: Tensor,
    logp_old: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    low: float = 0.025,
    high: float = 0.05,
    cap: float = 0.05,
    power: float = 0.5,
) -> TokenLoss:
    """PPO's clip on the product of the ratios so far, R_t = r_1 ... r_t, in a window that widens as
    its spread does.

    L = -min(R A, clip(R, e^(-low t^p), e^(high t^p)) A), for A < 0 at most -e^(cap t^p) A;
        w = R A inside, 0 outside

    The gradient is that of the token's own r_t; t counts unmasked tokens. Diagnostic `prefix` R [B,
    T].
    Source: arXiv 2605.07331; read in the authors' code, `cum-token-cumprod-la` of horizon-llm/CTPO.
    Differs from: the authors' code clamps log r to ±20 and caps log R at 10."""
    low, high, cap, power = _numbers(low=low, high=high, cap=cap, power=power)
    new, log_ratio, a = checks.exact_log_ratios(mask, logp, advantages, logp_old=logp_old)
    log_ratio = log_ratio.detach()
    so_far, width = log_ratio.cumsum(-1), mask.cumsum(-1).clamp(min=1).to(new) ** power
    below, above = -low * width, torch.full_like(a, cap).where(a < 0, high) * width
    kept = ((a >= 0) | (so_far >= below)) & ((a == 0) | (so_far <= above))
    prefix = checks.capped(so_far).exp()
    bound = torch.minimum(torch.maximum(so_far, below), above).exp()
    per_token = -a * (prefix * (new - new.detach()).exp()).where(kept, bound)
    return TokenLoss(
        per_token, weigh(log_ratio, kept, (prefix * a).where(kept, 0.0), mask, prefix=prefix)
    )


@dataclass(frozen=True, kw_only=True)
class CTPO(Method):
    """A token's ratio times all before it, clipped in a window that widens with the root of its
    position."""

    token_loss = ctpo_loss
    advantage: str = "group-std"
    low: float = checks.setting(0.025, **NOT_NEGATIVE)
    """The window below, of the first token's log-ratio."""
    high: float = checks.setting(0.05, **NOT_NEGATIVE)
    """The window above, of the first token's log-ratio."""
    cap: float = checks.setting(0.05, **NOT_NEGATIVE)
    """The bound above for A < 0, likewise."""
    power: float = checks.setting(0.5, **NOT_NEGATIVE)
    """The power of the position with which these three widen; 0: not at all."""
    formula = (
        "A*exp(sofar(l))*((A > 0 and sofar(l) <= high*(t + 1)^power) or "
        "(A < 0 and sofar(l) >= -low*(t + 1)^power and sofar(l) <= cap*(t + 1)^power))"
    )


def a3po_loss(
    logp: Tensor,
    logp_rollout: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    age: Tensor | None = None,
    eps_low: float = 0.2,
    eps_high: float = 0.2,
    cap: float = 5.0,
) -> TokenLoss:
    """Decoupled PPO without a forward pass for its middle policy: log π_prox = log μ + a/(a+1) log
    π/μ, detached, for a token whose sampler was `age` a batches behind; at 0 it is μ.

    L = c times PPO's clip of π/π_prox,   c = sg[π_prox/μ], 0 above `cap`;   w likewise

    Args: age [B, T]; None: 0 everywhere.
    Source: arXiv 2512.06547; read in the authors' code, AReaL's prox_logp_method="loglinear", and
    `cap`.
    Differs from: AReaL's example has a window of .4 on both sides. Decoupled PPO itself recomputes
    π_prox: `PPO(correction=Correction(cap=5, how="mask"))`."""
    new, rollout, advantages = checks.tokens(
        mask, logp=logp, logp_rollout=logp_rollout, advantages=advantages
    )
    age = torch.zeros_like(rollout) if age is None else age.to(rollout)
    prox = rollout + age / (age + 1) * (new.detach() - rollout)
    factor = truncated_importance(prox, rollout, mask, cap=cap, how="mask")
    loss = ppo_loss(
        logp, prox, advantages=advantages * factor, mask=mask, eps_low=eps_low, eps_high=eps_high
    )
    return TokenLoss(
        loss.per_token, loss.diagnostics | {"kept": loss.diagnostics["kept"] & (factor > 0)}
    )


@dataclass(frozen=True, kw_only=True)
class A3PO(Method):
    """PPO's clip around a policy between the sampler's and the learner's, interpolated by age."""

    token_loss = a3po_loss
    advantage: str = "group-std"
    anchor: ClassVar[Anchor] = "rollout"
    eps_low: float = checks.setting(0.2, **SHARE)
    """The window of π/π_prox below 1."""
    eps_high: float = checks.setting(0.2, least=0)
    """The window of π/π_prox above 1."""
    cap: float = checks.setting(5.0, above=0)
    """The largest π_prox/μ; a token beyond it has no gradient."""


@dataclass(frozen=True, kw_only=True)
class LUSPO(GSPO):
    """GSPO in which a completion counts in proportion to its length: the sum of its tokens' losses,
    not their mean.
    Source: arXiv 2602.05261; read in the code of TRL 1.16.0, not in the paper."""

    aggregation: str = "seq-mean-token-sum"


@dataclass(frozen=True, kw_only=True)
class VCPO(PGIS):
    """r A with completions weighted by π_old/μ, and steps as long as the data deserve: every
    update's learning rate is multiplied by (ESS / B)^power, ESS = (Σ w)² / Σ w² of the weights
    before they are truncated.
    Source: arXiv 2602.17616; read in the authors' code, mit-han-lab/vcpo, whose settings these are.
    Differs from: the authors also replace the group's mean with the baseline of least variance,
    which needs the norm of every completion's gradient."""

    advantage: str = "group-std"
    aggregation: str = "seq-mean-token-mean"
    correction: Correction | None = WHOLE
    power: float = checks.setting(0.5, **NOT_NEGATIVE)
    """The power of the share of effective samples: 1/2 for AdamW, 1 for plain descent; 0: the
    learning rate stays."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.correction is None:
            raise ValueError(
                "correction: expected the weights whose effective sample size is taken, got None"
            )

    def update(self, step: Step) -> None:
        for part in step.minibatches():
            ess = sequence_ess(part.batch.logp_old, part.batch.logp_rollout, part.batch.mask)
            part.batch.memory["ess_step"] = ess
            part.descend(part.loss(), lr_scale=ess**self.power if ess == ess else 1.0)


def _corrected(**settings: Any) -> Any:
    """PPO's clip with a correction, of these settings, for the sampler."""
    return partial(PPO, correction=Correction(**settings))


RELATIVES: dict[str, Any] = {
    "tis": _corrected(cap=2.0),
    "tis_seq": _corrected(cap=2.0, level="sequence"),
    "mis": _corrected(cap=2.0, how="mask"),
    "mis_seq": _corrected(cap=2.0, level="sequence", how="mask"),
    "geo_mask": _corrected(cap=1.001, floor=0.999, level="geometric", how="reject"),
    "icepop": _corrected(cap=5.0, floor=0.5, how="mask"),
    "vespo": VESPO,
    "topr": TOPR,
    "ctpo": CTPO,
    "a3po": A3PO,
    "luspo": LUSPO,
    "vcpo": VCPO,
}
