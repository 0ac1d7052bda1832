"""The KL projection of a token's distribution, and the gradient through it: the heart of TROLL.

    π = argmin_p KL(p || π̃)  subject to  KL(p || q) <= δ

π̃ is the network's distribution, q the old one. The solution lies on the geodesic between them (exponential families:
straight in log-probabilities),

    log π = (η log q + log π̃) / (1 + η) - log Z = (1-t) log q + t log π̃ - log Z,   t = 1 / (1 + η) in [0, 1],

with the multiplier η = 0 where KL(π̃ || q) <= δ already. Written in t the root is bracketed from the start: t = 0 is q
and always inside, t = 1 is π̃, and KL(π_t || q) only grows between them, by dKL/dt = t Var_t[log π̃ - log q].

Two facts, derived here, make the search short. d log KL / d log t = Var_t[log π_t - log q] / KL is 2 where the geodesic
looks Gaussian, so Newton's step on logarithms, t <- t (δ/KL)^(KL/Var), is nearly exact. And KL(t) is minus the
intercept at 0 of the tangent of ψ(t) = log Σ_v q_v^(1-t) π̃_v^t: where Newton fails, before a kink of ψ (a rare token
that takes over at once), the tangents of the bracket's two ends meet at the kink.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from trlib import checks

NOWHERE = -1e30
"""Stands for log 0 inside the solver: finite, so that no difference is NaN, and without mass in any type."""
PASSES = 60
"""Most evaluations of KL(t) in a search; 4 to 6 are usual, and up to 33 were seen at log-probs of -1e4."""


@dataclass(frozen=True)
class Projection:
    """The projected distributions and the multipliers that put them there."""

    logp: Tensor
    """[..., V] log π; differentiable in the current log-probs. KL(π || q) <= δ."""
    eta: Tensor
    """[...] η >= 0: 0 inside the region, inf where the result is q itself; differentiable too."""


def project(logp: Tensor, logp_old: Tensor, *, delta_kl: float) -> Projection:
    """The nearest distribution to π̃ within δ of the old one, for every token at once.

    log π = (η log q + log π̃) / (1 + η) - log Z,   η the one root of KL(π || q) = δ where KL(π̃ || q) > δ, else 0

    Args:
        logp: [..., V] log π̃, normalised, any floating type, differentiable; -inf is probability 0.
        logp_old: [..., V] log q, normalised.
        delta_kl: the radius δ, nats a token, at least 0. 0 gives the old policy (and gradient 0), inf no region.

    Returns:
        Projection(logp, eta). The feasible side of the root is returned, a few roundings inside: KL <= δ holds as
        evaluated. What only one of the two distributions can produce gets probability 0; where that alone costs more
        than δ no point of the geodesic is feasible, and the result is q with gradient 0.

    Gradient, with d = log π - log q, G = g - π Σ g for an upstream g, Var the variance of d under π:
        dL/dlog π̃_v = t (G_v - π_v (d_v - KL) / Var Σ_u G_u d_u)  outside the region, g_v inside
        dη/dlog π̃_v = π_v (d_v - KL) / Var
    The component along the geodesic is gone: moving π̃ further out on it changes nothing.

    Raises:
        TypeError, ValueError: a wrong type or shape; NaN, +inf or log-probabilities that do not sum to 1; δ < 0.

    Source: arXiv 2510.03817 (TROLL); the search and the backward formula are derived here.
    Differs from: the authors bracket η in [1e-7, 100] by 8 points a pass to 1e-5; larger roots exist, and t has no cap.
    """
    checks.number("delta_kl", delta_kl, least=0)
    shape = tuple(checks.floating("logp", logp).shape)
    if not shape:
        raise ValueError("logp: expected [..., V], got []")
    checks.floating("logp_old", logp_old, shape)
    checks.log_probabilities("logp", logp)
    checks.log_probabilities("logp_old", logp_old)
    dtype = checks.wide(logp, logp_old)
    u, lq = logp.to(dtype).reshape(-1, shape[-1]), logp_old.detach().to(dtype).reshape(-1, shape[-1])
    rows = outside(u.detach(), lq, delta_kl).nonzero().squeeze(-1)
    eta = u.new_zeros(len(u))
    if len(rows):
        moved, multiplier = Geodesic.apply(u.index_select(0, rows), lq[rows], delta_kl)
        u, eta = u.index_put((rows,), moved), eta.index_put((rows,), multiplier)
    return Projection(u.reshape(shape), eta.reshape(shape[:-1]))


def outside(u: Tensor, lq: Tensor, delta: float) -> Tensor:
    """[N] bool: which rows of [N, V] have KL(π̃ || q) > δ (or within a few roundings of it)."""
    if delta in (0.0, math.inf):
        return (u != lq).any(-1) if delta == 0 else torch.zeros_like(u[:, 0], dtype=torch.bool)
    p = u.exp()
    kl = torch.linalg.vecdot(p, u - lq)
    undefined = kl.isnan()  # 0 (-inf): a probability of 0 somewhere
    far = kl > delta * (1 - _slack(u, delta))
    if bool(undefined.any()):
        p, u, lq = p[undefined], u[undefined], lq[undefined]
        kl = torch.where(p > 0, p * (u - lq), 0.0).sum(-1)
        orphan = (lq == -math.inf) & (u > -math.inf)
        far[undefined] = orphan.any(-1) | (kl > delta)
    return far


def moments(logp: Tensor, lq: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of d = log π - log q under π: the probabilities [N, V], d - KL [N, V] (0 off the support) and Var [N]."""
    p = logp.exp()
    d = torch.where(p > 0, logp - lq, 0.0)
    centred = torch.where(p > 0, d - torch.linalg.vecdot(p, d).unsqueeze(-1), 0.0)
    return p, centred, torch.linalg.vecdot(p * centred, centred)


class Geodesic(torch.autograd.Function):
    """Rows [N, V] outside the region -> (log π [N, V], η [N]), with the gradient through the root."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, lq: Tensor, delta: float) -> tuple[Tensor, Tensor]:
        common = (u > -math.inf) & (lq > -math.inf)
        base = lq.masked_fill(~common, NOWHERE)
        gap = (u - lq).masked_fill(~common, 0.0)
        t = _root(base, gap, delta)
        logp = _point(base, gap, t).masked_fill(~common, -math.inf)
        logp = torch.where((t > 0).unsqueeze(-1), logp, lq)
        ctx.save_for_backward(logp, lq, t)
        return logp, (1 - t) / t

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, grad_eta: Tensor) -> tuple[Tensor, None, None]:
        logp, lq, t = ctx.saved_tensors
        p, centred, var = moments(logp, lq)
        tight = (t > 0) & (t < 1)
        inward = p * centred / torch.where(tight, var, math.inf).clamp(min=torch.finfo(var.dtype).tiny).unsqueeze(-1)
        across = grad - p * grad.sum(-1, keepdim=True)
        lost = t * torch.linalg.vecdot(across, centred) - grad_eta
        return t.unsqueeze(-1) * across - lost.unsqueeze(-1) * inward, None, None


def _point(base: Tensor, gap: Tensor, t: Tensor) -> Tensor:
    """log π_t: the normalised log q + t (log π̃ - log q)."""
    return torch.addcmul(base, gap, t.unsqueeze(-1)).log_softmax(-1)


def _slack(like: Tensor, delta: float) -> float:
    """How far inside the radius, relative to it, a KL must be for its rounding to leave it inside."""
    rounding = torch.finfo(like.dtype).eps * (4 + (1 + math.log(like.shape[-1])) / delta) if delta else 0.0
    return min(max(rounding, 1e-10), 0.25)


def _root(base: Tensor, gap: Tensor, delta: float) -> Tensor:
    """[N] the largest t found with KL(π_t || q) <= δ, within `_slack` of the root; 0 where there is none."""
    root = torch.zeros_like(base[:, 0])
    slack, tiny = _slack(base, delta), torch.finfo(base.dtype).eps
    q = base.exp()
    mass = q.sum(-1)
    # An end of the bracket is (t, KL, mean of log π̃ - log q): a point of ψ's tangent, its intercept and its slope.
    lower = torch.stack([root, -mass.log(), torch.linalg.vecdot(q, gap) / mass])
    upper = torch.stack([torch.ones_like(root), torch.full_like(root, math.inf), torch.full_like(root, math.inf)])
    rows = ((lower[1] <= delta * (1 - slack)) & (delta > 0)).nonzero().squeeze(-1)
    base, gap, lower, upper = base[rows], gap[rows], lower[:, rows], upper[:, rows]
    t, last = upper[0], upper[1]
    for count in range(PASSES if len(rows) else 0):
        logp = _point(base, gap, t)
        p, d = logp.exp(), logp - base
        weighted = p * d
        kl = weighted.sum(-1)
        var = torch.linalg.vecdot(weighted, d) - kl * kl
        probe = torch.stack([t, kl, torch.linalg.vecdot(p, gap)])
        inside = kl <= delta * (1 - slack)
        lower, upper = torch.where(inside, probe, lower), torch.where(inside, upper, probe)
        found = (inside & (kl >= delta * (1 - 2 * slack))) | (upper[0] - lower[0] <= 2 * tiny * upper[0])
        root[rows] = lower[0]
        if bool(found.all()):
            break
        error = (delta * (1 - 1.5 * slack) / kl).log()
        newton = t * (error * kl / var).exp()
        trusted = (newton > lower[0]) & (newton < upper[0]) & (error.abs() <= last / 2)
        t = torch.where(trusted, newton, _between(lower, upper, count % 3 == 2)).where(~found, lower[0])
        last = error.abs()
        if int(found.sum()) * 4 > len(rows):
            left = ~found
            rows, t, last, base, gap = rows[left], t[left], last[left], base[left], gap[left]
            lower, upper = lower[:, left], upper[:, left]
    return root


def _between(lower: Tensor, upper: Tensor, halve: bool) -> Tensor:
    """A safe next t: where the two ends' tangents of ψ meet, or the middle (of log t) when that is to be avoided."""
    middle = torch.where(lower[0] > 0, (lower[0] * upper[0]).sqrt(), upper[0] / 16)
    meet = (upper[1] - lower[1]) / (upper[2] - lower[2])
    usable = (meet > lower[0]) & (meet < upper[0])
    return middle if halve else torch.where(usable, meet, middle)
