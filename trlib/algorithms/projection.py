"""The KL projection of a token's distribution, and the gradient through it: the heart of TROLL.

    π = argmin_p KL(p || π̃)  subject to  KL(p || q) <= δ

π̃ is the network's distribution, q the old one. The solution lies on the geodesic between them
(exponential families: straight in log-probabilities),

    log π = (η log q + log π̃) / (1 + η) - log Z = (1-t) log q + t log π̃ - log Z,
        t = 1 / (1 + η) in [0, 1],

with the multiplier η = 0 where KL(π̃ || q) <= δ already. In terms of t the root is bracketed from
the start: t = 0 is q and always inside, t = 1 is π̃, and KL(π_t || q) only grows between them, by
dKL/dt = t Var_t[log π̃ - log q].

Two facts, derived here, make the search short. d log KL / d log t = Var_t[log π_t - log q] / KL is
2 where the geodesic looks Gaussian, so Newton's step on logarithms, t <- t (δ/KL)^(KL/Var), is
nearly exact. And KL(t) is minus the intercept at 0 of the tangent of ψ(t) = log Σ_v q_v^(1-t)
π̃_v^t: where Newton fails, before a kink of ψ (a rare token that takes over at once), the tangents
of the bracket's two ends meet at the kink."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from trlib import checks
from trlib.divergences import NOWHERE

BLOCK = 1 << 20  #: Bytes of one tensor that a CPU works on at a time.
PASSES = 60
"""Most evaluations of KL(t) in a search; 2 to 7 are usual, and 31 the most ever seen (float32,
log-probs of -1e4)."""


@dataclass(frozen=True)
class Projection:
    """The projected distributions and the multipliers that put them there."""

    logp: Tensor  #: [..., V] log π; differentiable in the current log-probs. KL(π || q) <= δ.
    #: [...] η >= 0: 0 inside the region, inf where the result is q itself; differentiable too.
    eta: Tensor


def project(logp: Tensor, logp_old: Tensor, *, delta_kl: float) -> Projection:
    """The nearest distribution to π̃ within δ of the old one, for every token at once.

    log π = (η log q + log π̃) / (1 + η) - log Z,
        η the one root of KL(π || q) = δ where KL(π̃ || q) > δ, else 0

    Args:
        logp: [..., V] log π̃, normalised, any floating type, differentiable; -inf is probability 0.
        logp_old: [..., V] log q, normalised.
        delta_kl: the radius δ, nats per token, at least 0. 0 gives the old policy (and gradient 0),
            inf no region.
    Returns Projection(logp, eta), on the feasible side of the root, a few roundings inside: KL <= δ
    holds as evaluated. What only one of the two distributions can produce gets probability 0; where
    that alone costs more than δ no point of the geodesic is feasible, and the result is q with
    gradient 0.

    Gradient, with d = log π - log q, G = g - π Σ g for an upstream g, Var the variance of d under
    π:
        dL/dlog π̃_v = t (G_v - π_v (d_v - KL) / Var Σ_u G_u d_u)  outside the region, g_v inside
        dη/dlog π̃_v = π_v (d_v - KL) / Var
    The component along the geodesic is gone: moving π̃ further out along it changes nothing.
    Raises TypeError, ValueError: a wrong type or shape; NaN, +inf or log-probabilities that do not
    sum to 1; δ < 0.
    Source: arXiv 2510.03817 (TROLL); the search and the backward formula are derived here. In the
    book: the problem
    :eq:`troll-problem`, its solution :eq:`troll-projection`, the dual :eq:`troll-dual`, the
    multiplier's slope
    :eq:`troll-eta`, the gradient :eq:`troll-gradient`.
    Differs from: the authors bracket η in [1e-7, 100], 8 points per pass, to 1e-5. Larger roots
    exist; t has no cap."""
    delta_kl = checks.number("delta_kl", delta_kl, least=0)
    shape = tuple(checks.floating("logp", logp).shape)
    if not shape:
        raise ValueError("logp: expected [..., V], got []")
    checks.floating("logp_old", logp_old, shape)
    checks.log_probabilities("logp", logp)
    checks.log_probabilities("logp_old", logp_old)
    dtype = checks.wide(logp, logp_old)
    u = logp.to(dtype).reshape(-1, shape[-1])
    lq = logp_old.detach().to(dtype).reshape(-1, shape[-1])
    drift = departure(u.detach(), lq)
    rows = outside(drift[0], shape[-1], delta_kl).nonzero().squeeze(-1)
    eta = torch.zeros_like(drift[0])
    if len(rows):
        moved, multiplier, *_ = Geodesic.apply(
            u.index_select(0, rows), lq[rows], drift[:, rows], delta_kl
        )
        u, eta = u.index_put((rows,), moved), eta.index_put((rows,), multiplier)
    return Projection(u.reshape(shape), eta.reshape(shape[:-1]))


def departure(u: Tensor, lq: Tensor) -> Tensor:
    """[2, N] of rows [N, V]: KL(π̃ || q) by its definition, and the variance of log π̃ - log q
    under π̃."""
    return torch.stack(_in_blocks(_departure, u, lq))


def outside(kl: Tensor, outcomes: int, delta: float) -> Tensor:
    """Which KL(π̃ || q) are beyond δ, or within a few roundings of it."""
    return (
        kl != 0 if delta == 0 else (kl > _window(kl.dtype, outcomes, delta)[0]) & (delta < math.inf)
    )


class Geodesic(torch.autograd.Function):
    """Rows [N, V] outside the region, and their departure -> log π [N, V] and η [N], with the
    gradient through η.

    Two more results have no gradient; with d = log π - log q under π: d - KL [N, V], 0 off the
    support, and Var [N]."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, lq: Tensor, drift: Tensor, delta: float) -> tuple[Tensor, ...]:
        logp, t, p, centred, var = _in_blocks(
            lambda a, b, c: _solve(a, b, c.T, delta), u, lq, drift.T
        )
        ctx.save_for_backward(t, p, centred, var)
        ctx.mark_non_differentiable(centred, var)
        return logp, (1 - t) / t, centred, var

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad: Tensor, grad_eta: Tensor, *_: Tensor
    ) -> tuple[Tensor, None, None, None]:
        return _in_blocks(_pull_back, grad, grad_eta, *ctx.saved_tensors)[0], None, None, None


def _pull_back(
    grad: Tensor, grad_eta: Tensor, t: Tensor, p: Tensor, centred: Tensor, var: Tensor
) -> tuple[Tensor]:
    """The gradient on log π̃ [N, V] from those on log π and η. At t = 0 and t = 1 the variance is
    inf: η is constant."""
    across = grad - p * grad.sum(-1, keepdim=True)
    lost = (t * torch.linalg.vecdot(across, centred) - grad_eta) / var
    return (t.unsqueeze(-1) * across - lost.unsqueeze(-1) * (p * centred),)


def _solve(u: Tensor, lq: Tensor, drift: Tensor, delta: float) -> tuple[Tensor, ...]:
    """log π [N, V], t [N], π [N, V], and of d = log π - log q: d - KL [N, V] and Var [N], inf where
    t is 0 or 1."""
    whole = bool(torch.minimum(u.amin(), lq.amin()) > -math.inf)
    base, gap, least = lq, u - lq, torch.zeros_like(drift[0])
    common = torch.ones_like(u, dtype=torch.bool) if whole else (u > -math.inf) & (lq > -math.inf)
    if not whole:
        base, gap = lq.masked_fill(~common, NOWHERE), gap.masked_fill(~common, 0.0)
        least = -base.exp().sum(-1).log()
    t = _root(base, gap, least, drift, delta) if delta else torch.zeros_like(least)
    logp = torch.addcmul(base, gap, t.unsqueeze(-1)).log_softmax(-1)  # log π_t
    p, d = logp.exp(), logp - base
    centred = d - torch.linalg.vecdot(p, d).unsqueeze(-1)
    var = torch.linalg.vecdot(p * centred, centred).clamp(min=torch.finfo(p.dtype).tiny)
    if not (whole and bool((t > 0).all())):
        moved = (t > 0).unsqueeze(-1)
        logp = logp.where(common, -math.inf).where(moved, lq)
        p, centred = logp.exp(), centred.where(common & moved, 0.0)
    return logp, t, p, centred, var.where((t > 0) & (t < 1), math.inf)


def _root(base: Tensor, gap: Tensor, least: Tensor, drift: Tensor, delta: float) -> Tensor:
    """[N] a t with KL(π_t || q) in the window under δ, or the largest found below it; 0 where there
    is none.

    `least` is the KL at t = 0, `drift` the KL and variance at t = 1, inf where not known."""
    edge, target, enough = _window(base.dtype, base.shape[-1], delta)
    tiny = torch.finfo(base.dtype).eps
    kl, var = drift
    root, rows = torch.zeros_like(least), torch.arange(len(least), device=least.device)
    # An end of the bracket is (t, KL, mean of log π̃ - log q): a point of ψ's tangent, its
    # intercept and its slope.
    lower = torch.stack([torch.zeros_like(least), least, torch.full_like(least, -math.inf)])
    upper = torch.stack([torch.ones_like(kl), kl, kl])
    last = (target / kl).log()
    t = torch.where(
        kl < math.inf, torch.maximum((last * kl / var).exp(), (last / 2).exp() / 2), 1.0
    ).clamp(max=1.0)
    t, last = t.where(least <= edge, 0.0), last.abs()
    for count in range(PASSES):
        tilted = torch.addcmul(base, gap, t.unsqueeze(-1))
        logp = tilted.log_softmax(-1)
        psi = tilted[:, 0] - logp[:, 0]
        p, d = logp.exp(), logp.sub_(base)
        kl, second = p.mul_(d).sum(-1), p.mul_(d).sum(-1)
        var = second - kl * kl
        probe = torch.stack([t, kl, (kl + psi) / t])
        inside = kl <= edge
        lower, upper = torch.where(inside, probe, lower), torch.where(inside, upper, probe)
        converged = (inside & (kl >= enough)) | (lower[0] >= (1 - 2 * tiny) * upper[0])
        done = int(converged.sum())
        if done == len(rows):
            break
        error = (target / kl).log()
        newton = t * (error * kl / var).exp()
        size = error.abs()
        trusted = (newton > lower[0]) & (newton < upper[0]) & (size < last)
        if not bool((trusted | converged).all()):
            newton = torch.where(trusted, newton, _between(lower, upper, count % 3 == 2))
        t, last = torch.where(converged, lower[0], newton), size
        if done * 4 > len(rows):
            root[rows], left = lower[0], (~converged).nonzero().squeeze(-1)
            rows, t, last, base, gap = (x.index_select(0, left) for x in (rows, t, last, base, gap))
            lower, upper = lower[:, left], upper[:, left]
    root[rows] = lower[0]
    return root


def _between(lower: Tensor, upper: Tensor, halve: bool) -> Tensor:
    """A safe next t: where the two ends' tangents of ψ meet, or else (or to `halve`) the middle, in
    log t."""
    middle = torch.where(lower[0] > 0, (lower[0] * upper[0]).sqrt(), upper[0] / 16)
    meet = (upper[1] - lower[1]) / (upper[2] - lower[2])
    usable = (meet > lower[0]) & (meet < upper[0])
    return middle if halve else torch.where(usable, meet, middle)


def _departure(u: Tensor, lq: Tensor) -> tuple[Tensor, Tensor]:
    p, d = u.exp(), u - lq
    kl, second = p.mul_(d).sum(-1), p.mul_(d).sum(-1)
    undefined = second.isnan()  # 0 (-inf): a probability of 0 somewhere
    if bool(undefined.any()):
        u, lq, d = u[undefined], lq[undefined], d[undefined]
        orphan = (lq == -math.inf) & (u > -math.inf)
        weighted = torch.where(orphan, math.inf, torch.where(u > -math.inf, u.exp() * d, 0.0))
        kl[undefined] = weighted.sum(-1)
        second[undefined] = torch.where(u > -math.inf, weighted * d, 0.0).sum(-1)
    return kl, second - kl * kl


def _window(dtype: torch.dtype, outcomes: int, delta: float) -> tuple[float, float, float]:
    """The largest KL that counts as inside the radius, the KL aimed at, and the smallest that is
    close enough.

    The first leaves room for rounding when a reader evaluates the KL by another formula, the last
    for the rounding of KL(t) as t moves."""
    eps, spread = torch.finfo(dtype).eps, (1 + math.log(outcomes)) / delta
    margin, width = eps * (4 + spread / 8), max(eps * (4 + spread), 1e-10)
    edge, target = min(margin, 0.5), min(margin + width / 3, 0.6)
    return delta * (1 - edge), delta * (1 - target), delta * (1 - min(margin + width, 0.75))


def _in_blocks(function: Callable[..., tuple[Tensor, ...]], *rows: Tensor) -> tuple[Tensor, ...]:
    """`function` of N rows at once; on a CPU, of as many at a time as fit in its cache (several
    times faster)."""
    width = rows[0].shape[-1] * rows[0].element_size()
    size = max(1, BLOCK // width) if rows[0].device.type == "cpu" else len(rows[0])
    parts = [function(*block) for block in zip(*(x.split(size) for x in rows), strict=True)]
    return tuple(torch.cat(x) for x in zip(*parts, strict=True))
