"""Ratios restrained without a window: weights that remember earlier tokens, prices, and a mask before
the update. What `Args:` and `Raises:` leave out is as in `ppo_loss`."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from trlib import checks
from trlib.algorithms.kl_penalty import dual_ascent
from trlib.algorithms.method import (
    Anchor,
    Batch,
    Method,
    Scores,
    Step,
    TokenLoss,
    unclipped,
    weigh,
)
from trlib.algorithms.needs import Needs
from trlib.algorithms.ppo import check_window, pg_is_loss
from trlib.checks import NOT_NEGATIVE, SHARE


def minpro_loss(
    logp: Tensor,
    logp_old: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    eps_low: float = 0.2,
    eps_high: float = 0.28,
) -> TokenLoss:
    """L = -sg[clip(und_t r_t, 1-ε_low, 1+ε_high)] A log π(y_t),   w = clip(und_t r_t) A,
        und_t = min_{i<t} r_i

    und_1 = 1; masked tokens are in no minimum. und_t r_t (diagnostic `prefix`) stands for the exact
    r_1 ... r_t, whose variance grows exponentially. eps_low = 1 is no lower bound: a token that has
    become unlikely gives what follows a weight near 0.
    Source: arXiv 2601.22718, as printed in transcriptions; the paper itself was not read. Both ε are
    our choice. Like CISPO, no clip mask.
    Differs from: the public port calls itself the hard-clip variant: a clipped token gets no
    gradient. Here, as in the summaries, it keeps the bounded weight."""
    eps_low, eps_high = check_window(eps_low, eps_high)
    logp, log_ratio, advantages = checks.log_ratios(mask, logp, advantages, logp_old=logp_old)
    log_ratio = log_ratio.detach()
    least = log_ratio.masked_fill(~mask, math.inf).cummin(-1).values
    before = torch.nn.functional.pad(least[:, :-1], (1, 0), value=math.inf)
    prefix = (before.masked_fill(before == math.inf, 0.0) + log_ratio).masked_fill(~mask, 0.0).exp()
    bounded = prefix.clamp(1 - eps_low, 1 + eps_high)
    weight = bounded * advantages
    return TokenLoss(
        -weight * logp,
        weigh(log_ratio, mask, weight, mask, prefix=prefix, clipped=bounded != prefix),
    )


@dataclass(frozen=True, kw_only=True)
class MinPRO(Method):
    """The policy gradient, weighted by a token's ratio and the smallest before it; no token is
    clipped."""

    token_loss = minpro_loss

    advantage: str = "group-std"
    eps_low: float = checks.setting(0.2, **SHARE)
    """The weight's window below 1; 1: no lower bound."""
    eps_high: float = checks.setting(0.28, least=0)
    """The weight's window above 1."""
    formula = "A*clip(r*where(t > 0, smallest(r), 1), 1 - eps_low, 1 + eps_high)"


def cpgd_loss(
    logp: Tensor,
    logp_old: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    eps: float = 0.2,
    alpha: float = 0.01,
    cap: float = 0.2,
) -> TokenLoss:
    """L = -min(l A, clip(l, log(1-ε), log(1+ε)) A) + α sg[min(r-1, c)] log π(y_t),   l = log r

    w = A 1[the clip keeps it] - α min(r-1, c): no ratio in the gradient weight. The drift is the gradient of
    KL(π_old || π), as k3 = r-1-log r, its factor at most `cap`; capping the r inside k3 instead
    would leave -log r, which drives r on. `kept`: the clip keeps the token.
    Source: arXiv 2505.12504, eq. 1, 2, 5: read in the paper; α and c from a public training script.
    Differs from: the paper's window may widen along a completion; LightRFT has the clip alone."""
    eps, cap = checks.number("eps", eps, least=0, below=1), checks.number("cap", cap, least=0)
    alpha = checks.number("alpha", alpha, **NOT_NEGATIVE)
    low, high = math.log1p(-eps), math.log1p(eps)
    logp, log_ratio, a = checks.exact_log_ratios(mask, logp, advantages, logp_old=logp_old)
    now = log_ratio.detach()
    kept = unclipped(now, a, low, high)
    drift = alpha * torch.expm1(now).clamp(max=cap)
    per_token = -a * log_ratio.where(kept, now.clamp(low, high)) + drift * logp
    return TokenLoss(per_token, weigh(log_ratio, kept, a.where(kept, 0.0) - drift, mask))


@dataclass(frozen=True, kw_only=True)
class CPGD(Method):
    """Clipped policy gradient with policy drift: no ratio in the gradient weight, and a separate pull back."""

    token_loss = cpgd_loss
    eps: float = checks.setting(0.2, least=0, below=1)
    """The ratio's window on both sides of 1, drawn on its logarithm."""
    alpha: float = checks.setting(0.01, **NOT_NEGATIVE)
    """Weight of the drift back."""
    cap: float = checks.setting(0.2, least=0)
    """The largest factor r - 1 of the drift."""

    formula = "A*(sign(A)*(r - 1) <= eps) - alpha*min(r - 1, cap)"


def r2vpo_loss(
    logp: Tensor, logp_old: Tensor, *, advantages: Tensor, mask: Tensor, lam: float = 0.04
) -> TokenLoss:
    """L = -(r A - λ (r-1)²),
        w = r (A - 2 λ (r-1)): it changes sign at r = 1 + A/(2 λ) and pulls back from there.

    Source: arXiv 2601.03320; read in the code of a public re-implementation, which uses λ = .04, not
    in the paper.
    Differs from: that re-implementation says that w keeps its sign."""
    lam = checks.number("lam", lam, **NOT_NEGATIVE)
    _, log_ratio, a = checks.log_ratios(mask, logp, advantages, logp_old=logp_old)
    return priced(log_ratio, a, 2 * lam, mask)


def priced(log_ratio: Tensor, advantages: Tensor, price: float | Tensor, mask: Tensor) -> TokenLoss:
    """L = -r A + price (r-1)² / 2,   w = r (A - price (r-1)); log r is capped."""
    ratio = log_ratio.exp()
    weight = ratio * (advantages - price * (ratio - 1))
    loss = -ratio * advantages + price * (ratio - 1).square() / 2
    return TokenLoss(loss, weigh(log_ratio, mask, weight, mask))


@dataclass(frozen=True, kw_only=True)
class R2VPO(Method):
    """A charge on the ratio's variance E (r-1)², at a price λ that dual ascent moves until the
    variance is `delta`."""

    lam: float = checks.setting(0.04, **NOT_NEGATIVE)
    """λ at the run's beginning; from then on it is kept in the run's memory."""
    delta: float = checks.setting(0.04, **NOT_NEGATIVE)
    """The bound on the mean of (r-1)² over a minibatch's tokens."""
    dual_lr: float = checks.setting(1.0, **NOT_NEGATIVE)
    """Step of the dual ascent after every update; 0: λ stays fixed, the penalty form."""

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        return r2vpo_loss(
            scores.logp, batch.logp_anchor, **batch.credit, lam=batch.memory.get("lam", self.lam)
        )

    def update(self, step: Step) -> None:
        for part in step.minibatches():
            part.descend(part.loss())
            if self.dual_lr and bool(part.batch.mask.any()):
                with torch.no_grad():
                    moved = part.score().logp - part.batch.logp_anchor
                    moved = checks.capped(moved[part.batch.mask])
                lam = part.batch.memory.get("lam", self.lam)
                variance = float(moved.expm1().square().mean())
                part.batch.memory["lam"] = dual_ascent(lam, variance, self.delta, self.dual_lr)

    formula = "r*(A - 2*lam*(r - 1))"  # with the price of the first batch


def capo_mask(
    full: Tensor,
    hidden: Tensor,
    tokens: Tensor,
    push: Tensor,
    *,
    lr: float,
    tau_f: float = 1e-4,
    tau_h: float = 1e-2,
    fisher: str = "true",
) -> tuple[Tensor, Tensor, Tensor]:
    """[B, T] which tokens stay, m_F < τ_F and |m_H| < τ_H, then m_F and m_H: how far a token's own
    step is predicted to move the policy (KL, nats) and the objective. The step is lr times the last
    layer's gradient, u = lr push v hᵀ h in
    the logits, v = 1_a - π.   m_F = uᵀ F u / 2,   m_H = push (v·u) + push ((v·u)² - uᵀ F u) / 2,
        F = diag(π) - π πᵀ

    Args: full [B, T, V] log π; hidden [B, T, H] h; push [B, T] w of the loss; fisher="empirical":
    v vᵀ takes the place of F in m_F. It does not in m_H, the change's second derivative, where F is
    no choice.
    Source: arXiv 2510.00819; read in the authors' code.
    Differs from: the authors' code uses v vᵀ as F and Adam's preconditioned gradient as the step,
    and masks PPO's clipped loss with a KL penalty; `CAPO` masks r A, so only the mask restrains a
    batch that is used many times."""
    checks.choice("fisher", fisher, ("true", "empirical"))
    full, at = full.detach(), tokens.unsqueeze(-1)
    p = full.exp()
    v = (-p).scatter(-1, at, -torch.expm1(full.gather(-1, at)))
    size = lr * push * hidden.detach().square().sum(-1)  # u = size v
    along = size * v.square().sum(-1)  # v·u
    # uᵀ F u is the variance of u under π: written out in powers of π, its terms cancel, and float32
    # loses them.
    true = size.square() * (p * (v - (p * v).sum(-1, keepdim=True)).square()).sum(-1)
    m_f = (true if fisher == "true" else along.square()) / 2
    m_h = push * (along + (along.square() - true) / 2)
    return (m_f < tau_f) & (m_h.abs() < tau_h), m_f, m_h


@dataclass(frozen=True, kw_only=True)
class CAPO(Method):
    """The policy gradient without the tokens whose own step would move too far: a mask before the
    move, computed for every update; nothing ties it to the old policy."""

    tau_f: float = checks.setting(1e-4, above=0)
    """The largest KL that one token's step may cause, nats."""
    tau_h: float = checks.setting(1e-2, above=0)
    """The largest change of the objective, in either direction."""
    fisher: Literal["true", "empirical"] = checks.setting("true")
    """The Fisher matrix of the predicted KL: the distribution's own, or the sampled token's, as in
    the released code."""

    def needs(self, anchor: Anchor) -> Needs:
        return Needs(full=True, hidden=True)

    def update(self, step: Step) -> None:
        for part in step.minibatches():
            part.batch.memory["capo_lr"] = part.lr
            part.descend(part.loss())

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        loss = pg_is_loss(scores.logp, batch.logp_anchor, **batch.credit)
        weight = loss.diagnostics["weight"]
        tokens = batch.tokens.masked_fill(~batch.mask, 0)
        inputs, lr = (scores.full, scores.hidden, tokens, weight), batch.memory["capo_lr"]
        near, *_ = capo_mask(*inputs, lr=lr, **self.settings_for(capo_mask))
        masked = {"kept": near & batch.mask, "weight": weight.masked_fill(~near, 0.0)}
        return TokenLoss(loss.per_token.masked_fill(~near, 0.0), loss.diagnostics | masked)


def without(
    loss: Callable[..., TokenLoss],
    keep: Tensor,
    *logps: Tensor,
    advantages: Tensor,
    mask: Tensor,
    **settings: Any,
) -> TokenLoss:
    """A loss per token in which tokens outside `keep` [B, T] have no advantage, but stay in every
    mean."""
    result = loss(*logps, advantages=advantages.masked_fill(~keep, 0.0), mask=mask, **settings)
    return TokenLoss(
        result.per_token, result.diagnostics | {"kept": result.diagnostics["kept"] & keep}
    )
