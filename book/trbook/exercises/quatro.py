"""Exercises of chapter 8, QUATRO: targets of a group, the dual's root, the pull-back, floor and first order."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise, Mistake, Number, Numbers
from trlib.algorithms.quatro import solve_dual


def _targets(rewards: Tensor, multiplier: float) -> Tensor:
    return torch.log_softmax(rewards / multiplier, -1) + math.log(len(rewards))


def _group(draw: Draw) -> tuple[Tensor, float]:
    """Six rewards, and a number that is a multiplier or a radius."""
    return draw.uniform(0, 1, 6), draw.number(0.3, 1.5)


check_targets = Exercise(
    "Is `targets(rewards, multiplier)` the log-ratio that each completion of the group should reach?",
    truth=_targets,
    inputs=_group,
    examples=[([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0], 1.06)],
    mistakes=[
        Mistake(
            "probabilities",
            lambda rewards, multiplier: torch.log_softmax(rewards / multiplier, -1),
            "these are the logarithms of the new probabilities; the old ones are 1/G each, so log G is missing.",
        ),
        Mistake(
            "no offset",
            lambda rewards, multiplier: rewards / multiplier,
            "the offset m is missing: the new probabilities have to sum to 1.",
        ),
        Mistake(
            "mean for the offset",
            lambda rewards, multiplier: (rewards - rewards.mean()) / multiplier,
            "the offset is `multiplier` times the logarithm of a mean of exponentials, not the mean; the two agree "
            "only for a small radius.",
        ),
        Mistake(
            "best for the offset",
            lambda rewards, multiplier: (rewards - rewards.max()) / multiplier,
            "this takes the best reward for the offset, so that no target is above 0; the mean ratio must be 1.",
        ),
        Mistake(
            "ratios",
            lambda rewards, multiplier: _targets(rewards, multiplier).exp(),
            "these are the ratios themselves; their logarithms are wanted.",
        ),
        Mistake(
            "not divided",
            lambda rewards, multiplier: multiplier * _targets(rewards, multiplier),
            "this is R - m; the log-ratio is that over the multiplier.",
        ),
        Mistake(
            "inverse multiplier",
            lambda rewards, multiplier: _targets(rewards, 1 / multiplier),
            "rewards are multiplied by the multiplier here; it divides them: a larger price, smaller targets.",
        ),
        Mistake(
            "sum for the mean",
            lambda rewards, multiplier: (
                rewards / multiplier - torch.logsumexp(rewards / multiplier, -1) - math.log(len(rewards))
            ),
            "the sign of log G is turned around: a mean is a sum "
            "divided by G, so the logarithm of the mean is the smaller one.",
        ),
        Mistake(
            "standardised",
            lambda rewards, multiplier: (rewards - rewards.mean()) / rewards.std(correction=0),
            "this is the reward standardised by the group's deviation; the multiplier stands in its place.",
        ),
        Mistake(
            "GRPO's advantage",
            lambda rewards, multiplier: (rewards - rewards.mean()) / rewards.std(),
            "this is GRPO's advantage, where the group's deviation stands for the multiplier.",
        ),
        Mistake(
            "new probabilities",
            lambda rewards, multiplier: torch.softmax(rewards / multiplier, -1),
            "these are the new probabilities; what is wanted is the logarithm of new over old, and old is 1/G.",
        ),
        Mistake(
            "upside down",
            lambda rewards, multiplier: -_targets(rewards, multiplier),
            "the sign is turned around: this is old over new, so the better a completion, the lower it lies.",
        ),
        Mistake(
            "offset not divided",
            lambda rewards, multiplier: rewards / multiplier - multiplier * (rewards / multiplier).exp().mean().log(),
            "the reward is divided by the multiplier here, the offset m is not; the target is (R - m)/λ.",
        ),
        Mistake(
            "offset of raw rewards",
            lambda rewards, multiplier: rewards / multiplier - rewards.exp().mean().log(),
            "the mean of exponentials is taken of `rewards` here; it belongs to `rewards / multiplier`.",
        ),
        Mistake(
            "no logarithm",
            lambda rewards, multiplier: rewards / multiplier - (rewards / multiplier).exp().mean(),
            "the logarithm of the mean of exponentials is missing.",
        ),
    ],
    praise="with four of eight right and λ = 1.06 the targets are +0.364 and -0.579: falling costs less than rising.",
)


def _root(rewards: Tensor, spent: Callable[[Tensor], Tensor], delta: float) -> Tensor:
    """The multiplier at which a falling measure of the targets has come down to the radius, by bisection of log λ."""
    low, high = math.log(1e-4), math.log(1e4)
    for _ in range(80):
        middle = (low + high) / 2
        above = float(spent(_targets(rewards, math.exp(middle)))) > delta
        low, high = (middle, high) if above else (low, middle)
    return torch.tensor(math.exp(low), dtype=torch.float64)


def _multiplier(rewards: Tensor, delta: float) -> Tensor:
    return solve_dual(rewards[None], delta_kl=delta, lambda_min=1e-4).multiplier[0]


check_multiplier = Exercise(
    "Is `multiplier(rewards, delta)` the λ at which the group's tilt is `delta` nats away?",
    truth=_multiplier,
    inputs=lambda draw: (draw.uniform(0, 1, 6), draw.number(0.05, 0.6)),
    examples=[([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0], 0.1), ([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 0.1)],
    mistakes=[
        Mistake(
            "first order",
            lambda rewards, delta: rewards.std(correction=0) / (2 * delta) ** 0.5,
            "this is the law of small radii, σ/√(2δ); the root itself is wanted.",
        ),
        Mistake(
            "first order, GRPO's deviation",
            lambda rewards, delta: rewards.std() / (2 * delta) ** 0.5,
            "this is the law of small radii, with the deviation that divides by G - 1; the root itself is wanted.",
        ),
        Mistake(
            "first order, without the 2",
            lambda rewards, delta: rewards.std(correction=0) / delta**0.5,
            "this is the law of small radii without the 2 under its root; and the root of the dual is wanted.",
        ),
        Mistake(
            "logarithm",
            lambda rewards, delta: _multiplier(rewards, delta).log(),
            "this is log λ; bisection in log λ ends with `exp`.",
        ),
        Mistake(
            "double",
            lambda rewards, delta: _multiplier(rewards, delta / 2),
            "this tilt is half as far away as `delta`; is there a factor 2 before the KL?",
        ),
        Mistake(
            "the other direction",
            lambda rewards, delta: _root(rewards, lambda t: -t.mean(), delta),
            "this bounds the KL of the old group to the new one; the new one comes first: each log-ratio is "
            "weighted by its new probability.",
        ),
        Mistake(
            "forward",
            lambda rewards, delta: solve_dual(rewards[None], delta_kl=delta, direction="forward").multiplier[0],
            "this is the multiplier of the forward direction, KL(μ || π), whose optimum is no tilt.",
        ),
        Mistake(
            "sum for the mean",
            lambda rewards, delta: _root(rewards, lambda t: (t.exp() * t).sum(), delta),
            "G is missing: a new probability is the ratio divided by G, so the KL is a mean over completions of "
            "ratio times log-ratio, not a sum.",
        ),
        Mistake("inverse", lambda rewards, delta: 1 / _multiplier(rewards, delta), "this is 1/λ."),
        Mistake(
            "half",
            lambda rewards, delta: _multiplier(rewards, 2 * delta),
            "this tilt is twice as far away; is there a factor 1/2 before the KL?",
        ),
    ],
    praise="one right of eight has λ = 0.93, seven right 0.36: the same radius has a price of its own on every prompt.",
    rtol=1e-3,
)


def _weight(log_ratio: Tensor, reward: float, offset: float, multiplier: float) -> Tensor:
    return log_ratio.exp() * (reward - offset - multiplier * log_ratio.sum())


check_token_weight = Exercise(
    "Is `token_weight(log_ratio, reward, offset, multiplier)` QUATRO's weight of every token, in its form `ratio`?",
    truth=_weight,
    inputs=lambda draw: (draw.uniform(-0.6, 0.6, 4), draw.number(0, 1), draw.number(0.1, 0.9), draw.number(0.4, 1.5)),
    examples=[([0.0, 0.0, 0.0, 0.0], 1.0, 0.61, 1.06), ([0.3, 0.2, 0.0, 0.1], 1.0, 0.61, 1.06)],
    mistakes=[
        Mistake(
            "each token's own",
            lambda log_ratio, reward, offset, multiplier: log_ratio.exp() * (reward - offset - multiplier * log_ratio),
            "the bracket holds each token's own log-ratio here; the constraint is on the completion, so it holds "
            "their sum.",
        ),
        Mistake(
            "mean",
            lambda log_ratio, reward, offset, multiplier: (
                log_ratio.exp() * (reward - offset - multiplier * log_ratio.mean())
            ),
            "this is the mean of the log-ratios; the log-ratio of a completion is their sum.",
        ),
        Mistake(
            "regression",
            lambda log_ratio, reward, offset, multiplier: (reward - offset - multiplier * log_ratio.sum()).expand_as(
                log_ratio
            ),
            "this is the form `regression`, h = 1; `ratio` multiplies each token by its own ratio.",
        ),
        Mistake(
            "exact",
            lambda log_ratio, reward, offset, multiplier: (
                log_ratio.sum().exp() * (reward - offset - multiplier * log_ratio.sum())
            ).expand_as(log_ratio),
            "this is the form `exact`, the ratio of the whole completion; `ratio` takes each token's own.",
        ),
        Mistake(
            "pushed away",
            lambda log_ratio, reward, offset, multiplier: (
                log_ratio.exp() * (reward - offset + multiplier * log_ratio.sum())
            ),
            "the log-ratio has the wrong sign: it pushes a completion on that is already past its target.",
        ),
        Mistake(
            "log for the ratio",
            lambda log_ratio, reward, offset, multiplier: log_ratio * (reward - offset - multiplier * log_ratio.sum()),
            "the factor before the bracket is the ratio; `exp` is missing.",
        ),
        Mistake(
            "offset times multiplier",
            lambda log_ratio, reward, offset, multiplier: (
                log_ratio.exp() * (reward - multiplier * (offset + log_ratio.sum()))
            ),
            "`multiplier` multiplies the offset here; the offset is in units of reward already.",
        ),
        Mistake(
            "no offset",
            lambda log_ratio, reward, offset, multiplier: log_ratio.exp() * (reward - multiplier * log_ratio.sum()),
            "the offset m is missing in the bracket.",
        ),
        Mistake(
            "no multiplier",
            lambda log_ratio, reward, offset, multiplier: log_ratio.exp() * (reward - offset - log_ratio.sum()),
            "the same whatever `multiplier` is: it belongs before the log-ratio, as reward per nat.",
        ),
        Mistake(
            "in nats",
            lambda log_ratio, reward, offset, multiplier: (
                log_ratio.exp() * ((reward - offset) / multiplier - log_ratio.sum())
            ),
            "this bracket is target less log-ratio, in nats; the weight has λ times that, in units of reward.",
        ),
        Mistake(
            "only what came before",
            lambda log_ratio, reward, offset, multiplier: (
                log_ratio.exp() * (reward - offset - multiplier * log_ratio.cumsum(-1))
            ),
            "the bracket holds the log-ratio up to each token here; it holds that of the whole completion.",
        ),
        Mistake(
            "no pull",
            lambda log_ratio, reward, offset, multiplier: log_ratio.exp() * (reward - offset),
            "the same whatever `multiplier` is: the log-ratio is missing in the bracket, so nothing pulls back.",
        ),
        Mistake("a loss", lambda *a, **k: -_weight(*a, **k), "this is minus the weight."),
        Mistake(
            "ratio in the bracket",
            lambda log_ratio, reward, offset, multiplier: (
                log_ratio.exp() * (reward - offset - multiplier * log_ratio.sum().exp())
            ),
            "the bracket holds the log-ratio, not the ratio: at ratio 1 it has to be 0.",
        ),
    ],
    praise="in the second example the completion has come 0.6 nats far and its target is 0.37: the weight is negative, "
    "and the completion is pulled back although it is right.",
)


def _forward(rewards: Tensor, multiplier: float, offset: float) -> Tensor:
    return (multiplier / (offset - rewards)).log()


check_forward = Exercise(
    "Is `forward_targets(rewards, multiplier, offset)` the log-ratio to reach under KL(μ || π)?",
    truth=_forward,
    inputs=lambda draw: (draw.uniform(0, 1, 6), draw.number(1.1, 1.6), draw.number(1.2, 2.5)),
    examples=[([0.5, 0.5, 0.5, 0.5, -0.5, -0.5, -0.5, -0.5], 0.9615, 1.1744)],
    mistakes=[
        Mistake(
            "ratio",
            lambda rewards, multiplier, offset: multiplier / (offset - rewards),
            "this is the ratio; its logarithm is wanted.",
        ),
        Mistake(
            "upside down",
            lambda rewards, multiplier, offset: ((offset - rewards) / multiplier).log(),
            "upside down: the better a completion, the nearer its reward to ν and the larger its ratio.",
        ),
        Mistake(
            "backward",
            lambda rewards, multiplier, offset: (rewards - offset) / multiplier,
            "this is the other direction's target, (R - m)/λ; here the ratio itself is λ/(ν - R).",
        ),
        Mistake(
            "a tilt",
            lambda rewards, multiplier, offset: (
                (rewards / multiplier).log_softmax(-1) - (-torch.ones_like(rewards).sum().log())
            ),
            "this is the exponential tilt of the other direction.",
        ),
        Mistake(
            "a product",
            lambda rewards, multiplier, offset: (multiplier * (offset - rewards)).log(),
            "λ is multiplied by ν - R here; the ratio is λ divided by ν - R.",
        ),
        Mistake(
            "without the multiplier",
            lambda rewards, multiplier, offset: -(offset - rewards).log(),
            "λ is missing: the ratio is λ/(ν - R), so `multiplier` shifts every log-ratio alike.",
        ),
        Mistake(
            "wrong sign of the reward",
            lambda rewards, multiplier, offset: (multiplier / (offset + rewards)).log(),
            "here a better completion gets a smaller ratio; ν lies above every reward: ν - R.",
        ),
    ],
    praise="+0.355 and -0.555 for four of eight right, near the backward +0.364 and -0.579: the radius is small.",
)


_TWO_DIGITS = 8e-3
"""So near is near enough: 1.12, 0.45 and 0.065 are right, as the chapter itself writes them."""
_LAW = 0.5 / math.sqrt(0.2)
_EXACT = solve_dual(torch.tensor([[1.0] * 4 + [0.0] * 4], dtype=torch.float64), delta_kl=0.1)
_NEARLY = solve_dual(torch.tensor([[1.0] * 15 + [0.0]], dtype=torch.float64), delta_kl=0.1)

check_first_order = Numbers(
    "Four of eight right, δ = 0.1: multiplier and target of a right completion by the law of small radii.",
    multiplier=Number(
        _LAW,
        {
            _EXACT.multiplier.item(): "this is the root itself; what does the law of small radii say?",
            0.5
            * math.sqrt(8 / 7)
            / math.sqrt(0.2): "this deviation divides by G - 1, as GRPO's does; the law has the one that divides by G.",
            0.5 / math.sqrt(0.1): "the 2 under the root is missing: √(2δ).",
            0.5 * math.sqrt(0.2): "σ is divided by √(2δ), not multiplied.",
            2.5: "that divides the deviation by 2δ; its root is wanted.",
            math.sqrt(0.2): "that is √(2δ), the length of the step; the deviation σ = 0.5 belongs above it.",
        },
    ),
    target=Number(
        math.sqrt(0.2),
        {
            _EXACT.target[0, 0].item(): "this is the target itself; what does the law of small radii say?",
            -math.sqrt(0.2): "that is the target of a wrong completion.",
            math.sqrt(0.2)
            * math.sqrt(7 / 8): "this deviation divides by G - 1, as GRPO's does; the law has the one that "
            "divides by G.",
            1.0: "that is GRPO's advantage; the target is √(2δ) times it.",
            0.5: "that is R minus the mean; divide it by the multiplier.",
            2 * math.sqrt(0.2): "that is R over the multiplier; the mean reward is taken off first.",
            0.5 * _LAW: "R minus the mean is divided by the multiplier, not multiplied.",
            math.exp(math.sqrt(0.2)): "that is the ratio; the target is its logarithm.",
            math.sqrt(0.1): "the 2 under the root is missing: √(2δ).",
        },
    ),
    rtol=_TWO_DIGITS,
    praise="exactly they are 1.060 and +0.364: at 0.1 nats the law is off by 5 % in λ and by 23 % in this target.",
)

check_nearly_solved = Numbers(
    "15 of 16 right, δ = 0.1: the most nats that the group can spend, and the wrong one's target at λ = 0.01.",
    most=Number(
        math.log(16 / 15),
        {
            math.log(16): "that is for one right of sixteen; here fifteen share what is moved.",
            math.log(15): "that is the logarithm of 15; the fifteen share all the probability, and each had 1/16.",
            math.log2(16 / 15): "that is in bits; nats have the natural logarithm.",
            math.log(15 / 16): "the fraction is upside down: a divergence is not negative.",
            1 / 16: "that is the share that is moved; the divergence is the logarithm of the ratio that fifteen reach.",
            1 / 15: "almost: that is the ratio of the fifteen less 1; its logarithm is wanted.",
            0.1: "that is the radius; can this group spend it?",
            15 / 16 * math.log(16 / 15): "each of the fifteen ends at probability 1/15, so the new probabilities that "
            "weigh the log-ratios sum to 1, not to 15/16.",
        },
    ),
    target=Number(
        _NEARLY.target[0, 15].item(),
        {
            -_NEARLY.target[0, 15].item(): "the wrong one is to fall: the target is negative.",
            -1.0: "that is R less the best reward; divide it by the multiplier.",
            -math.sqrt(0.2) * math.sqrt(15): "that is the first order, √(2δ) times GRPO's advantage; the multiplier on "
            "its floor asks for far more.",
            -math.sqrt(15): "that is the reward standardised, GRPO's advantage; the multiplier is given, 0.01.",
            -0.01: "divide by the multiplier; do not multiply.",
            -15 / 16 / 0.01: "the offset m is near the best reward at so small a multiplier, not the mean reward.",
        },
    ),
    rtol=_TWO_DIGITS,
    praise="no radius of log(16/15) = 0.0645 or more has a root here, and the floor asks for a ratio of e^-100: the "
    "constraint is gone.",
)
