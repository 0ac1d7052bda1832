"""Score centering: subtract from every token's gradient what the sampler's distribution adds on
average (arXiv 2609.20807).

With the score s(v) = ∇ log p(v), a weight u of the completions that q wrote has the mean
E_q[u w s] = Cov_q(u, w s) + E_q[u] E_q[w s]. The covariance learns: it raises what did better than
the rest. The second part, the *drift*, asks for nothing but the distance between p and q: for w = 1
it is -E_q[u] ∇ KL(q || p). It points the same way in every batch, so it adds up where the
covariance's noise does not. Centering subtracts it at every prefix, exactly where the whole
vocabulary is known, and otherwise from the sampler's most likely tokens."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor

from trlib import checks
from trlib.algorithms.method import (
    Anchor,
    Batch,
    Method,
    Scores,
    Step,
    TokenLoss,
    check_per_token,
    weigh,
)
from trlib.algorithms.needs import Needs
from trlib.checks import SHARE
from trlib.divergences import TopK, merged
from trlib.other_names import names_its_arguments
from trlib.terms import difference

Weight = Literal["none", "ratio", "truncated", "window", "mask"]
LINES = {
    "none": "A",
    "ratio": "A*r",
    "truncated": "A*min(r, cap)",
    "window": "A*r*(r >= floor and r <= cap)",
    "mask": "A*r*(abs(p - q) <= delta_tv)",
}
"""A times the weight of each kind."""
TAIL_FLOOR = 1e-6
"""Least mass of either policy's tail. A smaller one is a rounding error, and so would be the ratio
of the two."""


@names_its_arguments
def weighted_loss(
    logp: Tensor,
    logp_rollout: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    weight: Weight = "none",
    cap: float = 2.0,
    floor: float = 0.5,
    delta_tv: float = 0.15,
) -> TokenLoss:
    """The policy gradient with a detached weight of the ratio to the policy that sampled, which
    `center_scores` can center.

    L = -A sg[ω] log p(y_t),   w = A ω,   r = p/q
    none: ω = 1;  ratio: r;  truncated: min(r, cap);  window: r where floor <= r <= cap, else 0;
    mask: r where |p - q| <= delta_tv, else 0

    Args:
        logp, logp_rollout: [B, T] log p(y_t), nats, differentiable; log q(y_t) under the policy
            that sampled.
        advantages, mask: [B, T], float and bool.
        weight: which ω; a ratio that neither cap nor mask bounds ends at e^20.
        cap: the largest ratio of "truncated" and "window", above 0.
        floor: the smallest of "window", at least 0 and at most the cap.
        delta_tv: how far the token's probability may have moved under "mask", in [0, 1].
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True; a
    meaningless threshold.
    Source: the weights that arXiv 2609.20807 composes with (read in code of others that follows its
    appendix, not in the paper). "truncated" is truncated importance sampling (TIS), and CISPO's
    weight with the upper bound alone; "window" is IcePop, or masked importance sampling; "mask" is
    DPPO's unsigned mask, prime-rl's IPO.
    Differs from: prime-rl caps the ratio of its mask at 1e4, here at e^20."""
    rule = _Rule(weight, cap, floor, delta_tv)
    logp, old, advantages = checks.tokens(
        mask, logp=logp, logp_rollout=logp_rollout, advantages=advantages
    )
    new, old = logp.detach(), old.detach()
    factor, kept = rule.weight(new, old)
    gradient_weight = advantages.detach() * factor
    return TokenLoss(-gradient_weight * logp, weigh(new - old, kept, gradient_weight, mask))


def center_scores(
    loss: TokenLoss,
    logp: Tensor,
    logp_rollout: Tensor,
    *,
    tokens: Tensor,
    advantages: Tensor,
    mask: Tensor,
    weight: Weight = "none",
    cap: float = 2.0,
    floor: float = 0.5,
    delta_tv: float = 0.15,
) -> TokenLoss:
    """A loss less what the sampler's whole distribution pushes on average, at every token.

    L + A Σ_v sg[q(v) ω(v)] log p(v)

    ω(v) is the weight that the loss gives to token v, as in `weighted_loss`: the mean of what is
    left is then 0 under q, whatever the advantage. With the ratio, and q > 0 wherever p > 0, the sum
    is constant, since Σ_v q ω s = Σ_v p s = 0, and centering changes nothing.

    Args:
        loss: any method's loss of the same tokens whose weight is A ω: `weighted_loss`, or
            `reinforce_loss` with "none", `pg_is_loss` with "ratio".
        logp: [B, T, V] log p, nats, differentiable; -inf: a token that it cannot sample. If the
            sampler can, the loss is -inf for a positive advantage and inf for a negative one.
        logp_rollout: [B, T, V] log q of the policy that sampled; -inf: a token that it cannot
            sample.
        tokens: [B, T] int, the sampled ones.
        advantages, mask: [B, T], float and bool; the advantages that the loss has.
        weight, cap, floor, delta_tv: as in `weighted_loss`.

    Diagnostics: the loss's own; `push` is its weight; `weight` is w = -dL/dlog p(y_t) as the
    probability of y_t moves and all others keep their proportions, as for TROLL: A (ω_y - (c_y - p_y
    Σ_v c_v) / (1 - p_y)) with c = q ω. `kept` stays as the loss had it: a token that is masked
    is centered all the same.
    Raises TypeError, ValueError: a wrong type or shape; where the mask is True: NaN, distributions
    that do not sum to 1, a token outside the vocabulary; a meaningless threshold.
    Source: arXiv 2609.20807, read in prime-rl's and vime's code, NeMo-RL's guide; the weight:
    derived here.
    Differs from: prime-rl sums over the tokens of its top-p sampler, and p is renormalised to
    these; here p is the policy's own."""
    rule = _Rule(weight, cap, floor, delta_tv)
    checks.distributions(mask, tokens, logp=logp, logp_rollout=logp_rollout)
    new, old = (x.to(checks.wide(logp, logp_rollout)) for x in (logp, logp_rollout.detach()))
    # A few tokens at a time: a weight takes up to seven tensors of its distributions' size.
    mass = torch.empty_like(new, memory_format=torch.contiguous_format)
    parts = (x.flatten(0, 1).chunk(8) for x in (mass, new.detach(), old))
    for part, p, q in zip(*parts, strict=True):
        part.copy_(rule.mass(p, q))
    mass.masked_fill_(~mask.unsqueeze(-1), 0.0)
    return _centered(loss, new, mass, tokens.masked_fill(~mask, 0).long(), advantages, mask)


def center_scores_topk(
    loss: TokenLoss,
    logp: Tensor,
    sampler: TopK,
    *,
    tokens: Tensor,
    advantages: Tensor,
    mask: Tensor,
    weight: Weight = "none",
    cap: float = 2.0,
    floor: float = 0.5,
    delta_tv: float = 0.15,
) -> TokenLoss:
    """`center_scores` from the sampler's K most likely tokens H, for large vocabularies.

    L + A Σ_H sg[q(v) ω(v) - α p(v)] log p(v),   α = ρ ω(1/ρ),   ρ = (1 - Σ_H q) / (1 - Σ_H p)

    The sampler's tail is modelled as ρ p: p's own proportions with q's mass. Then the tail's
    push is -α times that of the head's p, because Σ_v p s = 0, and no token outside H has to be
    known. With ω = 1 what is subtracted is the gradient of KL(q || p) over H and one bucket for
    the rest (`topk_kl`).

    Args:
        logp: [B, T, K] log p of the tokens `sampler.ids`, over the whole vocabulary, nats,
            differentiable (`full.gather(-1, sampler.ids)`).
        sampler: the sampler's tokens and log-probs, [B, T, K] each; -inf: an unused entry, which
            counts towards the rest. The sampled token must be among the used ones.
        loss, tokens, advantages, mask, weight, cap, floor, delta_tv: as in `center_scores`. "mask"
            judges the rest as one outcome, by its mass; no token of it can have moved further.

    Diagnostics: as in `center_scores`, with c = q ω - α p on H and 0 outside.
    Raises TypeError, ValueError: as `center_scores`; a sampled token that is not among
    `sampler.ids`.
    Source: NeMo-RL's guide; vime's code, whose floor of 1e-6 under both tails is used here.
    Differs from: NeMo-RL floors only the policy's tail. KLPO's author forbids to insert the sampled
    token into the head; ours always holds it."""
    rule = _Rule(weight, cap, floor, delta_tv)
    new, old, at = merged(logp, sampler, tokens=tokens, mask=mask)
    p, q = new.detach(), old.clone()
    for x in (p, q):
        x[..., -1].clamp_(min=math.log(TAIL_FLOOR))
    mass = rule.mass(p, q)
    alpha = mass[..., -1:] / p[..., -1:].exp()
    coefficients = mass[..., :-1] - alpha * p[..., :-1].exp()
    return _centered(loss, new[..., :-1], coefficients, at, advantages, mask)


@names_its_arguments
def centered_sparse_loss(
    logp: Tensor,
    old: TopK,
    *,
    tokens: Tensor,
    advantages: Tensor,
    mask: Tensor,
    weight: Weight = "none",
    cap: float = 2.0,
    floor: float = 0.5,
    delta_tv: float = 0.15,
) -> TokenLoss:
    """`weighted_loss` with its scores centered, of K tokens of the sampler, for use where nobody
    holds the whole distribution.

    Arguments and errors as in `center_scores_topk`; `old` is its `sampler`."""
    given: dict[str, Any] = {"advantages": advantages, "mask": mask}
    given |= {"weight": weight, "cap": cap, "floor": floor, "delta_tv": delta_tv}
    *both, at = merged(logp, old, tokens=tokens, mask=mask)
    new, rollout = (x.gather(-1, at.unsqueeze(-1)).squeeze(-1) for x in both)
    loss = weighted_loss(new, rollout, **given)
    return center_scores_topk(loss, logp, old, tokens=tokens, **given)


@dataclass(frozen=True)
class _Rule:
    """The weight ω of a ratio, and the mass q ω of an outcome, which overflows nowhere."""

    how: str
    cap: float
    floor: float
    delta_tv: float

    def __post_init__(self) -> None:
        checks.choice("weight", self.how, get_args(Weight))
        cap = checks.number("cap", self.cap, above=0, below=math.inf)
        checks.number("floor", self.floor, least=0, most=cap)
        checks.number("delta_tv", self.delta_tv, **SHARE)

    def _kept(self, new: Tensor, old: Tensor) -> Tensor:
        """Which outcomes have a weight, of log-probs log p and log q."""
        if self.how == "window":
            ratio = (new - old).exp()
            return (ratio >= self.floor) & (ratio <= self.cap)
        if self.how == "mask":
            return difference(new, old).abs() <= self.delta_tv
        return torch.ones_like(new, dtype=torch.bool)

    @property
    def _most(self) -> float:
        """The largest log-ratio."""
        cuts = self.how in ("truncated", "window")
        return math.log(self.cap) if cuts else checks.LOG_RATIO_CAP

    def weight(self, new: Tensor, old: Tensor) -> tuple[Tensor, Tensor]:
        """ω, and where the token is kept."""
        kept = self._kept(new, old)
        if self.how == "none":
            return torch.ones_like(new), kept
        return (new - old).clamp(max=self._most).exp().masked_fill(~kept, 0.0), kept

    def mass(self, new: Tensor, old: Tensor) -> Tensor:
        """q ω = min(p, most q), 0 where the token is masked."""
        if self.how == "none":
            return old.exp()
        mass = torch.minimum(new, old + self._most).exp()
        return mass.masked_fill(~self._kept(new, old), 0.0)


def _centered(
    loss: TokenLoss,
    logp: Tensor,
    coefficients: Tensor,
    at: Tensor,
    advantages: Tensor,
    mask: Tensor,
) -> TokenLoss:
    """The loss with A Σ_v c_v log p(v), of log-probs and coefficients c [B, T, C]; `at` [B, T] is
    the sampled outcome."""
    check_per_token(loss, mask)
    advantages = checks.advantages(mask, advantages)
    term = logp.masked_fill(coefficients == 0, 0.0).mul_(coefficients).sum(-1)
    with torch.no_grad():
        y = at.unsqueeze(-1)
        log_p, c = (x.detach().gather(-1, y).squeeze(-1) for x in (logp, coefficients))
        others = (-torch.expm1(log_p)).clamp(min=torch.finfo(log_p.dtype).eps)
        slope = (c - log_p.exp() * coefficients.sum(-1)) / others
    return loss.plus(
        advantages * term.masked_fill(~mask | (advantages == 0), 0.0),
        -(advantages * slope).masked_fill(~mask, 0.0),
        push=loss.diagnostics["weight"],
    )


@dataclass(frozen=True, kw_only=True)
class Centered(Method):
    """The weighted policy gradient around the policy that sampled, with its scores centered; both
    the weight and the centering can be switched off.

    Source: arXiv 2609.20807 (read through the code of its users)."""

    weight: Weight = checks.setting("none")
    """What the ratio to the sampler makes of a token's weight: nothing ("none"), the ratio itself,
    truncated at the cap, 0 outside a window from floor to cap, or 0 where the token's probability
    has moved too far ("mask")."""
    cap: float = checks.setting(2.0, above=0, below=math.inf)
    """The largest ratio that "truncated" and "window" let through."""
    floor: float = checks.setting(0.5, least=0)
    """The smallest ratio that "window" lets through."""
    delta_tv: float = checks.setting(0.15, **SHARE)
    """How far a token's probability may have moved under "mask"."""
    center: bool = checks.setting(True)
    """Whether the drift is subtracted; False: the weighted policy gradient."""
    topk: int | None = checks.setting(None, least=1)
    """The sampler's most likely tokens to center by, beside a modelled tail; None: the whole
    vocabulary."""
    halves: bool = checks.setting(True)
    """Whether the history shows `drift` and `covariance`. This takes two more backward passes at a
    batch's first update, and the whole distributions (or the top k) without `center` too."""
    anchor: ClassVar[Anchor] = "rollout"

    def __post_init__(self) -> None:
        super().__post_init__()
        reason = "its weight is already one of the ratio to the policy that sampled"
        self.refuse("correction", because=reason)
        checks.number("floor", self.floor, least=0, most=self.cap)

    @property
    def formula(self) -> str | None:
        return None if self.center else LINES[self.weight]

    def needs(self, anchor: Anchor) -> Needs:
        if anchor != "rollout":
            raise ValueError(
                "anchor: expected 'rollout', because scores are centered by the policy that "
                f"sampled, got {anchor!r}"
            )
        seen = self.center or self.halves
        return Needs(
            full=seen, full_anchor=seen and self.topk is None, topk_anchor=(self.topk or 0) * seen
        )

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        loss = weighted_loss(
            scores.logp, batch.logp_anchor, **batch.credit, **self.settings_for(weighted_loss)
        )
        return self._center(loss, scores, batch) if self.center else loss

    def _center(self, loss: TokenLoss, scores: Scores, batch: Batch) -> TokenLoss:
        given: dict[str, Any] = {"tokens": batch.tokens, **batch.credit}
        given |= self.settings_for(weighted_loss)
        if self.topk is None:
            return center_scores(loss, scores.full, batch.full_anchor, **given)
        head = batch.topk_anchor
        return center_scores_topk(loss, scores.full.gather(-1, head.ids), head, **given)

    def update(self, step: Step) -> None:
        for i, part in enumerate(step.minibatches()):
            scores = part.score()
            if self.halves and i == 0:
                part.show(**self._halves(part, scores))
            part.descend(part.loss(scores))

    def _halves(self, step: Step, scores: Scores) -> dict[str, float]:
        """The history's columns `drift` and `covariance`."""
        plain, centered = (
            replace(self, center=center).objective(scores, step.batch).per_token
            for center in (False, True)
        )
        rest, drift = (
            _gradient(self.loss(x, step.batch), step.parameters)
            for x in (centered, plain - centered)
        )
        whole = _norm(a + b for a, b in zip(rest, drift, strict=True))
        return {"drift": _norm(drift) / whole, "covariance": _norm(rest) / whole} if whole else {}


def _gradient(loss: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """The loss's gradient in each parameter, which leaves the graph for others."""
    gradients = torch.autograd.grad(loss, parameters, retain_graph=True, materialize_grads=True)
    return list(gradients)


def _norm(gradient: Iterable[Tensor]) -> float:
    """The Euclidean norm of a gradient, in float64."""
    return math.sqrt(sum(float(g.double().square().sum()) for g in gradient))
