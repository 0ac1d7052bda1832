"""Exercises of the gallery's preferences: pairs inside a prompt, where a list stops, and a
reference that follows."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from trbook.exercises.check import Draw, Exercise, Number, Numbers


def _gaps(moved: Tensor, ahead: Tensor) -> Tensor:
    """By how much the better completion has moved more, in the pairs (i, j) that `ahead` [B, B]
    marks."""
    better, worse = ahead.nonzero().unbind(1)
    return moved[better] - moved[worse]


def _mean(moved: Tensor, ahead: Tensor, beta: float) -> Tensor:
    return -logsigmoid(beta * _gaps(moved, ahead)).mean()


def _ahead(rewards: Tensor, group: Tensor) -> Tensor:
    return (group.unsqueeze(1) == group) & (rewards.unsqueeze(1) > rewards)


def _dpo(moved: Tensor, rewards: Tensor, group: Tensor, beta: float) -> Tensor:
    return _mean(moved, _ahead(rewards, group), beta)


def _groups(draw: Draw) -> tuple[Any, ...]:
    """Two prompts with three and five completions, in any order; in each a tie and a pair."""
    order = draw.uniform(0, 1, 8).argsort()
    rewards = torch.tensor([1.0, 0, 0, 1, 0.5, 0.5, 0, 1], dtype=torch.float64)
    group = torch.tensor([3, 3, 3, 8, 8, 8, 8, 8])
    return draw.normal(8), rewards[order], group[order], draw.number(0.2, 2)


def _wrong_dpo_loss(moved, rewards, group, beta):
    right, ahead = _dpo(moved, rewards, group, beta), _ahead(rewards, group)
    own, no_worse = group.unsqueeze(1) == group, rewards.unsqueeze(1) >= rewards
    by_prompt = [ahead & (group == g).unsqueeze(1) for g in group.unique()]
    groups = [(moved[group == g], rewards[group == g]) for g in group.unique()]
    return [
        (
            _mean(moved, rewards.unsqueeze(1) > rewards, beta),
            "completions of different prompts are paired here; a pair belongs to one prompt.",
        ),
        (
            _mean(moved, own & no_worse & ~torch.eye(len(moved), dtype=torch.bool), beta),
            "two completions of equal reward do not make a pair: neither is better.",
        ),
        (
            _mean(moved, own & no_worse, beta),
            "with `>=` a completion is compared with itself and with its equals; a pair needs a "
            "better one.",
        ),
        (
            _dpo(-moved, rewards, group, beta),
            "the sign is flipped: this makes the worse completion more probable.",
        ),
        (
            torch.sigmoid(beta * _gaps(moved, ahead)).mean(),
            "this is the mean of σ itself; DPO's loss is -log σ.",
        ),
        (
            -right,
            "this is the mean of log σ, which should grow; a loss should fall: put the minus in "
            "front.",
        ),
        (right * ahead.sum(), "this is the sum over the pairs; take their mean."),
        (
            right * ahead.double().mean(),
            "this divides by B², all places of a table; divide by the number of pairs.",
        ),
        (
            torch.stack([_mean(moved, pairs, beta) for pairs in by_prompt]).mean(),
            "this takes the mean in each prompt first; here all pairs of the batch count alike.",
        ),
        (
            -logsigmoid(
                beta * torch.stack([m[r.argmax()] - m[r.argmin()] for m, r in groups])
            ).mean(),
            "only the best and the worst of each prompt are compared here; take every better with "
            "every worse.",
        ),
        (
            beta * _dpo(moved, rewards, group, 1.0),
            "beta multiplies the loss here; it belongs inside σ, where it sets how soon a pair "
            "lets go.",
        ),
    ]


check_dpo_loss = Exercise(
    "Is `dpo_loss(moved, rewards, group, beta)` DPO's mean loss over all pairs of a better and a "
    "worse completion of one prompt?",
    truth=_dpo,
    inputs=_groups,
    examples=[
        (
            torch.tensor([0.5, -0.3, 0.0]),
            torch.tensor([1.0, 0.0, 0.0]),
            torch.tensor([0, 0, 0]),
            0.4,
        )
    ],
    wrong=_wrong_dpo_loss,
    praise="at log-ratios of 0 every pair has a loss of log 2 and a weight of a half: "
    "the first step is Dr.GRPO's.",
)


def _share(x: Tensor) -> Tensor:
    return x / x.sum()


def _lists(draw: Draw) -> tuple[Any, ...]:
    return _share(draw.uniform(0.1, 1, 4)), _share(draw.uniform(0.1, 1, 4)), draw.number(0.3, 0.8)


def _wrong_adpo_optimum(pi, q, tau):
    return [
        (
            _share(pi * q ** (1 / tau)),
            "τ is on the wrong side: softmax(l/τ) = q means l = τ log q, so τ *multiplies* the "
            "tilt.",
        ),
        (
            q,
            "this is the target; the loss compares it with the log-*ratios*, so π_old remains as "
            "a factor.",
        ),
        (_share(q**tau), "`pi` is missing: the log-ratios are relative to it."),
        (pi * q**tau, "these do not sum to 1; divide by their sum."),
        ((1 - tau) * pi + tau * q, "this mixes the two; the optimum *multiplies*: π ∝ π_old q^τ."),
        (
            _share(pi ** (1 - tau) * q**tau),
            "this is the geometric mean of the two; in the optimum `pi` keeps its full power.",
        ),
        (
            _share(pi * torch.exp(tau * q)),
            "τ is on the right side, but q is a distribution, not a reward: l = τ log q.",
        ),
        (
            _share(pi * torch.exp(q / tau)),
            "q is a distribution, not a reward: its logarithm is the tilt, l = τ log q.",
        ),
    ]


check_adpo_optimum = Exercise(
    "Is `adpo_optimum(pi, q, tau)` the distribution over a group at which ADPO's loss is least?",
    truth=lambda pi, q, tau: _share(pi * q**tau),
    inputs=_lists,
    examples=[(torch.tensor([0.5, 0.25, 0.25]), torch.tensor([0.8, 0.1, 0.1]), 1.0)],
    wrong=_wrong_adpo_optimum,
    praise="with a Boltzmann q of the z-scores this is the KL tilt of chapter 2, π ∝ π_old exp(τ "
    "z / β).",
)

_REST = math.log(9) / 0.5
check_noisy_judges = Numbers(
    "How far apart do the log-ratios come to rest, with a fixed reference and with one that was "
    "copied four times?",
    praise="without contradiction there is no rest at all; with it a moving reference adds as much "
    "again at every move.",
    dpo=Number(
        _REST,
        {
            math.log(9): "β is left out: σ(β l) = 0.9, so l = log(0.9/0.1) / β.",
            math.log(9) * 0.5: "β divides: σ(β l) = 0.9 means β l = log 9.",
            math.log(0.9)
            / 0.5: "this solves exp(β l) = 0.9; it is σ(β l) that is 0.9, so exp(β l) is 0.9/0.1.",
            -_REST: "the sign is flipped: the first completion is the better one.",
        },
    ),
    tr_dpo=Number(
        5 * _REST,
        {
            _REST: "this is the answer for a fixed reference; after each copy the loss starts from "
            "0 and adds as much again.",
            4 * _REST: "four copies leave five stretches: one before the first copy and one after "
            "each.",
            math.inf: "it never ends, but after four copies it has come only this far: one stretch "
            "more than there are copies.",
            5 * math.log(9): "β is left out of the length of a stretch.",
        },
    ),
)
