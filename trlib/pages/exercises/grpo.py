"""Exercises of chapter 5, GRPO: advantages inside a group, the clipped loss, and two quiet biases."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from trlib.advantages import group_relative
from trlib.algorithms import ppo_loss
from trlib.pages.exercises.check import NotYet, Verdict, case, exercise, grade, grade_number


@exercise
def check_advantages(group_advantages: Any) -> Verdict:
    """Is `group_advantages(rewards, group)` GRPO's advantage, reward minus the group's mean over its std?"""
    ids = torch.tensor
    cases = [case([1.0, 0.0, 0.0, 1.0, 0.0], ids([0, 0, 0, 0, 0])),
             case([1.0, 0.0, 0.5, 3.0, 1.0, 1.0], ids([0, 0, 0, 1, 1, 1])),
             case([0.2, 5.0, 0.9, 4.0, 0.1, 9.0], ids([7, 2, 7, 2, 7, 2])),
             case([1.0, 1.0, 0.0, 1.0], ids([0, 0, 1, 1]))]
    return grade(
        group_advantages, cases, lambda rewards, group: group_relative(rewards, group),
        mistakes=[
            (lambda r, g: group_relative(r, g, scale=None),
             "this is the reward minus the mean of its group, which is Dr.GRPO's advantage; GRPO also divides by the "
             "group's standard deviation."),
            (lambda r, g: group_relative(r, torch.zeros_like(g)),
             "these are mean and standard deviation of the whole batch; each prompt is its own group."),
            (_by_population_std,
             "the standard deviation here divides by G; GRPO's divides by G - 1 (`unbiased`, torch's default)."),
            (_by_variance, "this divides by the variance; take its square root."),
            (lambda r, g: -group_relative(r, g), "the sign is turned: a reward above the mean has a positive A."),
        ],
        rtol=2e-3, atol=1e-3,
        praise="a group of equal rewards gives 0 everywhere: it teaches nothing, and DAPO leaves it out.")


@exercise
def check_clipped_loss(clipped_loss: Any) -> Verdict:
    """Is `clipped_loss(logp, logp_old, advantages, eps_low, eps_high)` PPO's loss of every token, with its gradient?"""
    old = [-2.0, -0.1, -6.0, -1.0, -3.0, -0.5]
    moved = [0.3, -0.4, 2.0, -0.05, -0.9, 0.0]
    logp = [a + b for a, b in zip(old, moved, strict=True)]
    cases = [case(logp, old, [1.0, -1.0, 1.0, 2.0, -0.5, 1.0], 0.2, 0.2),
             case(logp, old, [-1.0, 1.0, -1.0, -2.0, 0.5, 1.0], 0.1, 0.28)]
    verdict = grade(
        clipped_loss, cases, _clipped,
        mistakes=[
            (lambda *a: -_clipped(*a), "this is the objective, to be raised; a loss, to be lowered, has a minus."),
            (_clip_only, "the clipped term alone also silences a token that moved the wrong way and wants to come "
                         "back; the minimum with the unclipped term is what keeps it."),
            (_with_maximum, "inside the minus stands the smaller of the two, the pessimistic one, whatever A is."),
            (lambda logp, old, *a: _clipped(old, logp, *a), "the ratio is new over old: exp(logp - logp_old)."),
            (_unclipped, "nothing is clipped yet."),
        ],
        praise="where the loss is flat the gradient is exactly 0: the token is silenced until the next batch.")
    for logp, *rest in cases:
        leaf = logp.clone().requires_grad_()
        loss = clipped_loss(leaf, *rest)
        if not (isinstance(loss, Tensor) and loss.requires_grad):
            raise NotYet("the values are right, but no gradient reaches `logp`; is something detached, or not torch?")
        (gradient,) = torch.autograd.grad(loss.sum(), leaf)
        weight = _loss(logp, *rest).diagnostics["weight"][0]
        if not torch.allclose(gradient.to(torch.float64), -weight, atol=1e-6):
            raise NotYet("the values are right, but the gradient is not; is part of the ratio detached?")
    return verdict


@exercise
def check_silenced(silenced: Any) -> Verdict:
    """Does `silenced(ratio, advantages, eps_low, eps_high)` name the tokens whose gradient PPO's clip sets to 0?"""
    ratio = [1.0, 1.3, 0.7, 1.3, 0.7, 5.0, 0.01, 1.19, 0.81]
    sign = [1.0, 1.0, 1.0, -1.0, -1.0, -2.0, 0.3, 1.0, -1.0]
    cases = [case(ratio, sign, 0.2, 0.2), case(ratio, sign, 0.1, 0.4)]
    return grade(
        silenced, cases, lambda *a: _silenced(*a).to(torch.float64),
        mistakes=[
            (lambda r, a, low, high: ((r > 1 + high) | (r < 1 - low)).to(torch.float64),
             "these are all tokens outside the window. With A > 0 a ratio below it does no harm: the update brings it "
             "back."),
            (lambda *a: 1 - _silenced(*a).to(torch.float64), "these are the tokens that are kept."),
            (lambda r, a, low, high: _silenced(r, -a, low, high).to(torch.float64),
             "the signs are crossed: A > 0 pushes the ratio up, so it is silenced above the window."),
        ],
        praise="six of the nine ratios lie outside the window of .2, and two are silenced: the way home is free.")


@exercise
def check_length_bias(grpo: Any, dr_grpo: Any) -> Verdict:
    """How many times harder is a token of 10 pushed than a token of 100, advantages equal: by GRPO, by Dr.GRPO?"""
    grade_number(grpo, 10.0, name="grpo", praise="", mistakes=[
        (0.1, "turned around: how much *harder* is a token of the short completion pushed?"),
        (1.0, "GRPO takes the mean over a completion's tokens first: each token's share is 1/length.")])
    return grade_number(dr_grpo, 1.0, name="dr_grpo", mistakes=[
        (10.0, "Dr.GRPO divides by one constant, the horizon, whatever the length.")],
        praise="under GRPO a token of a long wrong completion is punished a tenth as hard: being wrong at length is "
               "cheap, the bias that Dr.GRPO removes.")


@exercise
def check_rare_success(grpo: Any, dr_grpo: Any) -> Verdict:
    """The advantage of the one right completion in a group of 16 with rewards 0 and 1: GRPO's, Dr.GRPO's."""
    grade_number(grpo, 3.75, name="grpo", praise="", mistakes=[
        (15 / 16, "that is the reward minus the mean; GRPO divides by the standard deviation of the group."),
        (15 ** 0.5, "almost: the standard deviation divides by G - 1 = 15, not by 16.")])
    return grade_number(dr_grpo, 15 / 16, name="dr_grpo", mistakes=[
        (3.75, "Dr.GRPO does not divide by the standard deviation.")],
        praise="with eight right of sixteen GRPO gives each 0.97: it weighs hard and easy prompts up against the "
               "middling ones, and Dr.GRPO does not.")


def _loss(logp: Tensor, old: Tensor, advantages: Tensor, low: float, high: float):
    mask = torch.ones(1, len(logp), dtype=torch.bool)
    return ppo_loss(logp[None], old[None], advantages=advantages[None], mask=mask, eps_low=low, eps_high=high)


def _clipped(*arguments: Any) -> Tensor:
    return _loss(*arguments).per_token[0]


def _clip_only(logp: Tensor, old: Tensor, advantages: Tensor, low: float, high: float) -> Tensor:
    return -(logp - old).exp().clamp(1 - low, 1 + high) * advantages


def _unclipped(logp: Tensor, old: Tensor, advantages: Tensor, low: float, high: float) -> Tensor:
    return -(logp - old).exp() * advantages


def _with_maximum(*arguments: Any) -> Tensor:
    return torch.minimum(_clip_only(*arguments), _unclipped(*arguments))


def _silenced(ratio: Tensor, advantages: Tensor, low: float, high: float) -> Tensor:
    return ((advantages > 0) & (ratio > 1 + high)) | ((advantages < 0) & (ratio < 1 - low))


def _by_population_std(rewards: Tensor, group: Tensor) -> Tensor:
    size = torch.stack([(group == g).sum() for g in group])
    return group_relative(rewards, group) * (size / (size - 1)).sqrt()


def _by_variance(rewards: Tensor, group: Tensor) -> Tensor:
    std = torch.stack([rewards[group == g].std() for g in group])
    return group_relative(rewards, group) / std.clamp(min=1e-6)
