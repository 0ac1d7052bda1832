"""Distances between the distributions of a token. One rule for all of them: first argument first,
D(a || b).

Kullback-Leibler divergence (nats) and total variation (probability) in three resolutions: the whole
vocabulary, the K tokens that matter with one bucket for the rest, or one token against all others.
Merging outcomes never increases either, so binary <= top-K <= whole. Further down: the estimators
k1, k2, k3 from sampled tokens.

KL is summed as Σ a log(a/b) - a + b: the same number for distributions that sum to 1, but every
term is at least 0 and second order in the difference, so two close distributions keep their digits,
and float32 sums that miss 1 by a rounding do not show. Its gradient in log a is a log(a/b) instead
of a (log(a/b) + 1): the same on the simplex.

Probability 0 (a log-prob of -inf) is allowed: 0 log 0 = 0, and KL is inf, carrying no gradient from
that outcome, where b has no mass and a does. Gradients are never NaN."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from trlib import checks
from trlib.terms import InBlocks, Rule, difference, is_large, kl_terms, whole

NOWHERE = -1e30
"""Stands for log 0 where a difference must not be NaN: finite, and without mass in any type."""
REST_FLOOR = 1e-12
"""Least mass of the rest bucket in the binary and top-K forms. A log-prob of exactly 0 is nearly
always a rounding (in float32 of anything above 1 - 3e-8), so it is read as "at most this much is
left", not as certainty."""


@dataclass(frozen=True)
class TopK:
    """The k most likely tokens of every position of a distribution; the sampled token is always
    among them."""

    ids: Tensor  #: [B, T, K] int.
    logp: Tensor  #: [B, T, K] nats.

    def __getitem__(self, index: Tensor) -> TopK:
        return TopK(self.ids[index], self.logp[index])


def kl(log_a: Tensor, log_b: Tensor) -> Tensor:
    """KL(a || b) = Σ_v a_v log(a_v / b_v), nats.

    Args: log_a, log_b [..., V] log-probabilities, any floating type; computed in float32 or wider.
    Returns [...], at least 0, inf where b has no mass on something a has; differentiable in both.
    On a CPU a large V is summed in blocks (`trlib.terms`).
    Raises TypeError, ValueError: a wrong type; different shapes; NaN, +inf or log-probabilities
    that do not sum to 1. In the book: :eq:`divergences`."""
    return _over_vocabulary("kl", log_a, log_b)


def tv(log_a: Tensor, log_b: Tensor) -> Tensor:
    """Total variation Σ_v |a_v - b_v| / 2, a probability in [0, 1]. Arguments, shapes and errors as
    in `kl`. In the book: :eq:`divergences`, :eq:`regions-tv`."""
    return _over_vocabulary("tv", log_a, log_b)


def binary_kl(log_a: Tensor, log_b: Tensor) -> Tensor:
    """KL between "this token" and "any other": a log(a/b) + (1-a) log((1-a)/(1-b)), nats.

    Args:
        log_a: log-prob of the token under a, any shape and floating type, at most 0.
        log_b: the same shape, under b.
    Returns the same shape, at least 0; the masses 1-a and 1-b come from log1mexp, exact up to
    probability 1, and are floored at 1e-12.
    Raises TypeError, ValueError: a wrong type; different shapes; NaN or a log-prob above 0.
    In the book: :eq:`dppo-binary`, :eq:`dppo-chain`.
    Source: arXiv 2602.04879 (binary DPPO).
    Differs from: the authors' code and verl add 1e-8 to both masses inside the logarithm, which can
    make the result negative and blurs it above probability 1 - 1e-8."""
    log_a, log_b = _of_tokens(log_a, log_b)
    rest_a, rest_b = (_log1mexp(x).clamp(min=math.log(REST_FLOOR)) for x in (log_a, log_b))
    return kl_terms(log_a, log_b) + kl_terms(rest_a, rest_b)


def binary_tv(log_a: Tensor, log_b: Tensor) -> Tensor:
    """Total variation between "this token" and "any other": |a - b|. Arguments and errors as in
    `binary_kl`. In the book: :eq:`clipping-probability`, :eq:`dppo-binary`."""
    log_a, log_b = _of_tokens(log_a, log_b)
    return difference(log_a, log_b).abs()


def topk_kl(log_a: Tensor, ids: Tensor, log_b: Tensor) -> Tensor:
    """KL(a || b) over K tokens and one bucket for the rest, nats.

    Σ_k a_k log(a_k / b_k) + a_R log(a_R / b_R),
        a_R = max(1 - Σ_k a_k, 1e-12), b_R likewise; K = V: no bucket

    Args:
        log_a: [..., K] log-probabilities of the tokens `ids` under a.
        ids: [..., K] int, different tokens of the vocabulary.
        log_b: [..., V] all log-probabilities under b.
    Returns [...], at least 0; between `binary_kl` of any of the K tokens and `kl`, as far as
    log_a's type holds the rest of a, which is 1 - Σ: record it in float32, not in bfloat16.
    Raises TypeError, ValueError: a wrong type or shape; K above V; an id outside the vocabulary or
    repeated; NaN, +inf; log_a with more mass than 1, log_b that does not sum to 1.
    In the book: :eq:`dppo-topk`, :eq:`dppo-chain`.
    Source: arXiv 2602.04879 (top-K DPPO)."""
    log_a, log_b = _with_rest(log_a, ids, log_b)
    return kl_terms(log_a, log_b).sum(-1)


def topk_tv(log_a: Tensor, ids: Tensor, log_b: Tensor) -> Tensor:
    """Total variation over K tokens and one bucket for the rest. Arguments, shapes and errors as in
    `topk_kl`. In the book: :eq:`dppo-topk`."""
    log_a, log_b = _with_rest(log_a, ids, log_b)
    return difference(log_a, log_b).abs().sum(-1) / 2


def k1(log_a: Tensor, log_b: Tensor) -> Tensor:
    """log a - log b of a token sampled from a: unbiased for KL(a || b); its mean gradient as a loss
    is 0.

    Args:
        log_a: log-probs of the tokens that a sampled: any shape and floating type, finite and at
            most 0.
        log_b: the same shape, under b; -inf gives inf.
    Raises TypeError, ValueError: a wrong type; different shapes; NaN or a log-prob above 0; log_a
    of -inf.
    Source: Schulman, "Approximating KL divergence", 2020. In the book: :eq:`estimators`."""
    log_a, log_b = _sampled(log_a, log_b)
    return log_a - log_b


def k2(log_a: Tensor, log_b: Tensor) -> Tensor:
    """(log a - log b)² / 2: biased for KL(a || b), but its mean gradient in a as a loss is that of
    KL(a || b).

    Arguments, errors and source as in `k1`. In the book: :eq:`estimators`."""
    log_a, log_b = _sampled(log_a, log_b)
    return (log_a - log_b).square() / 2


def k3(log_a: Tensor, log_b: Tensor) -> Tensor:
    """e^d - d - 1 with d = log b - log a: at least 0, and unbiased for KL(a || b) where a has mass
    on all that b has; yet as a loss its mean gradient in a is that of the other direction,
    KL(b || a).

    Arguments, errors and source as in `k1`. In the book: :eq:`estimators`;
    in GRPO: :eq:`grpo-kl`."""
    log_a, log_b = _sampled(log_a, log_b)
    d = log_b - log_a
    return torch.expm1(d) - d


def log1mexp(x: Tensor) -> Tensor:
    """log(1 - e^x) of log-probs, exact at both ends; -inf at 0, where its gradient is taken as 0.

    x: any shape and floating type, at most 0 (up to rounding, which is read as 0); computed in
    float32 or wider.
    Raises TypeError, ValueError: a wrong type; NaN or a log-prob above 0."""
    checks.token_log_probabilities("x", checks.floating("x", x))
    return _log1mexp(x.to(checks.wide(x)))


def _log1mexp(x: Tensor) -> Tensor:
    certain = x >= 0
    near = torch.log(-torch.expm1(x.masked_fill(certain, -1.0)))
    far = torch.log1p(-torch.exp(x.clamp(max=-math.log(2))))
    return torch.where(x > -math.log(2), near, far).masked_fill(certain, -math.inf)


def _over_vocabulary(rule: Rule, log_a: Tensor, log_b: Tensor) -> Tensor:
    """A divergence of whole distributions, in blocks where they are large."""
    if not checks.floating("log_a", log_a).dim():
        raise ValueError("log_a: expected [..., V], got []")
    checks.floating("log_b", log_b, tuple(log_a.shape))
    if not is_large(log_a):
        return whole(rule, *_pair(log_a, log_b, checks.log_probabilities))
    value, mass = InBlocks.apply(log_a, log_b, rule)
    if checks.values_checked() and not bool(((mass - 1).abs() < 5e-4).all()):
        for name, log in (("log_a", log_a), ("log_b", log_b)):
            checks.log_probabilities(name, log)
    return value


def _of_tokens(log_a: Tensor, log_b: Tensor) -> tuple[Tensor, Tensor]:
    log_a, log_b = _pair(log_a, log_b, checks.token_log_probabilities)
    return log_a.clamp(max=0.0), log_b.clamp(max=0.0)


def _sampled(log_a: Tensor, log_b: Tensor) -> tuple[Tensor, Tensor]:
    both = _pair(log_a, log_b, checks.token_log_probabilities)
    checks.finite("log_a", log_a)
    return both


def _pair(
    log_a: Tensor, log_b: Tensor, check: Callable[[str, Tensor], None]
) -> tuple[Tensor, Tensor]:
    """Both in their common type, float32 or wider, after checking shapes, types and, with `check`,
    values."""
    checks.floating("log_b", log_b, tuple(checks.floating("log_a", log_a).shape))
    check("log_a", log_a)
    check("log_b", log_b)
    dtype = checks.wide(log_a, log_b)
    return log_a.to(dtype), log_b.to(dtype)


def _with_rest(log_a: Tensor, ids: Tensor, log_b: Tensor) -> tuple[Tensor, Tensor]:
    """[..., K + 1] log-probs of both: the K tokens and the rest bucket (no bucket when K = V)."""
    shape = tuple(checks.floating("log_a", log_a).shape)
    if not shape:
        raise ValueError("log_a: expected [..., K], got []")
    checks.integer("ids", ids, shape)
    checks.floating("log_b", log_b, (*shape[:-1], None))
    vocabulary = log_b.shape[-1]
    if shape[-1] > vocabulary:
        raise ValueError(f"log_a: expected K at most V = {vocabulary}, got K = {shape[-1]}")
    checks.token_log_probabilities("log_a", log_a)
    checks.log_probabilities("log_b", log_b)
    checks.inside("ids", ids, vocabulary, distinct=True)
    dtype = checks.wide(log_a, log_b)
    log_a, some_b = log_a.to(dtype), log_b.gather(-1, ids.long()).to(dtype)
    if shape[-1] == vocabulary:
        return log_a, some_b
    merged_a, merged_b = append_rest(log_a, "log_a"), append_rest(some_b, "log_b")
    # Where b's rest is next to nothing and a's is not, 1 - Σ has lost the digits the KL needs: sum
    # the rest itself.
    lost = (merged_b[..., -1] < math.log(1e-3)) & (merged_a[..., -1] > math.log(1e-6))
    if not bool(lost.any()):
        return merged_a, merged_b
    rest = (
        log_b[lost]
        .to(dtype)
        .exp()
        .scatter(-1, ids[lost].long(), 0.0)
        .sum(-1)
        .clamp(min=REST_FLOOR)
        .log()
    )
    bucket = merged_b[..., -1].masked_scatter(lost, rest).unsqueeze(-1)
    return merged_a, torch.cat([some_b, bucket], -1)


def merged(
    logp: Tensor, old: TopK, *, tokens: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Two policies over the K tokens of `old` and one bucket for the rest, for a loss that sees no
    more.

    Args:
        logp: [B, T, K] log-probs of the tokens `old.ids`, differentiable.
        old: the other policy's tokens and log-probs, [B, T, K] each; -inf: an unused entry, which
            is part of the rest.
        tokens: [B, T] int, the sampled ones, each among the used entries.
        mask: [B, T] bool.
    Returns [B, T, K + 1] log-probs of both, all of it in the rest where masked, and [B, T] the
    sampled token's place.
    Raises TypeError, ValueError: a wrong type or shape; where the mask is True: NaN, a log-prob
    above 0, more mass than 1, a sampled token that is not among `old.ids`."""
    shape = tuple(checks.floating("logp", logp, (None, None, None), "B, T, K").shape)
    if not isinstance(old, TopK):
        raise TypeError(f"old: expected a TopK(ids, logp), got {type(old).__name__}")
    checks.floating("old.logp", old.logp, shape, "B, T, K")
    checks.integer("old.ids", old.ids, shape, "B, T, K")
    checks.integer("tokens", tokens, shape[:2], "B, T")
    checks.boolean("mask", mask, shape[:2], "B, T")
    sampled = (old.ids == tokens.unsqueeze(-1)) & (old.logp > -math.inf)
    if checks.values_checked():
        absent = ~sampled.any(-1)
        checks.refuse("tokens: expected each sampled token among old.ids", tokens, absent, mask)
    dtype = checks.wide(logp, old.logp)
    unused = (old.logp == -math.inf) | ~mask.unsqueeze(-1)
    new, anchor = (x.to(dtype).masked_fill(unused, NOWHERE) for x in (logp, old.logp.detach()))
    checks.token_log_probabilities("logp", new)
    checks.token_log_probabilities("old.logp", anchor)
    return (
        append_rest(new, "logp"),
        append_rest(anchor, "old.logp"),
        sampled.to(torch.uint8).argmax(-1),
    )


def append_rest(logp: Tensor, name: str) -> Tensor:
    # 1 - Σ exp, from the largest: next to probability 1 the rest keeps its digits.
    largest, at = logp.max(-1, keepdim=True)
    rest = -torch.expm1(largest) - logp.scatter(-1, at, -math.inf).exp().sum(-1, keepdim=True)
    if checks.values_checked() and bool((rest < -1e-2).any()):
        raise ValueError(
            f"{name}: expected probabilities that sum to at most 1, got {1 - rest.min().item():.6g}"
        )
    return torch.cat([logp, rest.clamp(min=REST_FLOOR).log()], -1)
