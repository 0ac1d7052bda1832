"""Exercises of chapter 9, TROLL: the geodesic, the gradient through the projection, the regression, the rest bucket."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise, Mistake, Number, Numbers
from trlib import checks
from trlib.divergences import kl


def _policies(draw: Draw, count: int) -> list[Tensor]:
    return [draw.normal(6).log_softmax(-1) for _ in range(count)]


def _on_the_way(logp: Tensor, logp_old: Tensor, eta: float) -> Tensor:
    return ((eta * logp_old + logp) / (1 + eta)).log_softmax(-1)


check_on_the_way = Exercise(
    "Is `on_the_way(logp, logp_old, eta)` the projected distribution's log-probs for this multiplier?",
    truth=_on_the_way,
    inputs=lambda draw: (*_policies(draw, 2), draw.number(0.3, 4)),
    gradient="logp",
    mistakes=[
        Mistake(
            "not normalised",
            lambda logp, logp_old, eta: (eta * logp_old + logp) / (1 + eta),
            "the direction is right, but these do not sum to 1: subtract log Z, which `log_softmax` does.",
        ),
        Mistake(
            "probabilities mixed",
            lambda logp, logp_old, eta: ((eta * logp_old.exp() + logp.exp()) / (1 + eta)).log(),
            "this mixes probabilities; the Lagrangian is straight in *log*-probabilities.",
        ),
        Mistake(
            "no 1 + eta",
            lambda logp, logp_old, eta: (eta * logp_old + logp).log_softmax(-1),
            "divide by 1 + eta before you normalise; without it the distribution is sharpened.",
        ),
        Mistake(
            "the network weighted",
            lambda logp, logp_old, eta: ((logp_old + eta * logp) / (1 + eta)).log_softmax(-1),
            "the weights have changed places: the larger the multiplier, the nearer to the *old* distribution.",
        ),
        Mistake(
            "probabilities returned",
            lambda logp, logp_old, eta: _on_the_way(logp, logp_old, eta).exp(),
            "these are the right probabilities; their logarithms are asked for.",
        ),
        Mistake(
            "one of two divided",
            lambda logp, logp_old, eta: (eta * logp_old / (1 + eta) + logp).log_softmax(-1),
            "1 + eta divides both: the shares are eta / (1 + eta) and 1 / (1 + eta).",
        ),
        Mistake(
            "eta as a share",
            lambda logp, logp_old, eta: (eta * logp_old + (1 - eta) * logp).log_softmax(-1),
            "eta is used as a share between 0 and 1; the old distribution's share is eta / (1 + eta).",
        ),
    ],
    praise="at eta = 0 it is the network's, and as eta grows it becomes the old one.",
)


def _through(g: Tensor, logp: Tensor, logp_old: Tensor, eta: float) -> Tensor:
    """dL/dlog π̃ from g = dL/dlog π, where logp is the projected log π."""
    return _chain(g, logp, logp_old, eta)


def _chain(
    g: Tensor,
    logp: Tensor,
    logp_old: Tensor,
    eta: float,
    *,
    shrink: bool = True,
    remove: bool = True,
    centre: bool = True,
    weigh: bool = True,
) -> Tensor:
    p = logp.exp()
    across = g - p * g.sum() if centre else g
    with checks.value_checks(False):  # a check exchanges arguments
        away = (logp - logp_old) - (p * (logp - logp_old)).sum()
    lost = (across * (logp - logp_old)).sum() / (p * away**2).sum().clamp(min=1e-12)
    found = across - lost * (p * away if weigh else away) if remove else across
    return found / (1 + eta) if shrink else found


check_through = Exercise(
    "Does `through(g, logp, logp_old, eta)` carry a gradient on log π back to log π̃?",
    truth=_through,
    inputs=lambda draw: (draw.normal(6), *_policies(draw, 2), draw.number(0.3, 4)),
    mistakes=[
        Mistake(
            "eta constant",
            lambda **a: _chain(**a, remove=False),
            "this is the gradient with the multiplier held fixed; but eta moves when the network does. Subtract "
            "the part along the way out.",
        ),
        Mistake("no shrink", lambda **a: _chain(**a, shrink=False), "the direction is right; divide by 1 + eta."),
        Mistake(
            "multiplied",
            lambda g, logp, logp_old, eta: (1 + eta) ** 2 * _chain(g, logp, logp_old, eta),
            "the direction is right; divide by 1 + eta, do not multiply.",
        ),
        Mistake(
            "added",
            lambda **a: 2 * _chain(**a, remove=False) - _chain(**a),
            "the part along the way out is added here; it is what the projection takes away.",
        ),
        Mistake(
            "neither",
            lambda **a: _chain(**a, shrink=False, remove=False),
            "only the normalisation is differentiated here: 1 / (1 + eta) and the part along the way out are missing.",
        ),
        Mistake(
            "not centred",
            lambda **a: _chain(**a, centre=False),
            "log π is normalised, so a gradient on it first loses its part along π: G = g - π Σ g.",
        ),
        Mistake(
            "pi forgotten",
            lambda **a: _chain(**a, weigh=False),
            "what is subtracted is π (d - KL), not d - KL: dη/dlog π̃ has the factor π.",
        ),
    ],
    praise="whatever g is, Σ d dL/dlog π̃ = 0: further out on the same way nothing changes.",
)


def _pull(logits: Tensor, target: Tensor) -> Tensor:
    p, gap = logits.softmax(-1), logits.log_softmax(-1) - target.log_softmax(-1)
    return p * (gap - (p * gap).sum())


check_pull = Exercise(
    "Is `pull(logits, target)` the gradient of KL(π̃ || π) in the network's logits, with π held fixed?",
    truth=_pull,
    inputs=lambda draw: (draw.normal(6), draw.normal(6).log_softmax(-1)),
    mistakes=[
        Mistake(
            "the other direction",
            lambda logits, target: logits.softmax(-1) - target.exp(),
            "this is the gradient of KL(π || π̃), the other direction: cross-entropy with π as the label.",
        ),
        Mistake(
            "the product rule alone",
            lambda logits, target: logits.softmax(-1) * (logits.log_softmax(-1) - target + 1),
            "this is the slope in log π̃; logits are normalised first, which takes the bracket's mean away.",
        ),
        Mistake(
            "plain mean",
            lambda logits, target: (
                logits.softmax(-1) * (logits.log_softmax(-1) - target - (logits.log_softmax(-1) - target).mean())
            ),
            "the mean in the bracket is taken under π̃: it is KL(π̃ || π), not the plain mean.",
        ),
        Mistake(
            "target's weights",
            lambda logits, target: (
                target.exp()
                * (logits.log_softmax(-1) - target - (target.exp() * (logits.log_softmax(-1) - target)).sum())
            ),
            "the weights are π̃'s, the network's, not the target's: the first argument of the KL is what moves.",
        ),
        Mistake(
            "no KL subtracted",
            lambda logits, target: logits.softmax(-1) * (logits.log_softmax(-1) - target),
            "subtract the mean of the bracket, which is KL(π̃ || π): the gradient in logits sums to 0.",
        ),
        Mistake(
            "no probability",
            lambda logits, target: logits.log_softmax(-1) - target - kl(logits.log_softmax(-1), target),
            "the factor π̃ is missing: a token that is never written is not pulled.",
        ),
        Mistake(
            "turned sign",
            lambda logits, target: -_pull(logits, target),
            "this is the push, minus the gradient; the gradient of what is to be lowered has no minus.",
        ),
        Mistake(
            "the loss itself",
            lambda logits, target: torch.full_like(logits, float(kl(logits.log_softmax(-1), target))),
            "this is the divergence, not its gradient.",
        ),
    ],
    praise="it is 0 only where π̃ = π, so inside the region there is no pull at all.",
)


def _largest(delta: float) -> float:
    """p > 1/2 with KL((p, 1-p) || (1/2, 1/2)) = delta."""
    low, high = 0.5, 1.0 - 1e-12
    for _ in range(80):
        p = (low + high) / 2
        spent = math.log(2) + p * math.log(p) + (1 - p) * math.log1p(-p)
        low, high = (p, high) if spent <= delta else (low, p)
    return low


_P = _largest(0.05)
_ETA = math.log(9) / math.log(_P / (1 - _P)) - 1

check_two_outcomes = Numbers(
    "Two outcomes, q = (1/2, 1/2), δ = 0.05: the largest ratio that a projection has, and the multiplier where the "
    "network's distribution is π̃ = (0.9, 0.1).",
    ratio=Number(
        2 * _P,
        {
            _P: "that is the probability; the ratio divides it by 1/2.",
            1.8: "that is the network's ratio; the projected one is smaller.",
            2 - 2 * _P: "that is the smallest ratio, the other outcome's.",
            1 + math.sqrt(0.1): "that takes the KL for a parabola, 2 (p - 1/2)²; solve the equation itself.",
            1.05: "that is 1 + δ; δ is in nats. Solve log 2 + p log p + (1 - p) log(1 - p) = 0.05.",
        },
    ),
    eta=Number(
        _ETA,
        {
            1 / (1 + _ETA): "that is t = 1 / (1 + η); the multiplier is 1/t - 1.",
            1 / _ETA: "that is 1/η; the multiplier is the weight of q, and π̃ has the weight 1.",
            1 + _ETA: "that is 1 + η: the factor between the two log-odds. Subtract 1.",
            (0.9 - _P) / (_P - 0.5): "this mixes probabilities; π lies between q and π̃ in log-odds.",
        },
    ),
    praise="with two outcomes there is one way out, and it is closed: the ratio term's push is exactly 0 here, as that "
    "of a clip at 1.31 would be.",
)

_SEEN = 0.15 * math.log(0.75) + 0.25 * math.log(1.25)
_WHOLE = 0.15 * math.log(0.75) + 0.24 * math.log(2.4) + 0.01 * math.log(0.1)

check_rest = Numbers(
    "q = (0.6, 0.2, 0.1, 0.1), π̃ = (0.6, 0.15, 0.24, 0.01), the first two tokens kept and a bucket for the rest: the "
    "KL(π̃ || q) that TROLL sees, and the whole one.",
    rtol=4e-3,  # 0.0126 is right, too
    seen=Number(
        _SEEN,
        {
            _SEEN / math.log(2): "that is in bits; a nat takes the natural logarithm.",
            _WHOLE: "that is the whole KL; the bucket holds 0.2 before and 0.25 after.",
            0.15 * math.log(0.75): "the bucket is missing; and a divergence is never negative.",
            0.2 * math.log(0.2 / 0.15) + 0.2 * math.log(0.2 / 0.25): "that is KL(q || π̃), the other direction.",
        },
    ),
    whole=Number(
        _WHOLE,
        {
            _WHOLE / math.log(2): "that is in bits; a nat takes the natural logarithm.",
            _SEEN: "over all four tokens more has moved: from the last to the third.",
            0.2 * math.log(0.2 / 0.15)
            + 0.1 * math.log(0.1 / 0.24)
            + 0.1 * math.log(0.1 / 0.01): "that is KL(q || π̃), the other direction.",
        },
    ),
    praise="merging outcomes never makes a KL larger, so what TROLL holds at δ is a lower bound of the whole.",
)

check_radius = Numbers(
    "δ = 0, eight updates from each batch: how many of them have a push from the reward, and how many the regression?",
    pushed=Number(
        1,
        {
            0: "before the first update π̃ = q, and a KL of 0 is inside a region of radius 0.",
            8: "after the first update the network is outside; the projection is q itself, whose ratio is 1 whatever "
            "the network does.",
            7: "it is the other way round: the first has one.",
        },
    ),
    pulled=Number(
        7,
        {
            8: "before the first update π̃ = q, and the regression is 0 inside the region.",
            0: "once the network is outside, the regression takes it back.",
            1: "it is the other way round: the first has none.",
        },
    ),
    praise="one on-policy step per batch, and seven that take the network back.",
)
