"""Exercises of the gallery's optimisers: the step of the spectral ball, and AuON's brake."""

from __future__ import annotations

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise
from trlib.relatives.optimizers import lmo, newton_schulz


def _spectral(G: Tensor, lr: float) -> Tensor:
    return -lr * lmo(G, "spectral")


def _matrix(draw: Draw) -> tuple[Tensor, float]:
    return draw.normal(3, 5), draw.number(0.1, 0.9)


def _wrong_spectral_step(G, lr):
    right = _spectral(G, lr)
    U, S, V = torch.linalg.svd(G, full_matrices=False)
    return [
        (-right, "the size is right, the sign is not: descend."),
        (-lr * G, "this is gradient descent: its size is the gradient's own."),
        (
            -lr * G / G.norm(),
            "this is G over its Euclidean length, the Frobenius ball; every singular value should "
            "become lr.",
        ),
        (-lr * G.sign(), "this is the step of the box, entry by entry."),
        (
            -lr * G / torch.linalg.matrix_norm(G, 2),
            "this is in the ball, but only its largest singular value reaches the edge; all of "
            "them may.",
        ),
        (
            -lr * torch.outer(U[:, 0], V[0]),
            "this is the first pair of singular vectors alone; take all of them.",
        ),
        (
            -lr * (U * S.sqrt()) @ V,
            "the singular values are still in it; each should be replaced by 1.",
        ),
        (
            right * S.sum(),
            "this is scaled by the sum of the singular values, which is what the step gains, not "
            "how long it is.",
        ),
        (
            -lr * G / S.sum(),
            "this is G over the sum of its singular values; each of them should become lr by "
            "itself.",
        ),
        (-lr * (U / S) @ V, "this divides by the singular values twice: U Vt has none left."),
        (
            -lr * newton_schulz(G),
            "this is almost right: Newton-Schulz leaves the singular values near 1; take the SVD "
            "and make them 1.",
        ),
        (G + right, "this is G plus the step; give the step alone."),
    ]


check_spectral_step = Exercise(
    "Is `spectral_step(G, lr)` the step of the spectral ball of radius lr, down the gradient?",
    truth=_spectral,
    inputs=_matrix,
    rtol=1e-3,
    atol=1e-4,
    examples=[(torch.tensor([[3.0, 0.0], [0.0, -4.0]], dtype=torch.float64), 0.5)],
    wrong=_wrong_spectral_step,
    praise="<G, step> is -lr times the sum of G's singular values. No other matrix of that "
    "spectral norm gains more.",
)


def _brake(G: Tensor, gamma: float) -> Tensor:
    return _size((gamma * G / G.norm()).cosh())


def _size(x: Tensor) -> Tensor:
    """The root of the mean square."""
    return x.square().mean().sqrt()


def _wrong_brake(G, gamma):
    right = _brake(G, gamma)
    return [
        (right.square(), "this is the mean square; take its root."),
        (
            (gamma * G / G.norm()).cosh().mean(),
            "this is the mean of cosh; the brake is the root of the mean of cosh *squared*.",
        ),
        (
            (gamma * G / G.norm()).cosh().norm(),
            "the squares are summed here; take their mean over the entries.",
        ),
        (_size((gamma * G).cosh()), "divide G by its Euclidean norm before you take cosh."),
        (
            _size((gamma * G / G.abs().max()).cosh()),
            "divide G by its Euclidean norm, not by its largest entry.",
        ),
        (
            _size((gamma * G / torch.linalg.matrix_norm(G, 2)).cosh()),
            "divide G by its Euclidean norm, not by its largest singular value.",
        ),
        (
            _size((gamma * G / G.norm()).sinh()),
            "this is sinh, which is 0 at 0; cosh is 1 there, and that is the point.",
        ),
        ((gamma * G.norm()).cosh(), "take cosh of every entry first, and the mean afterwards."),
        (1 / right, "this is its inverse: AuON divides by the brake."),
        (
            _size((gamma * G / _size(G)).cosh()),
            "divide G by the root of the *sum* of its squares, not by that of their mean.",
        ),
        (gamma * _brake(G, 1.0), "gamma belongs inside cosh."),
        (
            (G / right).norm(),
            "this is the length of the step; the brake is what it was divided by.",
        ),
    ]


check_brake = Exercise(
    "Is `brake(G, gamma)` the number by which AuON divides its step?",
    truth=_brake,
    inputs=lambda draw: (draw.normal(2, 3), draw.number(1.2, 3.0)),
    examples=[(torch.tensor([[3.0, 4.0]], dtype=torch.float64), 1.5)],
    wrong=_wrong_brake,
    praise="cosh² x is 1 + x² for small x, and the x² of all entries sum to γ². So the brake is "
    "about 1 + γ²/(2mn), and 1 for any matrix of a network.",
)
