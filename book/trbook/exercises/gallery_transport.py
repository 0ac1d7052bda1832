"""Exercises of the gallery's optimal transport: the address at a price, and a budget on two
actions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise, Number, Numbers


def _sent(pi: Tensor, to: Tensor) -> Tensor:
    return torch.zeros_like(pi).index_add(0, to, pi)


def _transported(pi: Tensor, A: Tensor, D: Tensor, beta: float) -> Tensor:
    return _sent(pi, (A - beta * D).argmax(1))


def _actions(draw: Draw) -> tuple[Any, ...]:
    """Seven actions in an order of their own on a line that is steeper one way: some stay, some
    move, no ties."""
    pi = draw.uniform(0.2, 1, 7)
    places = draw.uniform(0, 4, 7) + 0.003 * torch.arange(7)
    apart = places.unsqueeze(0) - places.unsqueeze(1)
    distances = torch.where(apart > 0, apart, -1.6 * apart)
    return (
        pi / pi.sum(),
        draw.normal(7) + 0.0017 * torch.arange(7),
        distances,
        draw.number(0.1, 2.5),
    )


def _wrong_transported(pi, A, D, beta):
    return [
        (
            _sent(pi, (A - beta * D.T).argmax(1)),
            "the distances are those of the way back: `D[i, j]` is from i to j.",
        ),
        (
            _sent(pi, A.expand_as(D).argmax(1)),
            "the distance costs nothing here: all probability moves to the best action.",
        ),
        (
            _sent(pi, (A + beta * D).argmax(1)),
            "the distance is added here; it is a cost, so subtract it.",
        ),
        (
            _sent(pi, (A.unsqueeze(1) - beta * D).argmax(1)),
            "no probability moves here: either `A` stands for the sender, or the maximum is over i. "
            "Every *row* i picks the j with the largest A_j - beta D[i, j].",
        ),
        (_sent(pi, (A - beta * D).argmin(1)), "this goes to the worst address: take the largest."),
        (
            torch.zeros_like(pi).scatter(0, (A - beta * D).argmax(1), pi),
            "where two actions share an address the second overwrites the first; add them up.",
        ),
        (
            _sent(pi, (beta * (A - D)).argmax(1)),
            "the price has no say here: beta is forgotten, or multiplies the advantage too. It "
            "multiplies `D` alone.",
        ),
        (
            _sent(pi, (A - D / beta).argmax(1)),
            "the distance is divided by beta; a price multiplies it.",
        ),
        (
            (pi.log() + A / beta).softmax(0),
            "this is KL's tilt, which knows no distances; here `D` decides how far mass goes.",
        ),
        (
            pi @ (A - beta * D).softmax(1),
            "this is SPO's softmax with λ = β; WPO sends all mass to one address.",
        ),
    ]


check_transported = Exercise(
    "Is `transported(pi, A, D, beta)` the policy when every action sends its mass to argmax_j A_j "
    "- beta d_ij?",
    truth=_transported,
    inputs=_actions,
    examples=[
        ([0.5, 0.3, 0.2], [0.0, 1.0, 1.5], [[0.0, 1.0, 2.0], [1.0, 0.0, 1.0], [2.0, 1.0, 0.0]], 0.6)
    ],
    wrong=_wrong_transported,
    praise="with D = 0 everywhere all mass is on the best action, with a large price nothing moves.",
)

check_two_actions = Numbers(
    "What is the second action's probability after the step, and at which price does the first "
    "have two best addresses?",
    praise="at half the distance, twice as much would have moved: a budget buys mass times "
    "distance.",
    probability=Number(
        0.5,
        {
            0.7: "this spends 0.4 of mass; the distance is 2, so a mass m costs 2 m.",
            1.0: "all of it would cost 0.7 times 2; the budget is 0.4.",
            0.4: "this is the budget; a mass m costs 2 m, and the second action has 0.3 already.",
            0.2: "this is the mass that moves; the second action has 0.3 already.",
            1.1: "more than 1: the distance divides the budget, it does not multiply it.",
            0.3: "nothing has moved; the budget of 0.4 buys a mass of 0.2 over a distance of 2.",
        },
    ),
    price=Number(
        0.75,
        {
            1.5: "the distance is 2: arriving is worth 1.5 - 2 β, staying 0.",
            3.0: "the price is for a distance of 1: 1.5 - 2 β = 0.",
            2 / 1.5: "this is upside down: solve 1.5 - 2 β = 0.",
            0.4: "this is the budget; the price makes going and staying equally good.",
            0.0: "at price 0 the first action gladly goes; where does it begin to hesitate?",
        },
    ),
)
