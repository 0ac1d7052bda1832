"""Ways other than a fixed clip to restrain the sampled token's ratio: windows that adapt, weights
that remember earlier tokens, penalties, and a mask before the update. What `Args:` and `Raises:`
leave out is as in `ppo_loss`."""

import math
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from trlib import checks
from trlib.algorithms.gspo import gspo_loss
from trlib.algorithms.kl_penalty import dual_ascent
from trlib.algorithms.method import (
    Anchor,
    Batch,
    Method,
    Scores,
    Step,
    TokenLoss,
    proportional,
    unclipped,
    weigh,
)
from trlib.algorithms.needs import Needs
from trlib.algorithms.ppo import check_window, pg_is_loss, ppo_loss
from trlib.divergences import binary_kl

OVERFLOW = 20.0  #: Log-ratios are capped at this before they are exponentiated.


def bapo_bounds(
    ratio: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    low: float = 0.6,
    low_most: float = 0.8,
    high: float = 1.2,
    high_most: float = 2.0,
    step: float = 0.05,
    step_low: float | None = None,
    target: float = 1.0,
    count: str = "value",
    order: str = "low-first",
    probability: Tensor | None = None,
) -> tuple[float, float]:
    """BAPO's window (c_low, c_high) for all of [B, T]: c_low rises from `low` to `low_most`, and
    c_high from `high` to `high_most`, one after the other, until the tokens with A > 0 count
    `target` times as much as those with A < 0.

    count="value"      min(r, c_high) |A| or max(r, c_low) |A|: the clipped constants too, as in the
    released code
    count="gradient"   r |A| where the window lets its gradient through, else 0: the method's own
    idea order="low-first"  c_low first, as in the released code; "high-first": c_high first, as in
    the paper's Algorithm 1
    step, step_low     by how much c_high and c_low rise at a time; `step_low` None: as `step`
    probability        [B, T]: what a token counts is multiplied by it, π_rollout in the paper's
    equation 8; None: by 1

    Raises: also for bounds that are not in the order 0, low, low_most, 1, high, high_most; step <=
    0; target < 0.
    Source: arXiv 2510.18927. The defaults are read in the authors' code; `BAPO_PAPER` holds what is
    read in the paper.
        By value, raising c_low moves the statistic away from the target: the constants it counts
        grow.
    Differs from: the paper states a share, 0.4, of all that counts; `target` is its ratio to the
    rest, 0.4 / 0.6."""
    checks.choice("count", count, ("value", "gradient"))
    low_most, high = (
        checks.number("low_most", low_most, least=0, most=1),
        checks.number("high", high, least=1),
    )
    low = checks.number("low", low, least=0, most=low_most)
    high_most = checks.number("high_most", high_most, least=high, below=math.inf)
    target = checks.number("target", target, least=0)
    step = checks.number("step", step, above=0)
    step_low = step if step_low is None else checks.number("step_low", step_low, above=0)
    checks.choice("order", order, ("low-first", "high-first"))
    ratio, a = (x.detach() for x in checks.tokens(mask, ratio=ratio, advantages=advantages))
    by = 1.0 if probability is None else checks.tokens(mask, probability=probability)[0].detach()

    def too_little_gain(c_low: float, c_high: float) -> bool:
        counted = ratio.clamp(max=c_high).where(a > 0, ratio.clamp(min=c_low)) * a
        if count == "gradient":
            counted = (ratio * a).where((ratio <= c_high).where(a > 0, ratio >= c_low), 0.0)
        counted = counted * by
        up, down = float(counted.clamp(min=0).sum()), float(-counted.clamp(max=0).sum())
        return down > 0 and up < target * down

    c_low, c_high = low, high
    while (c_low < low_most or c_high < high_most) and too_little_gain(c_low, c_high):
        if c_low < low_most and (order == "low-first" or c_high >= high_most):
            c_low = min(c_low + step_low, low_most)
        else:
            c_high = min(c_high + step, high_most)
    return c_low, c_high


def bapo_loss(
    logp: Tensor,
    logp_old: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    dual_clip: float | None = 3.0,
    weigh_by: str = "one",
    **search: Any,
) -> TokenLoss:
    """PPO's clip, L = -min(r A, clip(r, c_low, c_high) A) and at most -c A for A < 0, in the window
    of `bapo_bounds`, which receives `search`; with weigh_by="rollout" its `probability` is that of
    `logp_old`.
    Source: arXiv 2510.18927; read in the authors' code. The paper's Algorithm 1 has no dual clip.
    The window is searched in Python by the values: torch.compile breaks its graph here."""
    checks.choice("weigh_by", weigh_by, ("one", "rollout"))
    new, old, a = checks.tokens(mask, logp=logp, logp_old=logp_old, advantages=advantages)
    if weigh_by == "rollout":
        search["probability"] = old.detach().exp().masked_fill(~mask, 0.0)
    low, high = bapo_bounds((new - old).detach().clamp(max=OVERFLOW).exp(), a, mask, **search)
    window: dict[str, Any] = {"eps_low": 1 - low, "eps_high": high - 1, "dual_clip": dual_clip}
    return ppo_loss(logp, logp_old, advantages=advantages, mask=mask, **window)


@dataclass(frozen=True, kw_only=True)
class BAPO(Method):
    """A clip whose window is found anew in every update, from the current ratios of its minibatch's
    tokens. At a batch's first update every ratio is 1, and no window shuts anything out. The
    defaults are those of the authors' code, with which BAPO was recorded; `BAPO(**BAPO_PAPER)` is
    the paper's Algorithm 1."""

    advantage: str = "group-std"
    low: float = 0.6
    """c_low, where the search begins."""
    low_most: float = checks.setting(0.8, least=0, most=1)
    """How far c_low may rise."""
    high: float = checks.setting(1.2, least=1)
    """c_high, where the search begins."""
    high_most: float = 2.0
    """How far c_high may rise."""
    target: float = checks.setting(1.0, least=0)
    """How much the tokens with A > 0 should count, relative to those with A < 0; 1 is half of
    all."""
    count: Literal["value", "gradient"] = checks.setting("value")
    """What a token counts: its clipped value, as in the released code, or its gradient."""
    dual_clip: float | None = checks.setting(3.0, above=1)
    """Bound on the ratio of a token with A < 0; None: off."""
    order: Literal["low-first", "high-first"] = checks.setting("low-first")
    """Which edge moves first: c_low in the released code, c_high in the paper."""
    step: float = checks.setting(0.05, above=0)
    """By how much c_high rises at a time."""
    step_low: float | None = checks.setting(None, above=0)
    """By how much c_low rises at a time; None: as c_high."""
    weigh_by: Literal["one", "rollout"] = checks.setting("one")
    """What a token's count is multiplied by: one, or, as in the paper, its probability when it was
    sampled."""

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.number("low", self.low, least=0, most=self.low_most)
        checks.number("high_most", self.high_most, least=self.high, below=math.inf)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        chosen = self.settings_for(bapo_loss, bapo_bounds)
        return bapo_loss(scores.logp, batch.logp_anchor, **batch.credit, **chosen)


BAPO_PAPER: dict[str, Any] = {
    "low_most": 0.9,
    "high_most": 3.0,
    "target": 0.4 / 0.6,
    "dual_clip": None,
    "order": "high-first",
    "step_low": 0.02,
    "weigh_by": "rollout",
}
"""Settings of `BAPO` as read in the paper: Algorithm 1, equation 8 and section 5.1, whose ρ_0 is a
share of 0.4."""


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
    become unlikely silences what follows.
    Source: arXiv 2601.22718, after the abstract or a summary; both ε are our choice. Like CISPO, no
    clip mask.
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
    silenced."""

    token_loss = minpro_loss

    advantage: str = "group-std"
    eps_low: float = checks.setting(0.2, least=0, most=1)
    """The weight's window below 1; 1: no lower bound."""
    eps_high: float = checks.setting(0.28, least=0)
    """The weight's window above 1."""


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

    w = A 1[the clip keeps it] - α min(r-1, c): no ratio in the push. The drift is the gradient of
    KL(π_old || π), as k3 = r-1-log r, its factor at most `cap`; capping the r inside k3 instead
    would leave -log r, which drives r on. `kept`: the clip keeps the push.
    Source: arXiv 2505.12504, eq. 1, 2, 5: read in the paper; α and c from a public training script.
    Differs from: the paper's window may widen along a completion; LightRFT has the clip alone."""
    eps, cap = checks.number("eps", eps, least=0, below=1), checks.number("cap", cap, least=0)
    alpha = checks.number("alpha", alpha, least=0, below=math.inf)
    low, high = math.log1p(-eps), math.log1p(eps)
    logp, log_ratio, a = checks.log_ratios(mask, logp, advantages, logp_old=logp_old)
    now = log_ratio.detach()
    kept = unclipped(now, a, low, high)
    drift = alpha * torch.expm1(now).clamp(max=cap)
    per_token = -a * log_ratio.where(kept, now.clamp(low, high)) + drift * logp
    return TokenLoss(per_token, weigh(log_ratio, kept, a.where(kept, 0.0) - drift, mask))


@dataclass(frozen=True, kw_only=True)
class CPGD(Method):
    """Clipped policy gradient with policy drift: no ratio in the push, and a separate pull back."""

    token_loss = cpgd_loss
    eps: float = checks.setting(0.2, least=0, below=1)
    """The ratio's window on both sides of 1, drawn on its logarithm."""
    alpha: float = checks.setting(0.01, least=0, below=math.inf)
    """Weight of the drift back."""
    cap: float = checks.setting(0.2, least=0)
    """The largest factor r - 1 of the drift."""


def r2vpo_loss(
    logp: Tensor, logp_old: Tensor, *, advantages: Tensor, mask: Tensor, lam: float = 0.04
) -> TokenLoss:
    """L = -(r A - λ (r-1)²),
        w = r (A - 2 λ (r-1)): it changes sign at r = 1 + A/(2 λ) and pulls back from there.

    Source: arXiv 2601.03320, after the abstract or a summary: a public re-implementation, which
    uses λ = .04.
    Differs from: that re-implementation says that w keeps its sign."""
    lam = checks.number("lam", lam, least=0, below=math.inf)
    logp, log_ratio, a = checks.log_ratios(mask, logp, advantages, logp_old=logp_old)
    ratio = (log_ratio - (log_ratio - OVERFLOW).clamp(min=0).detach()).exp()
    weight = (ratio * (a - 2 * lam * (ratio - 1))).detach()
    return TokenLoss(
        -(ratio * a - lam * (ratio - 1).square()), weigh(log_ratio, mask, weight, mask)
    )


@dataclass(frozen=True, kw_only=True)
class R2VPO(Method):
    """A charge on the ratio's variance E (r-1)², at a price λ that dual ascent moves until the
    variance is `delta`."""

    lam: float = checks.setting(0.04, least=0, below=math.inf)
    """λ at the run's beginning; from then on it is kept in the run's memory."""
    delta: float = checks.setting(0.04, least=0, below=math.inf)
    """The bound on the mean of (r-1)² over a minibatch's tokens."""
    dual_lr: float = checks.setting(1.0, least=0, below=math.inf)
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
                    moved = (part.score().logp - part.batch.logp_anchor)[part.batch.mask].clamp(
                        max=OVERFLOW
                    )
                lam, variance = (
                    part.batch.memory.get("lam", self.lam),
                    float(moved.expm1().square().mean()),
                )
                part.batch.memory["lam"] = dual_ascent(lam, variance, self.delta, self.dual_lr)


def trefree_loss(
    logp: Tensor, logp_old: Tensor, *, advantages: Tensor, mask: Tensor, delta: float = 0.1
) -> TokenLoss:
    """PPO's clip with ε = δ/|A| for each token, so that |A| |r-1| <= δ: a token that matters much
    has a narrow window.

    Source: arXiv 2302.07985, after the abstract or a summary: it bounds the largest
    advantage-weighted ratio. That a clip keeps the bound is derived here."""
    delta = checks.number("delta", delta, above=0, below=math.inf)
    (a,) = checks.tokens(mask, advantages=advantages)
    width = delta / a.detach().abs().clamp(min=torch.finfo(a.dtype).eps)
    return ppo_loss(
        logp, logp_old, advantages=advantages, mask=mask, eps_low=width.clamp(max=1), eps_high=width
    )


@dataclass(frozen=True, kw_only=True)
class TREFree(Method):
    """A clip whose window narrows as the advantage grows: after the abstract or a summary."""

    token_loss = trefree_loss
    delta: float = checks.setting(0.1, above=0, below=math.inf)
    """The bound on |A| |r-1|."""


class ClipBandit:
    """UCB over widths of a clip: argmax mean_i + c sqrt(log t / n_i), untried ones first; its
    counts are in `memory`.
    Source: arXiv 2312.07624, after the abstract or a summary: it names a bandit, and the code's
    README names UCB."""

    def __init__(self, arms: Sequence[float], c: float = 1.0) -> None:
        self.arms = [checks.number("arms", arm, above=0, most=1) for arm in arms]
        checks.whole("arms", len(self.arms), least=1)
        self.c = checks.number("c", c, least=0, below=math.inf)

    def choose(self, memory: MutableMapping[str, Any], earned: float) -> float:
        """The next batch's width; `earned` is what the width chosen before has earned, if there was
        one."""
        pulls, means = (
            memory.get(name, torch.zeros(len(self.arms))).clone()
            for name in ("clip_pulls", "clip_means")
        )
        if "clip_arm" in memory:
            last = memory["clip_arm"]
            pulls[last] += 1
            means[last] += (earned - means[last]) / pulls[last]
        bonus = [
            self.c * math.sqrt(math.log(sum(pulls)) / n) if n else math.inf for n in pulls.tolist()
        ]
        score = [mean + more for mean, more in zip(means.tolist(), bonus, strict=True)]
        memory.update(clip_pulls=pulls, clip_means=means, clip_arm=score.index(max(score)))
        return self.arms[memory["clip_arm"]]


@dataclass(frozen=True, kw_only=True)
class PbPPO(Method):
    """PPO with a clip that a bandit chooses for every batch. A width earns the mean reward of the
    next batch, which is written by the policy that the width has made: after the abstract or a
    summary."""

    arms: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3, 0.5)
    """The widths to choose from, each on both sides of 1."""
    c: float = 1.0
    """Weight of what is still unknown, in units of reward."""

    def __post_init__(self) -> None:
        super().__post_init__()
        ClipBandit(self.arms, self.c)

    def prepare(self, batch: Batch) -> Batch:
        ClipBandit(self.arms, self.c).choose(batch.memory, float(batch.rewards.mean()))
        return super().prepare(batch)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        eps = self.arms[batch.memory["clip_arm"]]
        return ppo_loss(scores.logp, batch.logp_anchor, **batch.credit, eps_low=eps, eps_high=eps)


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

    Args: full [B, T, V] log π; hidden [B, T, H] h; push [B, T] w of the loss; fisher="empirical": F
    = v vᵀ.
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
    m_f, m_h = (
        (true if fisher == "true" else along.square()) / 2,
        push * (along + (along.square() - true) / 2),
    )
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
    """The Fisher matrix of the prediction: the distribution's own, or the sampled token's, as in
    the released code."""

    def needs(self, anchor: Anchor) -> Needs:
        return Needs(full=True, hidden=True)

    def update(self, step: Step) -> None:
        for part in step.minibatches():
            part.batch.memory["capo_lr"] = part.lr
            part.descend(part.loss())

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        loss = pg_is_loss(scores.logp, batch.logp_anchor, **batch.credit)
        push = loss.diagnostics["weight"]
        inputs, lr = (scores.full, scores.hidden, batch.tokens, push), batch.memory["capo_lr"]
        near, *_ = capo_mask(*inputs, lr=lr, **self.settings_for(capo_mask))
        masked = {"kept": near & batch.mask, "weight": push.masked_fill(~near, 0.0)}
        return TokenLoss(loss.per_token.masked_fill(~near, 0.0), loss.diagnostics | masked)


def kl3_window(delta: float) -> tuple[float, float]:
    """(ε_low, ε_high) of the clip that keeps k3 = r - 1 - log r, a token's estimate of KL(π_old ||
    π), at most δ nats.

    The roots of k3 = δ on both sides of r = 1, by Newton's method; ε_high > ε_low, for k3 is
    steeper below 1."""
    delta = checks.number("delta", delta, above=0, below=math.inf)

    def root(x: float) -> float:
        for _ in range(
            80
        ):  # from outside, where k3 > δ, so that a convex function's steps never pass the root
            x -= (math.expm1(x) - x - delta) / math.expm1(x)
        return math.expm1(x)

    return -root(-1 - delta), root(math.log(2 + 2 * delta))


@dataclass(frozen=True, kw_only=True)
class KL3Clip(Method):
    """PPO's clip where a token's k3 estimate of the KL leaves δ: one window, wider above 1 than
    below.
    Source: ATR-GRPO, arXiv 2602.05494, after the abstract or a summary, which say that it is such a
    clip. δ is our choice: it puts the lower edge at PPO's .8."""

    advantage: str = "group-std"
    delta: float = checks.setting(0.023, above=0, below=math.inf)
    """The largest r - 1 - log r of a token, nats."""

    @proportional
    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        low, high = kl3_window(self.delta)
        return ppo_loss(scores.logp, batch.logp_anchor, **batch.credit, eps_low=low, eps_high=high)


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
    found = loss(*logps, advantages=advantages.masked_fill(~keep, 0.0), mask=mask, **settings)
    return TokenLoss(
        found.per_token, found.diagnostics | {"kept": found.diagnostics["kept"] & keep}
    )


@proportional
def bandpo_loss(
    logp: Tensor,
    logp_old: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    delta: float = 0.05,
    eps_low: float = 0.2,
    eps_high: float = 0.28,
    most: float = 100.0,
) -> TokenLoss:
    """L = -r A on the tokens that PPO's window keeps and on those with KL(old || new) <= δ, r <=
    `most`; else 0.

    The KL is that of the sampled token against all others, so a rare token has a wide window of
    ratios.
    Args: delta: nats; eps_low, eps_high: PPO's window, which the band never undercuts; 0: the band
    alone.
    Source: arXiv 2603.04918, band with KL; read in the authors' code, `verl/bandpo/band`, whose
    settings these are.
    Differs from: the authors bisect for the window's edges and clip there; the gradient is the same
    (derived here), and the clipped constant is left out. With eps_low = eps_high = 0 this is DPPO's
    mask with binary KL, around the recomputed policy (derived here)."""
    delta, most = checks.number("delta", delta, least=0), checks.number("most", most, least=1)
    new, old, a = (
        x.detach() for x in checks.tokens(mask, logp=logp, logp_old=logp_old, advantages=advantages)
    )
    near = (binary_kl(old.clamp(max=0.0), new.clamp(max=0.0)) <= delta) & (
        new - old <= math.log(most)
    )
    inside = ppo_loss(
        new, old, advantages=a, mask=mask, eps_low=eps_low, eps_high=eps_high
    ).diagnostics["kept"]
    return without(pg_is_loss, near | inside, logp, logp_old, advantages=advantages, mask=mask)


@dataclass(frozen=True, kw_only=True)
class BandPO(Method):
    """PPO's clip, whose window is opened for a token as far as a KL of its distribution allows."""

    token_loss = bandpo_loss
    advantage: str = "group-std"
    delta: float = checks.setting(0.05, least=0)
    """The largest KL(old || new) of the sampled token against all others, nats."""
    eps_low: float = checks.setting(0.2, least=0, most=1)
    """The least window below 1."""
    eps_high: float = checks.setting(0.28, least=0)
    """The least window above 1."""
    most: float = checks.setting(100.0, least=1)
    """The largest ratio that the band keeps."""


def turns_of(mask: Tensor, length: int | None = None) -> Tensor:
    """[B, T] which turn a token belongs to, from 0: every `length` unmasked tokens begin one; None:
    every unbroken run of unmasked tokens is one, as where a tool's answers stand between."""
    checks.boolean("mask", mask, (None, None), "B, T")
    if length is not None:
        return (mask.cumsum(-1) - 1).clamp(min=0) // checks.whole("length", length, least=1)
    begins = mask & ~torch.nn.functional.pad(mask[:, :-1], (1, 0))
    return (begins.cumsum(-1) - 1).clamp(min=0)


@dataclass(frozen=True, kw_only=True)
class TurnPPO(Method):
    """PPO's clip on whole turns: `gspo_loss` with the geometric mean of a turn's ratios, between a
    token's ratio (turns of one token) and a completion's (one turn).
    Source: Turn-PPO of arXiv 2511.20718, after the abstract or a summary.
    Differs from: its critic, and the normalisation by what was clipped (S-PPO, ST-PPO), which are
    not here."""

    advantage: str = "group-std"
    length: int | None = checks.setting(None, least=1)
    """Tokens of a turn; None: a turn ends where the environment answers, at a gap in the mask."""
    eps_low: float = checks.setting(0.2, least=0, most=1)
    """The turn's window below 1."""
    eps_high: float = checks.setting(0.2, least=0)
    """The turn's window above 1."""

    @proportional
    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        window = {"eps_low": self.eps_low, "eps_high": self.eps_high}
        turns = turns_of(batch.mask, self.length)
        return gspo_loss(scores.logp, batch.logp_anchor, **batch.credit, **window, turns=turns)


RELATIVES: dict[str, Any] = {
    "bapo": BAPO,
    "minpro": MinPRO,
    "cpgd": CPGD,
    "r2vpo": R2VPO,
    "capo": CAPO,
    "trefree": TREFree,
    "pb_ppo": PbPPO,
    "kl3_clip": KL3Clip,
    "bandpo": BandPO,
    "turn_ppo": TurnPPO,
}
