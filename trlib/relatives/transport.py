"""Trust regions in which moving probability costs more the further it moves: Wasserstein and
Sinkhorn.

Names: TRL's WPO is weighted preference optimisation, and arXiv 2505.00663 is another WPO; SPO may
be Simple PO."""

import math
from typing import Any

from torch import Tensor

from trlib import checks
from trlib.checks import NOT_NEGATIVE, POSITIVE


def wpo_update(pi: Tensor, A: Tensor, D: Tensor, delta: float) -> Tensor:
    """Wasserstein policy optimisation: argmax ⟨π', A⟩ among the π' with W₁(π', π) ≤ δ, exactly.

    Every action i sends its mass to argmax_j A_j - β d_ij, at the least price β ≥ 0 whose bill is
    at most δ. At that price ties are split: the maps just below and above it are mixed, so that the
    bill is δ. With distances of 0 and 1, W₁ is total variation: DPPO's region, solved exactly.

    Args:
        pi: [K] probabilities. A: [K] advantages. D: [K, K] d_ij, the cost of moving 1 from i to j.
            delta: in D's unit.
    Raises TypeError, ValueError: a wrong type or shape; not probabilities; a distance below 0, or a
    diagonal not 0.
    Source: arXiv 2306.14133; read in the authors' code, the tabular one.
    Differs from: the authors' code leaves a tie to argmax, which spends more than δ, or less. The
    paper's budget bounds the mean of W₁ over the states that the policy visits; ours bounds one
    distribution."""
    delta = checks.number("delta", delta, **NOT_NEGATIVE)
    pi, A, D = _checked(pi, A, D)
    # Nobody pays that.
    below, above = 0.0, float(2 * (A.max() - A.min()) / D.masked_fill(D == 0, math.inf).min())
    best, bill = _sent(pi, A, D, below)
    if bill <= delta:
        return best
    while below < (middle := (below + above) / 2) < above:
        below, above = (middle, above) if _sent(pi, A, D, middle)[1] > delta else (below, middle)
    (many, dear), (few, cheap) = _sent(pi, A, D, below), _sent(pi, A, D, above)
    return few + (delta - cheap) / (dear - cheap) * (many - few)


def _sent(pi: Tensor, A: Tensor, D: Tensor, beta: float) -> tuple[Tensor, float]:
    """Where the mass ends up when it all goes to argmax_j A_j - β d_ij, the nearest if several tie,
    and the bill."""
    worth = A - beta * D
    cost, to = D.masked_fill(worth < worth.amax(1, keepdim=True), math.inf).min(1)
    return pi.new_zeros(len(pi)).index_add(0, to, pi), float(pi @ cost)


def spo_update(pi: Tensor, A: Tensor, D: Tensor, lam: float, beta: float = 1.0) -> Tensor:
    """Sinkhorn policy optimisation at the price β: π'_j = Σ_i π_i softmax_j((λ/β)(A_j - β d_ij)).

    Maximises ⟨π', A⟩ - β(⟨Q, D⟩ - H(Q)/λ) over the plans Q with rows that sum to π. As λ → ∞ it is
    WPO's map at β, with ties split evenly. `lam` and `beta` are above 0; the rest is as in
    `wpo_update`.
    Source: arXiv 2306.14133; derived here from the Lagrangian, with the entropy inside the Sinkhorn
    distance.
    Differs from: the paper's budget is on the mean over states, as for `wpo_update`."""
    lam, beta = (
        checks.number(name, value, **POSITIVE) for name, value in (("lam", lam), ("beta", beta))
    )
    pi, A, D = _checked(pi, A, D)
    return pi @ (lam / beta * (A - beta * D)).softmax(1)


def _checked(pi: Tensor, A: Tensor, D: Tensor) -> list[Tensor]:
    k = checks.floating("pi", pi, (None,), "K").shape[0]
    for name, value, shape in (("pi", pi, (k,)), ("A", A, (k,)), ("D", D, (k, k))):
        checks.finite(name, checks.floating(name, value, shape))
    pi, A, D = (value.detach() for value in (pi, A, D))
    if float(pi.min()) < 0 or abs(float(pi.sum()) - 1) > 1e-6:
        raise ValueError(f"pi: expected probabilities that sum to 1, got {pi.tolist()}")
    if float(D.min()) < 0 or bool((D.diagonal() != 0).any()):
        raise ValueError("D: expected distances of at least 0, and 0 on the diagonal")
    return [value.double() for value in (pi, A, D)]


RELATIVES: dict[str, Any] = {"wpo": wpo_update, "spo": spo_update}
