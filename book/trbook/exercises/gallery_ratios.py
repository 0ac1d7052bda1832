"""Exercises of the gallery's ratios: a weight that remembers its prefix, the best policy under a
price, and where that price reverses a push."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise, Number, Numbers


def _prefix(ratio: Tensor, mask: Tensor) -> Tensor:
    return ratio * _before(ratio.masked_fill(mask == 0, math.inf)) * mask


def _before(ratio: Tensor) -> Tensor:
    """The smallest ratio before each token; 1 where there is none."""
    least = torch.cat([torch.full_like(ratio[:, :1], math.inf), ratio.cummin(1).values[:, :-1]], 1)
    return least.where(least < math.inf, 1.0)


def _tokens(draw: Draw) -> tuple[Tensor, Tensor]:
    """Four completions of two to six tokens; in one, the first tokens are an expert's. Places that
    do not count hold small ratios, which a minimum would find."""
    lengths = draw.integers(2, 7, 4)
    mask = (torch.arange(6) < lengths[:, None]).double()
    mask[0] = torch.tensor([0, 0, 1, 1, 1, 1])
    return draw.uniform(0.4, 1.8, 4, 6).where(mask > 0, 0.1 * draw.uniform(0.5, 1, 4, 6)), mask


def _wrong_prefix(ratio, mask):
    shown, neutral = ratio.masked_fill(mask == 0, math.inf), ratio.where(mask > 0, 1.0)
    before = _before(shown)
    first = torch.ones_like(ratio[:, :1])
    right = _prefix(ratio, mask)
    return [
        (
            ratio * mask,
            "this is the token's own ratio, CISPO's weight; the smallest ratio before it is "
            "missing.",
        ),
        (
            ratio * shown.cummin(1).values.where(mask > 0, 1.0) * mask,
            "the minimum here includes the token itself, so its ratio counts twice where it is "
            "the smallest; take the tokens *before* it.",
        ),
        (
            neutral.cumprod(1) * mask,
            "this is the product of all ratios up to the token, the exact weight; MinPRO puts "
            "the smallest of the earlier ones in place of their product.",
        ),
        (before * mask, "this is the minimum of the prefix; it multiplies the token's own ratio."),
        (
            ratio * _before(ratio) * mask,
            "a token whose mask is 0 has entered the minimum; what the policy did not write has "
            "no say.",
        ),
        (
            ratio * _before(ratio * mask) * mask,
            "multiplied by the mask, a place that does not count holds the ratio 0, and 0 is the "
            "smallest: put infinity there.",
        ),
        (
            torch.where(before == 1, 0.0, right),
            "the first token of a completion has nothing before it: its minimum is 1, so that "
            "its weight is its own ratio.",
        ),
        (
            ratio * torch.cat([first, (ratio * mask).cummax(1).values[:, :-1]], 1) * mask,
            "this is the largest ratio before the token; MinPRO takes the smallest.",
        ),
        (
            right.clamp(0.8, 1.28) * mask,
            "this is clipped already; the exercise asks for the weight *before* its clip.",
        ),
        (
            ratio * torch.cat([first, neutral[:, :-1]], 1) * mask,
            "this looks back by one token only; the minimum is over all earlier tokens.",
        ),
        (
            ratio * shown.min(1, keepdim=True).values * mask,
            "this is the minimum of the whole completion; a token knows only what stands before it.",
        ),
        (
            ratio * torch.cat([first, neutral.cummin(1).values[:, :-1]], 1) * mask,
            "a place that does not count holds 1 here, and 1 may be the smallest: put infinity "
            "there, and 1 only where nothing stands before.",
        ),
        (
            ratio * before.clamp(max=1) * mask,
            "the minimum is bounded by 1 here (it began at 1). Where every earlier ratio is "
            "above 1 it is above 1 too; only the first token's is 1.",
        ),
    ]


check_prefix = Exercise(
    "Is `prefix_weights(ratio, mask)` MinPRO's weight before its clip, 0 where the mask is 0?",
    truth=_prefix,
    inputs=_tokens,
    examples=[
        (
            torch.tensor([[0.5, 2.0, 1.0, 3.0]], dtype=torch.float64),
            torch.ones(1, 4, dtype=torch.float64),
        )
    ],
    wrong=_wrong_prefix,
    praise="its mean under the sampler is the mean of that minimum: below 1 from the third token "
    "on, and falling.",
)


def _tilt(mu: Tensor, advantages: Tensor, lam: float) -> Tensor:
    return mu * (1 + (advantages - mu @ advantages) / (2 * lam))


def _gentle(draw: Draw) -> tuple[Any, ...]:
    """Five arms, and a price so high that none falls to 0."""
    mu = draw.uniform(0.1, 1, 5)
    return mu / mu.sum(), draw.uniform(-1, 1, 5), draw.number(1.2, 3)


def _wrong_linear_tilt(mu, advantages, lam):
    slope = advantages / (2 * lam)
    centred = slope - mu @ slope
    return [
        (
            torch.softmax(mu.log() + slope, -1),
            "this tilt is exponential, as under a KL penalty. Here the derivative A − 2 λ (r − "
            "1) is the same for every arm: r is a straight line in A.",
        ),
        (
            torch.softmax(mu.log() + advantages / lam, -1),
            "this is KL's tilt at the price λ, an exponential; under (r − 1)² the ratio is a "
            "straight line in A.",
        ),
        (
            mu * (1 + slope),
            "these numbers do not sum to 1: subtract ν, which is the mean advantage under `mu`.",
        ),
        (
            mu * (1 + slope - slope.mean()),
            "the mean is taken over arms alike, and the numbers do not sum to 1: weigh it by `mu`.",
        ),
        (
            mu * (1 + slope) / (mu * (1 + slope)).sum(),
            "these are rescaled to sum to 1; the multiplier ν of the sum is a shift of the "
            "advantages.",
        ),
        (
            mu * (1 + 2 * centred),
            "the derivative of λ (r − 1)² is 2 λ (r − 1): a factor 2 is missing.",
        ),
        (1 + centred, "this is the ratio r; the policy is `mu` times it."),
        (mu + centred, "the shift belongs to the ratio: multiply the whole ratio by `mu`."),
        (_tilt(mu, -advantages, lam), "the sign is flipped: better arms get more."),
    ]


check_linear_tilt = Exercise(
    "Is `linear_tilt(mu, advantages, lam)` the best policy under R2VPO's penalty, where no arm "
    "falls to 0?",
    truth=_tilt,
    inputs=_gentle,
    wrong=_wrong_linear_tilt,
    praise="its E (r − 1)² is Var A / (4 λ²), so a bound δ has the price λ = sd(A) / (2 √δ): no "
    "search is needed.",
)

check_turn = Numbers(
    "At which ratio does R2VPO's weight change its sign, and which λ puts that at PPO's edge?",
    praise="at the public code's λ a token of A = 1 has a positive weight until it is 13.5 times as probable, "
    "and one of A = −1 is never brought back: that λ limits only extreme ratios.",
    turn=Number(
        0.25,
        {
            1.75: "a bad token moves down: its A is negative, so its turning point lies below 1.",
            -0.75: "this is A / (2 λ); add 1.",
            -0.5: "the derivative of λ (r − 1)² has a factor 2: r = 1 + A / (2 λ).",
            13.5: "this is the turning point for A = 1; take A = −0.06.",
            2.25: "this is the turning point for A = 0.1; take A = −0.06.",
        },
    ),
    price=Number(
        2.5,
        {
            5.0: "r = 1 + A / (2 λ) has a factor 2: this is A / 0.2.",
            0.25: "this is A / 4; solve 1 + A / (2 λ) = 1.2.",
            0.4: "this is 1 / λ: take its inverse.",
            5 / 12: "this is A / (2 r); divide by twice the distance r − 1.",
            0.04: "this is the λ of the first question; put the turning point at r = 1.2.",
            0.1: "this is half of 0.2; λ = A / (2 · 0.2).",
        },
    ),
)
