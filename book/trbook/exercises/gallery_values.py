"""Exercises of the gallery's advantages and values: a baseline of least variance, a value with
shaped tails."""

from __future__ import annotations

import torch
from torch import Tensor

from trbook.exercises.check import Exercise


def _baseline(rewards: Tensor, norms: Tensor) -> Tensor:
    return (norms.square() * rewards).sum() / norms.square().sum()


def _wrong_baseline(rewards, norms):
    squares = norms.square()
    return [
        (
            rewards.mean(),
            "this is the plain mean: a completion whose score is long moves the gradient more, "
            "and counts more.",
        ),
        (
            (norms * rewards).sum() / norms.sum(),
            "the weights are the *squared* norms: set the derivative of the sum of norms² (R - "
            "b)² in b to 0.",
        ),
        (
            (squares * rewards).sum(),
            "the weighted sum is there; divide it by the sum of the weights.",
        ),
        (
            (squares * rewards).mean(),
            "divide by the sum of the weights, not by the number of completions.",
        ),
        (
            (rewards / squares).sum() / (1 / squares).sum(),
            "the weights are upside down: the longest score counts most, not least.",
        ),
        (
            (squares * rewards).sum() / norms.sum(),
            "the squared norms weigh the rewards, but the sum in the denominator holds the norms "
            "themselves: square them there too.",
        ),
        (
            (norms**4 * rewards).sum() / (norms**4).sum(),
            "the weights are squared twice; `norms` are not squared yet, and once is enough.",
        ),
        (
            (squares * rewards).mean() / squares.sum(),
            "this also divides by the number of completions; divide by the sum of the weights "
            "alone.",
        ),
        (
            -_baseline(rewards, norms),
            "the sign is flipped; b is subtracted from the reward afterwards.",
        ),
    ]


check_baseline = Exercise(
    "Is `baseline(rewards, norms)` the number b that makes the mean of norms² (rewards - b)² least?",
    truth=_baseline,
    inputs=lambda draw: (draw.uniform(-1, 1, 6), draw.uniform(0.5, 3, 6)),
    examples=[([1.0, 0.0], [1.0, 2.0])],
    wrong=_wrong_baseline,
    praise="OPO puts a completion's length in place of norms². Where the two are proportional it "
    "is this baseline.",
)


def _value(quantiles: Tensor, alpha: float, c_low: float, c_up: float) -> Tensor:
    return _around(quantiles, alpha, c_low, c_up, quantiles.median())


def _around(
    quantiles: Tensor, alpha: float, c_low: float, c_up: float, centre: Tensor, shift: float = 0.5
) -> Tensor:
    """The mean, with the tails' distances from a centre reshaped."""
    levels = (torch.arange(len(quantiles)) + shift) / len(quantiles)
    scale = torch.where(levels < alpha, c_low, torch.where(levels > 1 - alpha, c_up, 1.0))
    return (centre + scale * (quantiles - centre)).mean()


def _wrong_value(quantiles, alpha, c_low, c_up):
    median = quantiles.median()
    right = _value(quantiles, alpha, c_low, c_up)
    return [
        (quantiles.mean(), "this is the plain mean: nothing has been reshaped."),
        (
            _around(quantiles, alpha, c_low, c_up, quantiles.mean()),
            "the tails are reshaped around the mean, which the spoilt tail has moved already; "
            "take the median.",
        ),
        (
            _around(quantiles, alpha, c_low, c_up, torch.zeros(())),
            "this multiplies the tail's values; multiply their *distance from the median*.",
        ),
        (
            _value(quantiles, alpha, c_up, c_low),
            "the factors have changed places: c_low belongs to the levels below alpha.",
        ),
        (
            _value(quantiles, alpha, c_low, 1.0),
            "the lower tail is right; the upper one, above 1 - alpha, is left as it was.",
        ),
        (
            _value(quantiles, alpha, 1.0, c_up),
            "the upper tail is right; the lower one, below alpha, is left as it was.",
        ),
        (
            _value(quantiles, 0.5, c_low, c_up),
            "everything below the median is taken for the lower tail; it ends at the level alpha.",
        ),
        (
            _around(quantiles, alpha, c_low, c_up, median, shift=0.0),
            "this takes i/N for the levels; each lies in the middle of its share, at (i + 1/2)/N.",
        ),
        (
            _around(quantiles, alpha, c_low, c_up, median, shift=1.0),
            "this takes (i + 1)/N for the levels; each lies in the middle of its share, at (i + "
            "1/2)/N.",
        ),
        (
            right - median,
            "this is the mean of the reshaped distances; add the median, from which they are "
            "measured.",
        ),
        (len(quantiles) * right, "this is the sum; take the mean."),
        (
            _around(quantiles, alpha, 0.0, 0.0, median),
            "the tails are moved to the median here; they keep their distance from it, times "
            "c_low or c_up.",
        ),
        (median, "this is the median. It is robust too, but the upper tail has no say in it."),
    ]


check_value = Exercise(
    "Is `value(quantiles, alpha, c_low, c_up)` the mean of sorted quantiles with their tails "
    "reshaped?",
    truth=_value,
    inputs=lambda draw: (
        draw.uniform(-2, 2, 19).sort().values,
        draw.number(0.1, 0.45),
        draw.number(0.05, 0.8),
        draw.number(1.1, 2.5),
    ),
    examples=[([-8.0, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 2.0], 0.1, 0.25, 1.5)],
    wrong=_wrong_value,
    praise="with c_low = c_up = 1 it is the mean, with both 0 and alpha = 1/2 the median: DVPO "
    "stands between the two.",
)
