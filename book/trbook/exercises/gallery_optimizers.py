"""Exercises of the gallery's optimisers: the step of the spectral ball, and AuON's brake."""

from __future__ import annotations

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise, Mistake
from trlib.relatives.optimizers import lmo, newton_schulz


def _spectral(G: Tensor, lr: float) -> Tensor:
    return -lr * lmo(G, "spectral")


def _parts(G: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    U, S, V = torch.linalg.svd(G, full_matrices=False)
    return U, S, V


def _matrix(draw: Draw) -> tuple[Tensor, float]:
    return draw.normal(3, 5), draw.number(0.1, 0.9)


check_spectral_step = Exercise(
    "Is `spectral_step(G, lr)` the step of the spectral ball of radius lr, down the gradient?",
    truth=_spectral,
    inputs=_matrix,
    rtol=1e-3,
    atol=1e-4,
    examples=[(torch.tensor([[3.0, 0.0], [0.0, -4.0]], dtype=torch.float64), 0.5)],
    mistakes=[
        Mistake(
            "uphill",
            lambda G, lr: -_spectral(G, lr),
            "the size is right, the sign is not: descend.",
        ),
        Mistake(
            "the gradient",
            lambda G, lr: -lr * G,
            "this is gradient descent: its size is the gradient's own.",
        ),
        Mistake(
            "frobenius",
            lambda G, lr: -lr * G / G.norm(),
            "this is G over its Euclidean length, the Frobenius ball; every singular value should "
            "become lr.",
        ),
        Mistake(
            "sign", lambda G, lr: -lr * G.sign(), "this is the step of the box, entry by entry."
        ),
        Mistake(
            "largest singular value",
            lambda G, lr: -lr * G / torch.linalg.matrix_norm(G, 2),
            "this is in the ball, but only its largest singular value reaches the edge; all of "
            "them may.",
        ),
        Mistake(
            "rank one",
            lambda G, lr: -lr * torch.outer(_parts(G)[0][:, 0], _parts(G)[2][0]),
            "this is the first pair of singular vectors alone; take all of them.",
        ),
        Mistake(
            "singular values kept",
            lambda G, lr: -lr * (_parts(G)[0] * _parts(G)[1].sqrt()) @ _parts(G)[2],
            "the singular values are still in it; each should be replaced by 1.",
        ),
        Mistake(
            "times the nuclear norm",
            lambda G, lr: _spectral(G, lr) * _parts(G)[1].sum(),
            "this is scaled by the sum of the singular values, which is what the step gains, not "
            "how long it is.",
        ),
        Mistake(
            "over the nuclear norm",
            lambda G, lr: -lr * G / _parts(G)[1].sum(),
            "this is G over the sum of its singular values; each of them should become lr by "
            "itself.",
        ),
        Mistake(
            "inverse",
            lambda G, lr: -lr * (_parts(G)[0] / _parts(G)[1]) @ _parts(G)[2],
            "this divides by the singular values twice: U Vt has none left.",
        ),
        Mistake(
            "newton-schulz",
            lambda G, lr: -lr * newton_schulz(G),
            "this is almost right: Newton-Schulz leaves the singular values near 1; take the SVD "
            "and make them 1.",
        ),
        Mistake(
            "the weights",
            lambda G, lr: G + _spectral(G, lr),
            "this is G plus the step; give the step alone.",
        ),
    ],
    praise="<G, step> is -lr times the sum of G's singular values. No other matrix of that "
    "spectral norm gains more.",
)


def _brake(G: Tensor, gamma: float) -> Tensor:
    return _mean_square((gamma * G / G.norm()).cosh()).sqrt()


def _mean_square(x: Tensor) -> Tensor:
    return x.square().mean()


check_brake = Exercise(
    "Is `brake(G, gamma)` the number by which AuON divides its step?",
    truth=_brake,
    inputs=lambda draw: (draw.normal(2, 3), draw.number(1.2, 3.0)),
    examples=[(torch.tensor([[3.0, 4.0]], dtype=torch.float64), 1.5)],
    mistakes=[
        Mistake(
            "no root",
            lambda G, gamma: _brake(G, gamma).square(),
            "this is the mean square; take its root.",
        ),
        Mistake(
            "no square",
            lambda G, gamma: (gamma * G / G.norm()).cosh().mean(),
            "this is the mean of cosh; the brake is the root of the mean of cosh *squared*.",
        ),
        Mistake(
            "sum",
            lambda G, gamma: (gamma * G / G.norm()).cosh().norm(),
            "the squares are summed here; take their mean over the entries.",
        ),
        Mistake(
            "not normalised",
            lambda G, gamma: _mean_square((gamma * G).cosh()).sqrt(),
            "divide G by its Euclidean norm before you take cosh.",
        ),
        Mistake(
            "largest entry",
            lambda G, gamma: _mean_square((gamma * G / G.abs().max()).cosh()).sqrt(),
            "divide G by its Euclidean norm, not by its largest entry.",
        ),
        Mistake(
            "spectral norm",
            lambda G, gamma: _mean_square(
                (gamma * G / torch.linalg.matrix_norm(G, 2)).cosh()
            ).sqrt(),
            "divide G by its Euclidean norm, not by its largest singular value.",
        ),
        Mistake(
            "sinh",
            lambda G, gamma: _mean_square((gamma * G / G.norm()).sinh()).sqrt(),
            "this is sinh, which is 0 at 0; cosh is 1 there, and that is the point.",
        ),
        Mistake(
            "cosh of the norm",
            lambda G, gamma: (gamma * G.norm()).cosh(),
            "take cosh of every entry first, and the mean afterwards.",
        ),
        Mistake(
            "inverse",
            lambda G, gamma: 1 / _brake(G, gamma),
            "this is its inverse: AuON divides by the brake.",
        ),
        Mistake(
            "mean square length",
            lambda G, gamma: _mean_square((gamma * G / _mean_square(G).sqrt()).cosh()).sqrt(),
            "divide G by the root of the *sum* of its squares, not by that of their mean.",
        ),
        Mistake(
            "gamma outside", lambda G, gamma: gamma * _brake(G, 1.0), "gamma belongs inside cosh."
        ),
        Mistake(
            "the step",
            lambda G, gamma: (G / _brake(G, gamma)).norm(),
            "this is the length of the step; the brake is what it was divided by.",
        ),
    ],
    praise="cosh² x is 1 + x² for small x, and the x² of all entries sum to γ². So the brake is "
    "about 1 + γ²/(2mn), and 1 for any matrix of a network.",
)
