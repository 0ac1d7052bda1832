"""Exercises of the gallery's branch `regression`: a loss over pairs, a sparse target, and a
temperature for a tree."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise, Number, Numbers


def _left(log_ratio: Tensor, rewards: Tensor, eta: float) -> Tensor:
    return log_ratio - eta * rewards


def _pair_loss(log_ratio: Tensor, rewards: Tensor, eta: float) -> Tensor:
    return 2 * _left(log_ratio, rewards, eta).var()


def _group(draw: Draw) -> tuple[Any, ...]:
    return draw.uniform(-1, 1, 5), draw.uniform(0, 2, 5), draw.number(0.2, 0.8)


def _wrong_pair_loss(log_ratio, rewards, eta):
    left = _left(log_ratio, rewards, eta)
    first, second = torch.triu_indices(len(left), len(left), 1)
    gaps = left[first] - left[second]
    return [
        (
            2 * left.var(correction=0),
            "the mean here also counts every completion with itself, where the difference is 0; "
            "take each pair i < j once.",
        ),
        (gaps.square().sum(), "this is the sum over the pairs; take their mean."),
        (
            left.var(),
            "this is half of it: the variance of what is left. The mean over the pairs is twice "
            "the variance.",
        ),
        (
            left.var(correction=0),
            "these are squares of the distance to the mean; REBEL squares the distance of each "
            "pair.",
        ),
        (gaps.abs().mean(), "these are absolute differences; square them."),
        (gaps.mean(), "nothing is squared yet."),
        (
            _pair_loss(log_ratio, rewards, 1.0),
            "the rewards lack `eta` here, which says how many nats a reward is worth.",
        ),
        (
            eta**2 * _pair_loss(log_ratio, rewards, 1.0),
            "`eta` multiplies the whole difference here; it belongs to the rewards alone.",
        ),
        (
            _pair_loss(log_ratio / eta, rewards, 1.0),
            "the log-ratios are divided by `eta` here, as the paper writes it: the minimiser is "
            "the same, the size is not. Multiply the rewards instead.",
        ),
        (
            _pair_loss(log_ratio, rewards, -eta),
            "the sign is flipped: the log-ratios should differ *as* the rewards do.",
        ),
        (
            _pair_loss(log_ratio, (rewards - rewards.mean()) / rewards.std(), eta),
            "the rewards are divided by their standard deviation here, as GRPO does; REBEL does "
            "not divide.",
        ),
        (
            _pair_loss(log_ratio.exp(), rewards, eta),
            "these are ratios; the loss compares log-ratios.",
        ),
        (
            left.diff().square().mean(),
            "only neighbours are compared; they connect the group, but the mean is over all pairs.",
        ),
        (
            (left[:-1:2] - left[1::2]).square().mean(),
            "the completions are paired off here, and the pairs do not connect the group.",
        ),
    ]


check_pair_loss = Exercise(
    "Is `pair_loss(log_ratio, rewards, eta)` the mean of REBEL's loss over all pairs of a group, "
    "with its gradient?",
    truth=_pair_loss,
    inputs=_group,
    gradient="log_ratio",
    examples=[([0.0, 0.0, 0.0], [1.0, 0.0, 0.0], 0.5), ([0.5, 0.0, 0.25], [1.0, 0.0, 0.5], 0.5)],
    wrong=_wrong_pair_loss,
    praise="the mean over all pairs is twice the variance of `log_ratio - eta * rewards`, so it "
    "costs no more than a baseline.",
)


def _sparse_target(old: Tensor, token: int, advantage: float, beta: float) -> Tensor:
    return (old.log() + _only(old, token, advantage / beta)).softmax(0)


def _only(old: Tensor, token: int, value: float) -> Tensor:
    return torch.zeros_like(old).index_fill(0, torch.tensor([token]), value)


def _moved_alone(old: Tensor, token: int, factor: float) -> Tensor:
    return old * (1 + _only(old, token, factor - 1))


def _rest_shrunk(old: Tensor, token: int, advantage: float, beta: float) -> Tensor:
    moved = old[token] * math.exp(advantage / beta)
    shrunk = old * (1 - moved) / (1 - old[token])
    return shrunk.index_fill(0, torch.tensor([token]), float(moved))


def _distribution(draw: Draw) -> tuple[Any, ...]:
    weights = draw.uniform(0.1, 1, 5)
    sign = 1 if int(draw.integers(0, 2)) else -1
    return (
        weights / weights.sum(),
        int(draw.integers(0, 5)),
        sign * draw.number(0.3, 0.9),
        draw.number(1.1, 2),
    )


def _wrong_sparse_target(old, token, advantage, beta):
    return [
        (
            _moved_alone(old, token, math.exp(advantage / beta)),
            "the probabilities do not sum to 1: divide by their sum.",
        ),
        (
            _rest_shrunk(old, token, advantage, beta),
            "the sampled token's probability is multiplied, and the others share what is left. "
            "With a large advantage the product passes 1: multiply, then divide everything by "
            "the sum.",
        ),
        (
            old / old.sum(),
            "nothing has moved: when every logit moves alike, the distribution stays as it is. "
            "Move the sampled token's logit only.",
        ),
        (
            _sparse_target(old, token, advantage * beta, 1.0),
            "the advantage is multiplied by `beta`; β is the price of a nat, so divide.",
        ),
        (
            _sparse_target(old, token, advantage, 1.0),
            "`beta` is missing: the logit moves by `advantage / beta`.",
        ),
        (
            _sparse_target(old, token, -advantage, beta),
            "the sign is flipped: a good token becomes likelier.",
        ),
        (
            (old + _only(old, token, advantage / beta)).softmax(0),
            "probabilities stand where logits belong: take `old.log()` first.",
        ),
        (
            (found := _moved_alone(old, token, 1 + advantage / beta)) / found.sum(),
            "the factor is `exp(advantage / beta)`; this is its first order, `1 + advantage / "
            "beta`.",
        ),
        (
            _sparse_target(old, token, float(old[token]) * advantage, beta),
            "this is the average of the targets of *many* samples; the target of one sample "
            "moves its token by the whole `advantage / beta`.",
        ),
        (
            _sparse_target(old, token, advantage, beta).log(),
            "these are log-probabilities; take their `exp`.",
        ),
        (
            old.log() + _only(old, token, advantage / beta),
            "these are logits; make a distribution of them.",
        ),
    ]


check_sparse_target = Exercise(
    "Is `sparse_target(old, token, advantage, beta)` the distribution that LCO fits where one "
    "token was sampled?",
    truth=_sparse_target,
    inputs=_distribution,
    examples=[([0.6, 0.3, 0.1], 0, -1.0, 1.0), ([0.25, 0.25, 0.5], 2, 1.0, 2.0)],
    wrong=_wrong_sparse_target,
    praise="all other tokens keep their proportions: they only make room.",
)


check_temperature = Numbers(
    "In a tree ten forks deep with one winner, what is the value of the right action at the "
    "root, and at which ρ is it taken nine times out of ten?",
    value=Number(
        2**-9,
        {
            2**-10: "that is the root's own value, the mean of both actions; after the right one "
            "nine forks are left.",
            0.5: "that is one fork; nine more must be right by chance.",
            1.0: "a winner is worth 1 at its leaf only; above it the uniform policy mostly misses.",
            0.1: "every fork halves what it leads to; the chances of ten forks are multiplied, "
            "not counted.",
            2.0**-11: "one fork too many.",
        },
    ),
    rho=Number(
        2**-9 / math.log(9),
        {
            2**-10
            / math.log(
                9
            ): "almost: this is the root's own value over log 9; take the right action's.",
            2**-9 / 9: "the odds are 9, and they are exp(Q / ρ): divide Q by log 9.",
            2**-9 * math.log(9): "the odds of 9 are exp(Q / ρ): divide Q by log 9.",
            math.log(9) / 2**-9: "that is 1/ρ.",
            2**-9 / math.log(10): "the odds are 0.9 to 0.1, which is 9 to 1.",
            2**-9
            / 0.9: "the probability is a sigmoid of Q / ρ, and Q / ρ is the logarithm of the odds.",
            2**-9
            / math.log(0.9 / 0.1)
            / 2: "the other action has value 0, so the difference of the two is Q itself.",
        },
    ),
    praise="one more fork halves both: the temperature must fall as fast as the values do.",
)
