"""Exercises of the gallery's constraints: mirror descent's loss, and the nearest policy with a
given return."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise


def _charged(log_pi: Tensor, log_mu: Tensor, A: Tensor, t: float) -> Tensor:
    return (log_pi.exp() * ((log_pi - log_mu) / t - A)).sum()


def _gain(log_pi: Tensor, A: Tensor) -> Tensor:
    return (log_pi.exp() * A).sum()


def _apart(log_a: Tensor, log_b: Tensor) -> Tensor:
    return (log_a.exp() * (log_a - log_b)).sum()


def _bandit(draw: Draw) -> tuple[Tensor, Tensor, Tensor, float]:
    """Two policies over four arms, as log-probabilities."""
    return (
        draw.normal(4).log_softmax(-1),
        draw.normal(4).log_softmax(-1),
        draw.normal(4),
        draw.number(0.3, 3),
    )


def _wrong_mirror_loss(log_pi, log_mu, A, t):
    apart, gain = _apart(log_pi, log_mu), _gain(log_pi, A)
    return [
        (
            _apart(log_mu, log_pi) / t - gain,
            "the divergence here is KL(μ‖π), that of PPO's penalty and of FixPO; MDPO's is "
            "KL(π‖μ), weighed by the new policy.",
        ),
        (
            t * apart - gain,
            "this multiplies the divergence by t; divide by t instead, so that a larger t allows "
            "a larger step.",
        ),
        (
            apart - t * gain,
            "this is t times the loss: the minimum is the same, the loss is not. Divide the "
            "divergence by t.",
        ),
        (
            gain - apart / t,
            "this is the objective, to be raised; a loss, to be lowered, has the other sign.",
        ),
        (
            -gain - apart / t,
            "the divergence is subtracted from the loss, so that moving away is rewarded; add it.",
        ),
        (-gain, "this is the surrogate alone; the divergence from μ is missing."),
        (
            apart / t - _gain(log_mu, A),
            "the advantages are weighed by μ here, which cannot learn; weigh them by π.",
        ),
        (
            _charged(log_pi, log_mu, A, t) / len(A),
            "this is the mean over the arms; π already weighs them, so add up.",
        ),
        (
            apart / t - ((log_pi - log_mu).exp() * A).sum(),
            "ratios times advantages are added up here without μ, which draws the arms: E_μ[rA] "
            "is the sum of πA.",
        ),
        (
            (log_pi - log_mu).sum() / t - gain,
            "the log-ratios are added up without weights; a divergence weighs each by π.",
        ),
    ]


check_mirror_loss = Exercise(
    "Is `mirror_loss(log_pi, log_mu, A, t)` MDPO's loss on a bandit, with its gradient?",
    truth=_charged,
    inputs=_bandit,
    gradient="log_pi",
    wrong=_wrong_mirror_loss,
    praise="at π = μ the divergence has no gradient: the first of MDPO's steps is the plain "
    "policy gradient.",
)


def _bisect(rises: Callable[[float], float], low: float, high: float, wanted: float) -> float:
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if rises(middle) < wanted else (low, middle)
    return (low + high) / 2


def _tilted(pi0: Tensor, R: Tensor, eta: float) -> Tensor:
    return (pi0.log() + eta * R).softmax(-1)


def _slope(pi0: Tensor, R: Tensor, target: float) -> float:
    """The η at which the mean return is the target."""
    return _bisect(lambda eta: float(_tilted(pi0, R, eta) @ R), -400, 400, target)


def _nearest(pi0: Tensor, R: Tensor, target: float) -> Tensor:
    return _tilted(pi0, R, _slope(pi0, R, target))


def _mixed(pi0: Tensor, R: Tensor, target: float) -> Tensor:
    """On the way from π0 to the best arm, or to the worst if the target is lower."""
    now = float(pi0 @ R)
    end = R.argmax() if target > now else R.argmin()
    share = (target - now) / (float(R[end]) - now)
    return (1 - share) * pi0 + share * torch.nn.functional.one_hot(end, len(R))


def _other_direction(pi0: Tensor, R: Tensor, target: float) -> Tensor:
    """argmin KL(π0 ‖ π): π0 / (1 + η (R - target)), whose mass is 1 only at the η that is
    sought."""
    off = R - target
    low, high = -1 / float(off.max()), -1 / float(off.min())
    eta = _bisect(lambda eta: -float((pi0 * off / (1 + eta * off)).sum()), low, high, 0.0)
    return pi0 / (1 + eta * off)


def _returns(draw: Draw) -> tuple[Tensor, Tensor, float]:
    """A policy over five arms and a return that some policy has, above or below its own."""
    weights, R = (
        draw.uniform(0.2, 1, 5),
        torch.tensor([0.0, 0.2, 0.45, 0.7, 1.0], dtype=torch.float64),
    )
    least = draw.number(0.1, 0.9)
    return (
        weights / weights.sum(),
        least + R[draw.uniform(0, 1, 5).argsort()],
        least + draw.number(0.1, 0.9),
    )


def _wrong_counterfactual(pi0, R, target):
    centred = R - pi0 @ R
    return [
        (
            _tilted(pi0, R, target),
            "the target is in the exponent here; η belongs there. Search for the η at which the "
            "mean return is the target.",
        ),
        (
            _tilted(pi0, R, -_slope(pi0, R, target)),
            "η has the wrong sign: a positive one favours the arms with a high return.",
        ),
        (_nearest(pi0, R, target).log(), "these are log-probabilities; take their `exp`."),
        (
            _nearest(torch.ones_like(pi0), R, target),
            "this policy has the return, and the highest entropy of all that have it, but pi0 is "
            "missing: the tilt multiplies pi0.",
        ),
        (
            _mixed(pi0, R, target),
            "this mixes pi0 with one arm until the return is the target. It has the return, but "
            "others that have it are nearer: tilt by exp(ηR).",
        ),
        (
            _other_direction(pi0, R, target),
            "this is the nearest by KL(π0‖π), the direction of TRPO; the question is about "
            "KL(π‖π0), whose answer is an exponential tilt.",
        ),
        (
            pi0 * (1 + (target - pi0 @ R) * centred / (pi0 @ centred.square())),
            "this is linear in R, the nearest by χ²; by KL(π‖π0) the ratio π/π0 is exponential in "
            "R.",
        ),
        (pi0, "this is pi0 itself, whose return is different."),
    ]


check_counterfactual = Exercise(
    "Is `counterfactual(pi0, R, target)` the policy nearest to pi0, by KL(π‖π0), whose mean "
    "return is the target?",
    truth=_nearest,
    inputs=_returns,
    examples=[
        ([0.1, 0.2, 0.6, 0.1], [0.0, 0.2, 0.5, 1.0], 0.2),
        ([0.1, 0.2, 0.6, 0.1], [0.0, 0.2, 0.5, 1.0], 0.9),
    ],
    wrong=_wrong_counterfactual,
    praise="log(π/π0) is a straight line in R, whose slope is η: below 0 the policy unlearns.",
)
