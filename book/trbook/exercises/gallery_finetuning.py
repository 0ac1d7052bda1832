"""Exercises of fine-tuning near a function: a pull both ways, and where SAM takes its gradient."""

from __future__ import annotations

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise


def _pull(log_a: Tensor, log_b: Tensor) -> Tensor:
    return ((log_a.exp() - log_b.exp()) * (log_a - log_b)).sum(-1).mean()


def _one_way(log_a: Tensor, log_b: Tensor) -> Tensor:
    return (log_a.exp() * (log_a - log_b)).sum(-1).mean()


def _distributions(draw: Draw) -> tuple[Tensor, Tensor]:
    return draw.normal(4, 3).log_softmax(-1), (2 * draw.normal(4, 3)).log_softmax(-1)


def _wrong_pull(log_a, log_b):
    right = _pull(log_a, log_b)
    return [
        (_one_way(log_a, log_b), "this is KL(a || b) alone; add KL(b || a)."),
        (_one_way(log_b, log_a), "this is KL(b || a) alone; add KL(a || b)."),
        (2 * _one_way(log_a, log_b), "this is KL(a || b) twice; the second one is KL(b || a)."),
        (
            _one_way(log_a, log_b) - _one_way(log_b, log_a),
            "this is the difference of the two directions; add them.",
        ),
        (
            -(log_a.exp() * log_b + log_b.exp() * log_a).sum(-1).mean(),
            "these are the cross-entropies; subtract the entropies of a and b.",
        ),
        (right / 2, "this is the mean of the two directions; SMART's is their sum."),
        (right * len(log_a), "the rows are summed; take their mean."),
        (right / log_a.shape[-1], "sum over the vocabulary, and take the mean over rows only."),
        (-right, "a divergence is at least 0: flip the sign."),
        (
            (log_a - log_b).square().sum(-1).mean(),
            "this is a distance between log-probs; weigh their differences by the probabilities.",
        ),
        (
            (log_a.exp() - log_b.exp()).abs().sum(-1).mean() / 2,
            "this is total variation; the two KLs weigh the difference by that of the log-probs.",
        ),
    ]


check_pull = Exercise(
    "Is `pull(log_a, log_b)` the sum of both KL divergences between two tables of log-probs, as a "
    "mean over the rows?",
    truth=_pull,
    inputs=_distributions,
    gradient="log_b",
    rtol=1e-3,
    wrong=_wrong_pull,
    praise="both directions together are Σ (a - b)(log a - log b): every term is at least 0, and "
    "neither argument is first.",
)


def _uphill(theta: Tensor, g: Tensor, rho: float) -> Tensor:
    return theta + rho * g / g.norm()


def _wrong_uphill(theta, g, rho):
    return [
        (
            theta - rho * g / g.norm(),
            "this is downhill; SAM looks at the worst place of the ball first, which is uphill.",
        ),
        (theta + rho * g, "the step is as long as the gradient here; its length should be rho."),
        (theta + rho * g / g.square().sum(), "divide by the norm, not by its square."),
        (theta + rho * g.sign(), "this is the corner of a box; SAM's ball is Euclidean."),
        (
            theta + rho * torch.ones_like(g) / g.norm(),
            "the factor g is missing: every weight gets the same number. That is what TRAM's "
            "released code does.",
        ),
        (
            theta + rho * g / g.abs().max(),
            "divide by the Euclidean norm, not by the largest entry.",
        ),
        (
            theta + rho * g / g.square().mean().sqrt(),
            "divide by the root of the *sum* of the squares, not by that of their mean.",
        ),
        (theta + g / (rho * g.norm()), "rho multiplies; here it divides."),
        (
            theta + rho * theta.norm() * g / g.norm(),
            "the radius is rho by itself; theta's length has no place in it.",
        ),
        (
            theta + rho * g / g.abs().sum(),
            "divide by the Euclidean norm, not by the sum of the entries' sizes.",
        ),
        (theta + g / g.norm(), "the radius rho is missing."),
        (rho * g / g.norm(), "that is the way there; add it to theta."),
    ]


check_uphill = Exercise(
    "Is `uphill(theta, g, rho)` where SAM takes its second gradient?",
    truth=_uphill,
    inputs=lambda draw: (
        draw.normal(5),
        draw.uniform(0.5, 3, 5) * draw.normal(5).sign(),
        draw.number(0.2, 1.0),
    ),
    wrong=_wrong_uphill,
    praise="TRAM writes rho · D in place of rho, where D is the distance from the policy that the "
    "run began with.",
)
