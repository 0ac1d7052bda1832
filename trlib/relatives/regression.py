"""Policy optimisation as least squares: fit what the optimum of a KL-regularised step would be."""

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from trlib import checks
from trlib.algorithms.centering import Centered
from trlib.algorithms.method import Anchor, Batch, Method, Scores, TokenLoss, weigh
from trlib.algorithms.needs import Needs
from trlib.checks import POSITIVE
from trlib.divergences import kl


@dataclass(frozen=True, kw_only=True)
class REBEL(Method):
    """The mean, over all pairs of a prompt's completions that have a token, of
    L = (l_i - l_j - η (A_i - A_j))², l = Σ_t log r_t; Z and every baseline cancel. L is 0 at
    π ∝ π_old exp(η R) where the pairs connect all answers. Its mean is twice the group's variance of
    l - η R: equal rewards still pull back to equal l.
    Source: arXiv 2404.16767, its code (η = 1).
    Differs from: the paper divides l by η, where its code and this multiply the rewards: the same
    minimiser."""

    compares: ClassVar[bool] = True
    eta: float = checks.setting(1.0, **POSITIVE)
    """Nats of log-ratio that a reward is worth."""

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        logps = {"logp": scores.logp, "logp_old": batch.logp_anchor}
        logp, old, advantages = checks.tokens(batch.mask, **logps, advantages=batch.advantages)
        log_ratio, lengths = logp - old.detach(), batch.lengths
        rest = log_ratio.sum(-1) - self.eta * advantages.sum(-1) / lengths.clamp(min=1)
        same = (
            (batch.group.unsqueeze(1) == batch.group) & (lengths > 0) & (lengths > 0).unsqueeze(1)
        )
        first, second = same.triu(1).nonzero().unbind(1)
        pairs = max(1, len(first))
        weight = 2 * (same.to(rest) @ rest - same.sum(-1) * rest) / pairs
        kept = same.sum(-1) > 1
        diagnostics = weigh(
            log_ratio, kept.unsqueeze(-1), weight.unsqueeze(-1).expand_as(logp), batch.mask
        )
        return TokenLoss((rest[first] - rest[second]).square().sum() / pairs, diagnostics)


def lco_loss(
    logp: Tensor,
    logp_old: Tensor,
    *,
    tokens: Tensor,
    advantages: Tensor,
    mask: Tensor,
    beta: float = 1.0,
    kind: str = "kld",
) -> TokenLoss:
    """Regress on π* ∝ π_old exp(A/β), convex in the logits: kld KL(π* || π), mse Σ d_v²/2, lch Σ
    log cosh d_v, where d = log π - log π* less its mean over the vocabulary (logits have a free
    constant). logp, logp_old: [B, T, V].

    Advantages [B, T] are the sampled token's, 0 for all others (sparse): π*_y = π_y e^(A/β) / (1 -
    π_y + π_y e^(A/β)), and over samples mse rests at π_old exp(π_old A/β); [B, T, V] are every
    token's. `weight`: -dL/dlog π(y), all others keeping their proportions. Raises what every loss
    does.
    Source: ours, from two summaries of arXiv 2603.00963; the targets and β are derived here."""
    beta = checks.number("beta", beta, **POSITIVE)
    checks.choice("kind", kind, ("kld", "mse", "lch"))
    new, old, at = checks.safe_distributions(mask, tokens, logp=logp, logp_old=logp_old)
    if advantages.dim() == 2:
        advantages = checks.advantages(mask, advantages)
        advantages = torch.zeros_like(old).scatter(-1, at, advantages.to(old).unsqueeze(-1))
    target = (
        (old + advantages.masked_fill(~mask.unsqueeze(-1), 0.0) / beta).log_softmax(-1).detach()
    )
    gap = new - target - (new - target).mean(-1, keepdim=True)
    if kind == "kld":
        loss, slope = kl(target, new), new.exp() - target.exp()
    elif kind == "mse":
        loss, slope = gap.square().sum(-1) / 2, gap
    else:
        loss, slope = (torch.logaddexp(gap, -gap) - math.log(2)).sum(-1), gap.tanh()
        slope = slope - slope.mean(-1, keepdim=True)
    slope, new, log_ratio = (x.gather(-1, at).squeeze(-1) for x in (slope, new, new - old.detach()))
    return TokenLoss(loss, weigh(log_ratio, mask, slope / torch.expm1(new).clamp(max=-1e-7), mask))


@dataclass(frozen=True, kw_only=True)
class OfDistributions(Method):
    """A method whose `token_loss` takes whole distributions, [B, T, V], and the sampled tokens."""

    def needs(self, anchor: Anchor) -> Needs:
        return Needs(full=True, full_anchor=True)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        loss: Any = type(self).token_loss
        given = {"tokens": batch.tokens, **batch.credit, **self.settings_for(loss)}
        return loss(scores.full, batch.full_anchor, **given)


@dataclass(frozen=True, kw_only=True)
class LCO(OfDistributions):
    """Every token's distribution is fitted to its target; the method reads whole distributions."""

    token_loss = lco_loss
    beta: float = checks.setting(1.0, **POSITIVE)
    """Advantage that a nat costs: the smaller it is, the further away the target."""
    kind: Literal["kld", "mse", "lch"] = checks.setting("kld")
    """Cross-entropy, squares or log-cosh."""


def rover_loss(
    logp: Tensor,
    logp_old: Tensor,
    *,
    tokens: Tensor,
    advantages: Tensor,
    mask: Tensor,
    rho: float = 1.0,
) -> TokenLoss:
    """L = (Q_t - sg[A + Q'_t])², Q_t = ρ log r_t, Q'_t = ρ mean_v log r(v | s_t+1), 0 at the last
    token; of [B, T, V].
    Source: arXiv 2509.24981 and its code (ρ = 1).
    Differs from: the authors' code can also scale Q' and clip Q to log(1 ± 0.2)."""
    rho = checks.number("rho", rho, **POSITIVE)
    new, old, at = checks.safe_distributions(mask, tokens, logp=logp, logp_old=logp_old)
    change, advantages = new - old.detach(), checks.advantages(mask, advantages)
    log_ratio, drift = change.gather(-1, at).squeeze(-1), change.detach().mean(-1)
    error = (rho * (log_ratio - pad(drift[:, 1:], (0, 1))) - advantages).masked_fill(~mask, 0.0)
    return TokenLoss(error.square(), weigh(log_ratio, mask, -2 * rho * error, mask))


@dataclass(frozen=True, kw_only=True)
class ROVER(OfDistributions):
    """R less the group's mean at every token; the policy that samples is itself the softmax of
    Q/ρ."""

    token_loss = rover_loss
    rho: float = checks.setting(1.0, **POSITIVE)
    """Reward that a nat of log-ratio stands for."""


@dataclass(frozen=True, kw_only=True)
class KLPO(Centered):
    """KL-regularised policy optimisation: the weight of a token is h = R - β log p/q, detached,
    and its score is centered.

    L = -sg[h] (log p(y_t) - Σ_v sg[q(v)] log p(v)),   w = h before centering

    Where the sampler is the learner, h is the reward: there is no baseline, no ratio and no clip;
    what holds the policy is β. Fitted to the end, a prefix s rests at p(a|s) ∝ q(a|s) e^(Q(s, a)/β),
    Q the mean reward of what q writes after s and a (derived here). For the last token that is the
    tilt q e^(R/β); the tilt of whole completions asks more of every earlier one.
    Source: Zhang 2026, "On KL-Regularized Policy Optimization", through the author's
    `docs/algorithms.md` (yifanzhang-pro/KLPO at 0cde554) and the code of TRL's experimental trainer
    (route "token", kl_estimator "full"); the report itself was not read.
    Differs from: both estimate the sum from extra draws of the sampler by default, the author's
    launchers from 16 and TRL from 128; `topk` is their kl_estimator "topk", whose head never takes
    in a sampled token from outside it; ours always holds the sampled token. Their route "sequence"
    is not here."""

    advantage: str = "reward"
    aggregation: str = "seq-mean-token-sum"
    beta: float = checks.setting(0.1, least=0)
    """β, the price of a nat of log p/q, in units of reward."""

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        log_ratio = (scores.logp.detach() - batch.logp_anchor).masked_fill(~batch.mask, 0.0)
        less = batch.advantages - self.beta * log_ratio
        return super().objective(scores, replace(batch, advantages=less))


RELATIVES: dict[str, Any] = {
    "rebel": REBEL,
    "lco": LCO,
    "rover": ROVER,
    "klpo": KLPO,
}
