"""TROLL: instead of clipping a token's ratio, project its distribution into the trust region (arXiv
2510.03817).

A clipped token gets no gradient, and one number (the ratio of the token that happened to be
sampled) decides for a whole distribution. TROLL replaces the network's distribution π̃ with the
nearest π with KL(π || q) <= δ, takes the ratio from π and lets the gradient flow through the
projection. The next batch is sampled by π̃, not by π, so a regression term pulls π̃ to its
projection; the term is 0 inside the region.

For large vocabularies the old policy is kept as its K most likely tokens, the sampled one among
them, and one bucket for the rest: tokens x K numbers instead of tokens x V."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from trlib import checks
from trlib.aggregation import row_mean
from trlib.algorithms.gspo import COMPLETION_CAP
from trlib.algorithms.method import Anchor, Batch, Method, Scores, TokenLoss, weigh
from trlib.algorithms.needs import Needs
from trlib.algorithms.projection import Geodesic, Projection, departure, outside, project
from trlib.checks import NOT_NEGATIVE
from trlib.divergences import TopK, merged
from trlib.other_names import names_its_arguments

__all__ = [
    "TROLL",
    "Projection",
    "project",
    "sparsify",
    "troll_loss",
    "troll_sparse_loss",
]
Level = Literal["token", "sequence"]


@names_its_arguments
def troll_loss(
    logp: Tensor,
    logp_old: Tensor,
    *,
    tokens: Tensor,
    advantages: Tensor,
    mask: Tensor,
    delta_kl: float = 0.05,
    alpha: float = 1.0,
    level: Level = "token",
) -> TokenLoss:
    """The policy gradient of the projected policy, and the regression of the network towards it.

    L = -A π(y_t)/q(y_t) + α KL(π̃ || sg[π]),   π = project(π̃, q, δ)
    level "sequence" (GSPO):  the ratio is s_i π(y_t)/sg[π(y_t)],  s_i = exp(min(mean_t log
    π(y_t)/q(y_t), 10))

    Args:
        logp: [B, T, V] log π̃, the current policy's whole distribution, nats, differentiable.
        logp_old: [B, T, V] log q, the anchor's.
        tokens: [B, T] int, the sampled tokens y_t.
        advantages, mask: [B, T], float and bool.
        delta_kl: the radius δ of KL(π || q), nats per token. 0: the old policy, regression only;
            inf: no region.
        alpha: α, at least 0, the regression's coefficient.
        level: whose ratio weights the gradient, the token's or the completion's.

    Diagnostics: `ratio` is the projected token's π(y_t)/q(y_t); `kept` is False only where the
    radius leaves no gradient at all (η = inf); `eta` the multiplier, `projected` (bool) whether the
    constraint is active. `weight` is w = -dL/dlog π̃(y_t) as the probability of y_t moves and all
    others keep their proportions: the one direction in which "the gradient of the sampled token's
    log-prob" means the same for a loss of a whole distribution. Inside the region it is A r, as
    without a region. Outside, with d = log π - log q,
        w = A r t [1 - π_y - π_y (d_y - KL)² / Var] / (1 - π̃_y)
            - α π̃_y [log π̃_y/π_y - KL(π̃ || π)] / (1 - π̃_y);
    the first bracket is never negative (a projection shrinks a push but does not reverse it), and 0
    for two outcomes.
    Raises TypeError, ValueError: a wrong type or shape; where the mask is True: NaN, distributions
    that do not sum to 1, a token outside the vocabulary or one of probability 0 under either
    policy; a meaningless threshold.
    Source: arXiv 2510.03817; read in the authors' code: δ .05, α 1. Backward and weight: derived here.
    In the book:
    :eq:`troll-loss`.
    Differs from: a word to which q gives no probability at all gets none from π either, and if π̃
    gives it some, KL(π̃ || π) is infinite. Here log π is then the log of the smallest number that
    the type can hold: the regression still pulls, and the loss stays finite. A token's ratio ends at
    e^20, its gradient does not. torch.compile breaks
    its graph where rows are chosen by their values."""
    checks.distributions(mask, tokens, logp=logp, logp_old=logp_old)
    at = tokens.masked_fill(~mask, 0).long()
    return _objective(logp, logp_old.detach(), at, advantages, mask, delta_kl, alpha, level)


@names_its_arguments
def troll_sparse_loss(
    logp: Tensor,
    old: TopK,
    *,
    tokens: Tensor,
    advantages: Tensor,
    mask: Tensor,
    delta_kl: float = 0.05,
    alpha: float = 1.0,
    level: Level = "token",
) -> TokenLoss:
    """`troll_loss` over K tokens of the old policy and one bucket for the rest: for large
    vocabularies.

    Both policies are merged into K + 1 outcomes, rest = max(1 - Σ_k, 1e-12), and everything happens
    there; the rest keeps its mass, so no gradient is gained or lost by pushing probability into the
    tail. KL(π || q) <= δ holds for the merged distributions; their KL is a lower bound on the whole
    one, and equal to it if π̃ and q agree within the tail.

    Args:
        logp: [B, T, K] log π̃ of the tokens `old.ids`, nats, differentiable
            (`full.gather(-1, old.ids)`).
        old: the anchor's tokens and log-probs, [B, T, K] each, from a sampler or `sparsify`; -inf:
            an unused entry, which counts towards the rest. The sampled token must be among the used
            ones.
        tokens, advantages, mask, delta_kl, alpha, level: as in `troll_loss`.
    Raises TypeError, ValueError: as `troll_loss`; a sampled token that is not among `old.ids`.
    In the book: :eq:`troll-rest`."""
    outcomes = merged(logp, old, tokens=tokens, mask=mask)
    return _objective(*outcomes, advantages, mask, delta_kl, alpha, level)


@torch.no_grad()
def sparsify(
    logp_old: Tensor, *, tokens: Tensor, mask: Tensor, k: int = 64, mass: float = 1 - 1e-5
) -> TopK:
    """The old policy as the tokens that carry its mass: the sampled one, then the most likely up to
    `mass` or k tokens.

    Entries beyond the mass are -inf and count towards the rest; the result is as wide as its widest
    position needs.

    Args:
        logp_old: [B, T, V] log q, nats.
        tokens: [B, T] int, the sampled tokens.
        mask: [B, T] bool.
        k: the most tokens kept per position, at least 1 and at most V.
        mass: probability after which no more are kept, in (0, 1].
    Raises TypeError, ValueError: a wrong type or shape; k above V; where the mask is True: NaN,
    distributions that do not sum to 1, a token outside the vocabulary.
    Source: arXiv 2510.03817: (64, 1 - 1e-5); the ablations (256, 1 - 1e-6) and (16, 1 - 1e-4)
    differ little. In the book: :eq:`troll-rest`.
    Differs from: the authors give every other token 1e-12; here the rest keeps its mass, in one
    bucket."""
    checks.distributions(mask, tokens, logp_old=logp_old)
    width = checks.whole("k", k, least=1, most=logp_old.shape[2])
    mass = checks.number("mass", mass, above=0, most=1)
    sampled = tokens.masked_fill(~mask, 0).long().unsqueeze(-1)
    logp_old = logp_old.masked_fill(~mask.unsqueeze(-1), 0.0)
    ids = logp_old.scatter(-1, sampled, math.inf).topk(width, -1).indices
    logp = logp_old.gather(-1, ids)
    p = logp.to(checks.wide(logp)).exp()
    used = (p.cumsum(-1) - p < mass) & (logp > -math.inf) & mask.unsqueeze(-1)
    width = max(1, int(used.sum(-1).max()))
    return TopK(ids[..., :width], logp.masked_fill(~used, -math.inf)[..., :width])


@dataclass(frozen=True, kw_only=True)
class TROLL(Method):
    """TROLL on one advantage per completion."""

    delta_kl: float = checks.setting(0.05, least=0)
    """Radius of KL(projected || old), nats per token."""
    alpha: float = checks.setting(1.0, **NOT_NEGATIVE)
    """Coefficient of the network's regression to its projection."""
    level: Level = checks.setting("token")
    """Whose ratio weights the gradient: the token's, or the completion's ("sequence", GSPO; use the
    aggregation "seq-mean-token-mean")."""
    top_k: int | None = checks.setting(None, least=1)
    """Tokens of the old policy to keep, beside one bucket for the rest; None: the whole
    vocabulary."""

    def needs(self, anchor: Anchor) -> Needs:
        return Needs(full=True, full_anchor=self.top_k is None, topk_anchor=self.top_k or 0)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        full, chosen = scores.full, self.settings_for(troll_loss)
        if self.top_k is None:
            return troll_loss(
                full, batch.full_anchor, tokens=batch.tokens, **batch.credit, **chosen
            )
        old = batch.topk_anchor
        return troll_sparse_loss(
            full.gather(-1, old.ids), old, tokens=batch.tokens, **batch.credit, **chosen
        )


@dataclass(frozen=True)
class _Outside:
    """What the loss and its weight need from the N tokens whose distribution is projected."""

    rows: Tensor  #: Their flat indices.
    log_ratio: Tensor
    """log π(y)/q(y), with the gradient through the projection."""
    regression: Tensor
    """KL(π̃ || sg[π]), with gradient."""
    eta: Tensor
    shrink: Tensor
    """What the weight of the policy gradient is multiplied by: t [1 - π_y - π_y (d_y - KL)² / Var]
    / (1 - π̃_y)."""
    pull: Tensor
    """Weight of the regression: π̃_y [log π̃_y/π_y - KL(π̃ || π)] / (1 - π̃_y)."""

    def take(self, values: Tensor) -> Tensor:
        """The entries of `values` [B, T] that belong to them."""
        return values.flatten()[self.rows]

    def put(self, values: Tensor, new: Tensor) -> Tensor:
        """`values` [B, T] with `new` in their place."""
        return values.flatten().index_put((self.rows,), new).view(values.shape)


def _objective(
    u: Tensor,
    lq: Tensor,
    at: Tensor,
    advantages: Tensor,
    mask: Tensor,
    delta: float,
    alpha: float,
    level: str,
) -> TokenLoss:
    """The loss over outcomes: u = log π̃ and lq = log q [B, T, C], `at` [B, T] the sampled
    outcome."""
    delta = checks.number("delta_kl", delta, least=0)
    alpha = checks.number("alpha", alpha, **NOT_NEGATIVE)
    checks.choice("level", level, get_args(Level))
    advantages = checks.advantages(mask, advantages)
    dtype = checks.wide(u, lq, advantages)
    u, lq = u.to(dtype), lq.to(dtype)
    sampled, sampled_old = _pick(u, at), _pick(lq, at)
    checks.finite("logp of the sampled tokens", sampled, mask)
    checks.finite("logp_old of the sampled tokens", sampled_old, mask)
    log_ratio = (sampled - sampled_old).masked_fill(~mask, 0.0)
    eta, projected = torch.zeros_like(log_ratio), torch.zeros_like(mask)
    far = _beyond(u.flatten(0, 1), lq.flatten(0, 1), at.flatten(), mask.flatten(), delta)
    if far is not None:
        log_ratio, eta = far.put(log_ratio, far.log_ratio), far.put(eta, far.eta)
        projected = far.put(projected, torch.ones_like(far.eta, dtype=torch.bool))

    size = checks.capped(log_ratio.detach())
    if level == "sequence":
        size = row_mean(log_ratio.detach(), mask).clamp(max=COMPLETION_CAP).expand(mask.shape)
    ratio = (log_ratio - log_ratio.detach() + size).exp()
    per_token, weight = -advantages * ratio, (advantages * ratio).detach()
    if far is not None:
        per_token = far.put(per_token, far.take(per_token) + alpha * far.regression)
        weight = far.put(weight, far.take(weight) * far.shrink - alpha * far.pull)
    return TokenLoss(
        per_token, weigh(log_ratio, eta < math.inf, weight, mask, eta=eta, projected=projected)
    )


@torch.compiler.disable  # rows are chosen by their values
def _beyond(u: Tensor, lq: Tensor, at: Tensor, mask: Tensor, delta: float) -> _Outside | None:
    """What becomes of the rows [N, C] outside the region, whose sampled outcomes are `at` [N];
    None: there are none."""
    drift = departure(u.detach(), lq)
    rows = (outside(drift[0], u.shape[-1], delta) & mask).nonzero().squeeze(-1)
    if not len(rows):
        return None
    u, lq, at = u.index_select(0, rows), lq[rows], at[rows]
    logp, eta, centred, var = Geodesic.apply(u, lq, drift[:, rows], delta)
    target = logp.detach().masked_fill(logp == -math.inf, math.log(torch.finfo(logp.dtype).tiny))
    mass, excess = u.exp(), (u - target).where(u > -math.inf, 0.0)
    regression = torch.linalg.vecdot(mass, excess)
    with torch.no_grad():
        p, p_network = _pick(logp, at).exp(), _pick(mass, at)
        others = (-torch.expm1(_pick(u, at))).clamp(min=torch.finfo(p.dtype).eps)
        shrink = (1 - p - p * _pick(centred, at).square() / var) / ((1 + eta) * others)
        pull = p_network * (_pick(excess, at) - regression) / others
    return _Outside(rows, _pick(logp, at) - _pick(lq, at), regression, eta.detach(), shrink, pull)


def _pick(values: Tensor, at: Tensor) -> Tensor:
    """[...] the entries of [..., C] that `at` names."""
    return values.gather(-1, at.unsqueeze(-1)).squeeze(-1)
