"""Exercises of chapter 8, QUATRO: the pull-back, a strange log, the whole loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from trbook.exercises.check import Exercise
from trbook.exercises.inside import Choice, InTheLoop, Part
from trbook.rollout import rollout
from trlib.algorithms.quatro import Dual, pull_to_target, quatro_loss, solve_dual
from trlib.model.policy import Policy


def _weight(log_ratio: Tensor, reward: float, offset: float, multiplier: float) -> Tensor:
    return log_ratio.exp() * (reward - offset - multiplier * log_ratio.sum())


def _wrong_token_weight(log_ratio, reward, offset, multiplier):
    ratio, total, gain = log_ratio.exp(), log_ratio.sum(), reward - offset
    pull = multiplier * total
    return [
        (
            ratio * (gain - multiplier * log_ratio),
            "the bracket holds each token's own log-ratio here; the constraint is on the "
            "completion, so it should hold their sum.",
        ),
        (
            ratio * (gain - multiplier * log_ratio.mean()),
            "this is the mean of the log-ratios; the log-ratio of a completion is their sum.",
        ),
        (
            (gain - pull).expand_as(log_ratio),
            "this is the form `regression`, h = 1; `ratio` multiplies each token by its own ratio.",
        ),
        (
            (total.exp() * (gain - pull)).expand_as(log_ratio),
            "this is the form `exact`, the ratio of the whole completion; `ratio` takes each "
            "token's own.",
        ),
        (
            ratio * (gain + pull),
            "the log-ratio has the wrong sign: a completion that is already past its target "
            "moves further.",
        ),
        (
            log_ratio * (gain - pull),
            "the factor before the bracket is the ratio; `exp` is missing.",
        ),
        (
            ratio * (reward - multiplier * (offset + total)),
            "`multiplier` multiplies the offset here; the offset is in units of reward already.",
        ),
        (ratio * (reward - pull), "the offset m is missing in the bracket."),
        (
            ratio * (gain - total),
            "this is the same whatever `multiplier` is: it belongs before the log-ratio, as "
            "reward per nat.",
        ),
        (
            ratio * (gain / multiplier - total),
            "this bracket is target minus log-ratio, in nats; the weight has λ times that, in "
            "units of reward.",
        ),
        (
            ratio * (gain - multiplier * log_ratio.cumsum(-1)),
            "the bracket holds the log-ratio up to each token here; it should hold that of the "
            "whole completion.",
        ),
        (
            ratio * gain,
            "this is the same whatever `multiplier` is: the log-ratio is missing in the bracket, "
            "so the weight never changes sign.",
        ),
        (-_weight(log_ratio, reward, offset, multiplier), "this is minus the weight."),
        (
            ratio * (gain - multiplier * total.exp()),
            "the bracket should hold the log-ratio, not the ratio: at ratio 1 it must be 0.",
        ),
    ]


check_token_weight = Exercise(
    "Is `token_weight(log_ratio, reward, offset, multiplier)` QUATRO's weight of every token, in "
    "its form `ratio`?",
    truth=_weight,
    inputs=lambda draw: (
        draw.uniform(-0.6, 0.6, 4),
        draw.number(0, 1),
        draw.number(0.1, 0.9),
        draw.number(0.4, 1.5),
    ),
    examples=[([0.0, 0.0, 0.0, 0.0], 1.0, 0.61, 1.06), ([0.3, 0.2, 0.0, 0.1], 1.0, 0.61, 1.06)],
    wrong=_wrong_token_weight,
    praise="in the second example the completion has moved by 0.6 nats and its target is 0.37: the "
    "weight is negative, and the completion becomes less probable although it is right.",
)


def strange_log() -> pd.DataFrame:
    """What a QUATRO with one fault prints for one batch: a row for each prompt of 16 completions,
    with radius 0.1."""
    right = [1, 4, 8, 12, 15]
    rewards = torch.stack([(torch.arange(16) < k).double() for k in right])
    whole = solve_dual(rewards.reshape(1, -1), delta_kl=0.1)
    target = whole.target.view(rewards.shape)
    ratio = target.exp()
    return pd.DataFrame(
        {
            "right of 16": right,
            "λ": whole.multiplier.item(),
            "target, right": target[:, 0].tolist(),
            "target, wrong": target[:, -1].tolist(),
            "mean ratio asked": ratio.mean(1).tolist(),
        }
    ).set_index("right of 16")


check_fault = Choice(
    "Which fault does the log show: floor, batch, standardised, torn or forward?",
    right="batch",
    wrong={
        "floor": "on the floor λ would be 0.01, and only a prompt that is nearly solved gets "
        "there. Here λ is the same on every row, and far from 0.01.",
        "standardised": "standardised rewards change λ by the group's deviation and leave every "
        "target as it was: the "
        "targets depend on R/λ alone. Do the targets of this log differ between prompts?",
        "torn": "a group that is torn apart is solved part by part, so λ would differ between the "
        "parts. Here it is the same on every row.",
        "forward": "the other direction has other targets, but each prompt's own, and a mean ratio "
        "of 1. Look at the last column.",
    },
    praise="one dual was solved for all 80 completions. A mean ratio of 1.2 cannot be reached: a "
    "prompt's "
    "probabilities sum to 1. With a constraint for every prompt the last column is 1 everywhere.",
)


def _batch(policy: Policy, seed: int) -> Part:
    """Sixteen prompts of `dial` with eight completions each, and what QUATRO's loss takes."""
    batch, rewards = rollout(policy, seed, prompts=16)
    return Part(batch, rewards, (batch.logp, rewards.view(16, 8), batch.mask))


def _library(logp: Tensor, logp_mu: Tensor, rewards: Tensor, mask: Tensor, delta: float) -> Tensor:
    group = torch.arange(len(rewards)).repeat_interleave(rewards.shape[1])
    loss = quatro_loss(
        logp, logp_mu, rewards=rewards.flatten(), group=group, mask=mask, delta_kl=delta
    )
    return loss.per_token.sum() / len(logp)


def _pulled(
    solve: Callable[[Tensor, float], Dual], form: str = "ratio", pull: float = 1.0
) -> Callable[..., Tensor]:
    """The loss with another dual, form or strength of the pull-back."""

    def loss(logp: Tensor, logp_mu: Tensor, rewards: Tensor, mask: Tensor, delta: float) -> Tensor:
        dual = solve(rewards, delta)
        lam = dual.multiplier.view(-1, 1).expand(rewards.shape).flatten().to(logp.dtype)
        push = lam * dual.target.flatten().to(logp.dtype)
        terms: Any = {"multiplier": pull * lam, "push": push, "mask": mask, "form": form}
        found = pull_to_target(logp, logp_mu, **terms)
        return found.per_token.sum() / len(logp)

    return loss


def _own(rewards: Tensor, delta: float) -> Dual:
    return solve_dual(rewards, delta_kl=delta)


def _with_bracket(
    inside: Callable[[Tensor, Tensor], Tensor],
    *,
    attached: bool = False,
    priced: bool = True,
    divide: bool = False,
) -> Callable[..., Tensor]:
    """The loss with another log-ratio in the bracket, made of the tokens' log-ratios and the
    mask."""

    def loss(logp: Tensor, logp_mu: Tensor, rewards: Tensor, mask: Tensor, delta: float) -> Tensor:
        dual = _own(rewards, delta)
        lam = dual.multiplier.repeat_interleave(rewards.shape[1])[:, None] if priced else 1.0
        log_ratio = (logp if attached else logp.detach()) - logp_mu
        bracket = lam * (dual.target.view(-1, 1) - inside(log_ratio * mask, mask))
        each = mask / mask.sum(1, keepdim=True) if divide else mask
        return -(log_ratio.exp() * bracket * logp * each).sum() / len(logp)

    return loss


def _whole(log_ratio: Tensor, mask: Tensor) -> Tensor:
    return log_ratio.sum(1, keepdim=True)


def _first_order(rewards: Tensor, delta: float) -> Dual:
    mean = rewards.mean(1, keepdim=True)
    multiplier = rewards.std(1, keepdim=True, correction=0) / (2 * delta) ** 0.5
    target = ((rewards - mean) / multiplier).nan_to_num()
    return Dual(multiplier, mean, target, torch.zeros_like(multiplier).bool())


def _standardised(rewards: Tensor, delta: float) -> Dual:
    return _own(
        (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-6), delta
    )


check_objective = InTheLoop(
    "Is `objective(logp, logp_mu, rewards, mask, delta)` QUATRO's loss: tokens summed, "
    "completions averaged?",
    truth=_library,
    start="dial",
    rollout=_batch,
    settings=[(0.1,), (0.02,)],
    praise="A completion that has passed its target moves back, and nothing is clipped.",
    lr=3e-4,
    mistakes=[
        (
            _pulled(lambda rewards, delta: _own(rewards.reshape(1, -1), delta)),
            "one dual is solved for the whole batch here; every row of `rewards` is a prompt with "
            "a dual of its own.",
        ),
        (
            _pulled(_own, pull=0.0),
            "the weight never changes sign: the completion's log-ratio is missing in the bracket. "
            "At the first update it is 0.",
        ),
        (
            _pulled(_own, pull=-1.0),
            "the log-ratio in the bracket has the wrong sign: a completion past its target "
            "moves further.",
        ),
        (
            _pulled(_own, form="regression"),
            "the factor before the bracket is missing: each token's own ratio, which is 1 at the "
            "first update.",
        ),
        (
            _pulled(_own, form="exact"),
            "the factor before the bracket is the whole completion's ratio here; take each "
            "token's own.",
        ),
        (
            _pulled(
                lambda rewards, delta: solve_dual(rewards, delta_kl=delta, direction="forward")
            ),
            "this solves the other direction, KL(μ || π); here KL(π || μ) is wanted.",
        ),
        (
            _pulled(_first_order),
            "this takes the law for small radii, σ/√(2δ), for the multiplier; solve for the root.",
        ),
        (
            _pulled(_standardised),
            "rewards are standardised before the dual here. The targets stay, and every weight is "
            "multiplied by 1/σ.",
        ),
        (
            _with_bracket(_whole, priced=False),
            "the multiplier is missing: the bracket is λ times target minus log-ratio, and λ "
            "differs between prompts.",
        ),
        (
            lambda logp, logp_mu, rewards, mask, delta: _with_bracket(_whole)(
                logp, logp_mu, rewards, torch.ones_like(mask), delta
            ),
            "padding counts here: multiply by `mask` in the completion's log-ratio and in the loss.",
        ),
        (
            _with_bracket(_whole, divide=True),
            "each completion's tokens are averaged here; sum them, because the constraint is on "
            "the whole completion.",
        ),
        (
            _with_bracket(lambda log_ratio, mask: log_ratio),
            "the bracket holds each token's own log-ratio; the constraint is on the completion, "
            "so sum them first.",
        ),
        (
            _with_bracket(
                lambda log_ratio, mask: log_ratio.sum(1, keepdim=True) / mask.sum(1, keepdim=True)
            ),
            "the bracket holds the mean log-ratio of a completion's tokens; take their sum.",
        ),
        (
            _with_bracket(lambda log_ratio, mask: log_ratio.cumsum(1)),
            "the bracket holds the log-ratio up to each token; take that of the whole completion.",
        ),
        (
            _with_bracket(lambda log_ratio, mask: log_ratio.sum(1, keepdim=True).expm1()),
            "the bracket holds a ratio; target and log-ratio are both logarithms.",
        ),
        (
            _with_bracket(_whole, attached=True),
            "the weight is a constant for the gradient: `detach` the log-probs that it is made of.",
        ),
        (
            lambda *rest: _library(*rest) * len(rest[0]) / rest[3].sum(),
            "this is a mean over tokens. Sum over a completion's tokens, then average over "
            "completions.",
        ),
    ],
)
