"""Where the words come from: Newton's step in a ball, a ball shaped by bounds, two players who step
at once.

The first two are one loop, `descend`, with TRPO's conjugate gradients. None has a place in a
language model's loop."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, jacrev, jvp

from trlib import checks
from trlib.algorithms.trpo import conjugate_gradient

Value = Callable[[Tensor], Tensor]
Propose = Callable[[Tensor, float], tuple[Tensor, Tensor, Tensor]]
# The point [n], its value and the radius Δ: at the start, after each step.
Path = list[tuple[Tensor, float, float]]


def descend(
    value: Value,
    propose: Propose,
    x: Tensor,
    *,
    radius: float,
    largest: float,
    iterations: int,
    tolerance: float,
) -> Path:
    """Trust-region steps, kept if ρ = brought/promised > 1e-4. Next: Δ/4 if ρ < 0.1; 2Δ <= largest
    if ρ > 0.75 and the step ends at the edge. propose: x, Δ -> step, promise, length in the
    region's measure. Ends at a promise that is <= tolerance or NaN. A step to a NaN value is
    refused.
    Raises: TypeError, ValueError: x is not a finite vector; its value is not finite; a radius that
    is not above 0."""
    checks.finite("x", checks.floating("x", x, (None,)))
    path: Path = [
        (x.detach(), checks.number("value(x)", float(value(x).detach()), below=math.inf), radius)
    ]
    for _ in range(checks.whole("iterations", iterations, least=1)):
        x, before, radius = path[-1]
        step, promised, length = propose(x, radius)
        if not promised > tolerance:
            break
        after = float(value(x + step).detach())
        ratio = (before - after) / float(promised)
        if not ratio >= 0.1:
            radius /= 4
        elif ratio > 0.75 and length > 0.99 * radius:
            radius = min(2 * radius, largest)
        path.append((x + step, after, radius) if ratio > 1e-4 else (x, before, radius))
    return path


def newton_cg(
    loss: Callable[[Tensor], Tensor],
    x: Tensor,
    *,
    radius: float = 0.1,
    largest: float = 2.0,
    iterations: int = 100,
    tolerance: float = 1e-18,
) -> Path:
    """min loss(x) by  min_s g's + s'Hs/2,  |s| <= Δ,  with products of the Hessian only
    (Hessian-free, Newton-CG).

    Source: FDNet, arXiv 2006.01892 (and 1910.12680); optimiser and settings are read in the
    authors' code, TRCG.
    Differs from: TRPO has the Fisher as H, a KL as |s|, and shortens a step by line search. Errors:
    as in `descend`."""

    def propose(x: Tensor, radius: float) -> tuple[Tensor, Tensor, Tensor]:
        g, product = grad(loss)(x), lambda v: jvp(grad(loss), (x,), (v,))[1]
        s = steihaug_cg(product, g, radius)
        return s, -(g @ s + s @ product(s) / 2), s.norm()

    return descend(
        loss, propose, x, radius=radius, largest=largest, iterations=iterations, tolerance=tolerance
    )


def steihaug_cg(
    product: Callable[[Tensor], Tensor], g: Tensor, radius: float, *, iterations: int = 120
) -> Tensor:
    """min_s g's + s'Hs/2, |s| <= radius, until |g + Hs| <= min(1/2, sqrt|g|) |g|; where H curves
    down, to the edge."""
    return conjugate_gradient(
        product,
        -g,
        radius=radius,
        iterations=iterations,
        tolerance=min(0.5, float(g.norm()) ** 0.5),
    )


def heat_network(u: Tensor, taps: Tensor, *, steps: int) -> Tensor:
    """FDNet with one filter: u_{k+1}(i) = Σ_j taps_j u_k(i + j - m), m the middle tap, 0 beyond the
    ends; [cells] or [B, cells] -> [steps, ...]. A correlation, as networks have it: a convolution
    would reverse the taps."""
    out = [u]
    for _ in range(steps):
        out.append(
            torch.nn.functional.conv1d(
                out[-1].unsqueeze(-2), taps.view(1, 1, -1), padding="same"
            ).squeeze(-2)
        )
    return torch.stack(out[1:])


def affine_scaling(
    x: Tensor, g: Tensor, low: Tensor, high: Tensor, kind: str = "coleman-li"
) -> Tensor:
    """d [n], D's diagonal in |D^(-1/2) s| <= Δ; inf is 1. Source: ours, from what
    the abstract of arXiv 1904.09209 describes.

    coleman-li: high - x where g < 0, x - low where g > 0.  naive: the smaller, whatever the sign.
    none: 1. kanzow-klug: min(x - low + max(0, -g), high - x + max(0, g)).  mix: half of each.
    Source: Kanzow and Klug 2006.
    Raises: ValueError: an x that is not strictly inside; an unknown kind."""
    below, above, one = x - low, high - x, torch.ones_like(x)
    for i in (~((below > 0) & (above > 0))).nonzero().flatten().tolist():
        raise ValueError(
            f"x: expected strictly inside ({low[i]:g}, {high[i]:g}) at [{i}], got {x[i]:g}"
        )
    near = torch.minimum(below, above)
    signed = torch.where(g < 0, above, torch.where(g > 0, below, near))
    soft = torch.minimum(below + (-g).clamp(min=0), above + g.clamp(min=0))
    near, signed, soft = (d.masked_fill(d.isinf(), 1.0) for d in (near, signed, soft))
    kinds = {
        "coleman-li": signed,
        "kanzow-klug": soft,
        "mix": (signed + soft) / 2,
        "naive": near,
        "none": one,
    }
    return kinds[checks.choice("kind", kind, tuple(kinds))]


def scaled_tr_solve(
    F: Callable[[Tensor], Tensor],
    x: Tensor,
    low: Tensor,
    high: Tensor,
    *,
    kind: str = "coleman-li",
    power: float = 0.5,
    radius: float = 1.0,
    largest: float = 100.0,
    iterations: int = 400,
    tolerance: float = 1e-24,
) -> Path:
    """F(x) = 0, low < x < high, by  min_s |F + Js|²/2,  |D^(-power) s| <= Δ;  a step that would
    leave is cut short.

    power 1/2: Coleman, Li 1996; 1: Dikin 1967, an ellipsoid. Errors: as in `affine_scaling` (start)
    and `descend`."""

    def propose(x: Tensor, radius: float) -> tuple[Tensor, Tensor, Tensor]:
        J, rest = jacrev(F)(x), F(x)
        scale = affine_scaling(x, J.T @ rest, low, high, kind) ** power
        slope, n = -scale * (J.T @ rest), 4 * len(x)
        unit = conjugate_gradient(
            lambda v: scale * (J.T @ (J @ (scale * v))),
            slope,
            radius=radius,
            iterations=n,
            tolerance=1e-12,
        )
        s = scale * unit
        room = torch.where(s > 0, (high - x) / s, torch.where(s < 0, (low - x) / s, math.inf)).min()
        share = (0.99995 * room).clamp(max=1.0)
        # Rounding reached it.
        s = torch.where((low < x + share * s) & (x + share * s < high), share * s, share * s / 2)
        return s, -(rest @ (J @ s) + (J @ s).square().sum() / 2), share * unit.norm()

    def half_square(x: Tensor) -> Tensor:
        return F(x).square().sum() / 2

    return descend(
        half_square,
        propose,
        x,
        radius=radius,
        largest=largest,
        iterations=iterations,
        tolerance=tolerance,
    )


def matrl_step(
    U1: Tensor, U2: Tensor, p: Tensor, q: Tensor, t: float, respond: bool = True
) -> tuple[Tensor, Tensor]:
    """MATRL for two players with payoffs U1, U2 [n, m].

    Source: ours, from the abstracts of MATRL, arXiv 2106.06828, and GA-MATR, arXiv 2401.17880.

    1  each steps against the other as it is:  p^ ∝ p exp(t U1 q),  q^ ∝ q exp(t p U2)
    2  the game "stay or step", solved: p~ is p or p^, q~ is q or q^. A step pays if the other stays
    (it climbs the
       payoff), so this game always has a pure equilibrium: both step, or one steps and the other
       stays.
    3  each steps from where it was against the other's choice.  respond=False returns the choices
    (and cycles)."""

    def tilt(policy: Tensor, payoff: Tensor) -> Tensor:
        return (policy.log() + t * payoff).softmax(-1)

    for name, payoffs in (("U1", U1), ("U2", U2)):
        checks.floating(name, payoffs, (len(p), len(q)))
    P, Q = torch.stack([p, tilt(p, U1 @ q)]), torch.stack([q, tilt(q, p @ U2)])
    A, B = P @ U1 @ Q.T, P @ U2 @ Q.T  # payoffs of the two-by-two game, where 1 is the step
    i = j = 1
    if A[1, 1] < A[0, 1] or B[1, 1] < B[1, 0]:
        i, j = (1, 0) if B[1, 0] >= B[1, 1] else (0, 1)
    return (tilt(p, U1 @ Q[j]), tilt(q, P[i] @ U2)) if respond else (P[i], Q[j])


def graph_attention(x: Tensor, adjacent: Tensor, wq: Tensor, wk: Tensor, wv: Tensor) -> Tensor:
    """h_i = Σ_j softmax_j(q_i'k_j/√d) v_j over neighbours j, including i itself if `adjacent` says
    so.

    Source: ours, from the abstract of GA-MATR, arXiv 2401.17880."""
    for i in (
        (~checks.boolean("adjacent", adjacent, (x.shape[-2],) * 2).any(-1))
        .nonzero()
        .flatten()
        .tolist()
    ):
        raise ValueError(f"adjacent: expected a neighbour for every agent, got none for {i}")
    # x [..., n, f], adjacent [n, n], w [f, d] -> [..., n, d]
    scores = (x @ wq) @ (x @ wk).mT / wq.shape[-1] ** 0.5
    return scores.masked_fill(~adjacent, -math.inf).softmax(-1) @ (x @ wv)


RELATIVES: dict[str, Any] = {
    "fdnet": newton_cg,
    "affine_scaling": scaled_tr_solve,
    "ga_matr": matrl_step,
}
