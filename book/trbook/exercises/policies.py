"""Exercises of chapter 1, policies that write: the policy gradient of two arms, a baseline and its
noise, three logs of broken loops, and an update of one's own that trains `dial`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from trbook.exercises.built import Built, movements
from trbook.exercises.check import Exercise, Number, Numbers
from trbook.rollout import rollout
from trlib.advantages import group_relative, leave_one_out
from trlib.model.completions import Completions
from trlib.model.policy import Policy, load_policy


def _two_arms(theta: Tensor, reward_left: Tensor, reward_right: Tensor) -> Tensor:
    p = torch.sigmoid(theta)
    return p * (1 - p) * (reward_left - reward_right)


def _wrong_two_arms(theta, reward_left, reward_right):
    left, right = torch.sigmoid(theta), torch.sigmoid(-theta)
    gap = reward_left - reward_right
    return [
        (
            left * reward_left + right * reward_right,
            "this is the expected reward itself; the exercise asks for its derivative in `theta`.",
        ),
        (
            gap,
            "this is the derivative in p; p depends on `theta`, so the chain rule adds a factor p "
            "(1 - p).",
        ),
        (left * gap, "the derivative of the sigmoid is p (1 - p), not p."),
        (
            right * gap,
            "the derivative of the sigmoid is p (1 - p), not 1 - p, which is that of log p.",
        ),
        (
            left * right * (reward_left + reward_right),
            "as left becomes more probable, right becomes less so: what counts is the "
            "*difference* of the rewards.",
        ),
        (
            right * reward_left - left * reward_right,
            "this adds the steps of the two arms; their mean counts each as often as its arm is "
            "pulled.",
        ),
        (
            left * right * reward_left,
            "this is the part of the left arm; a pull of the right arm moves `theta` too, by -p "
            "times its reward.",
        ),
        (theta * (1 - theta) * gap, "this has `theta` in place of p: p = sigmoid(theta)."),
    ]


check_two_arms = Exercise(
    "Is `two_arms(theta, reward_left, reward_right)` the derivative of the expected reward in "
    "theta?",
    truth=_two_arms,
    inputs=lambda draw: (draw.uniform(-2, 2, 4), draw.uniform(0, 2, 4), draw.uniform(-2, 1, 4)),
    examples=[([0.0, 1.0, -1.0, 3.0], [1.0, 1.0, 0.0, 2.0], [0.0, 1.0, 1.0, -1.0])],
    wrong=_wrong_two_arms,
    praise="it is 0 where both arms pay the same, and nearly 0 where p is near 0 or 1: a policy "
    "that is sure of itself learns slowly.",
)


def _loss(logp: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    return -(advantages * (logp * mask).sum(1)).mean()


check_variance = Numbers(
    "What is the variance of one sample's step at p = 1/4, without a baseline and with the "
    "baseline p?",
    without=Number(
        27 / 256,
        {
            9 / 64: "that is the mean of the squared steps; the variance is that minus the squared "
            "mean step.",
            3
            / 16: "that is p (1 - p): the mean step, and the variance of the reward. The step varies, too.",
            27**0.5 / 16: "that is the standard deviation; the variance is its square.",
            9 / 256: "that is the squared mean step; the variance is the mean square minus it.",
            3 / 64: "that is the variance with the baseline.",
        },
    ),
    with_baseline=Number(
        3 / 64,
        {
            21 / 256: "that is the mean of the squared steps; subtract the squared mean step.",
            27 / 256: "that is the variance without a baseline.",
            3**0.5 / 8: "that is the standard deviation; the variance is its square.",
            9 / 256: "that is the squared mean step; the variance is the mean square minus it.",
            3
            / 16: "that is p (1 - p): the mean step, which no baseline changes, and the variance of the "
            "reward.",
        },
    ),
    rtol=5e-3,
    praise="subtracting one number leaves less than half of the variance. At p = 1/2 the baseline "
    "takes all of it away: right and wrong then give the same step.",
)

NO_MINUS, RATE, OTHER_PROMPTS, LONE = 1.0, 2.0, 3.0, 4.0
"""The faults that the three logs of broken loops may have, by their numbers in the chapter."""

check_logs = Numbers(
    "What is the fault behind log A, log B and log C: 1, 2, 3 or 4?",
    A=Number(
        NO_MINUS,
        {
            RATE: "the learning rate was thirty times too large in the log whose reward rises first "
            "and then collapses.",
            OTHER_PROMPTS: "A's first reward is that of the base model, so its answers are "
            "judged correctly.",
            LONE: "without a difference inside a group nothing moves, and A's reward falls from "
            "batch to batch.",
        },
    ),
    B=Number(
        RATE,
        {
            NO_MINUS: "B's reward doubles within five batches: at first this loop goes the right "
            "way.",
            OTHER_PROMPTS: "B's first reward is that of the base model, so its answers are "
            "judged correctly.",
            LONE: "B's first gradients are not 0. They are 0 later, when every completion has the reward 0.",
        },
    ),
    C=Number(
        OTHER_PROMPTS,
        {
            NO_MINUS: "a loop that goes downhill writes shorter completions; C's grow from five "
            "tokens to nine.",
            RATE: "look at length and reward together: this policy learns to write its steps, and "
            "the reward does not rise with them.",
            LONE: "without a difference inside a group the gradient is 0; C's is small, and its "
            "completions grow.",
        },
    ),
    praise="the reward alone would not have told C from A. Log the length, the gradient's norm "
    "and, now and then, an evaluation by other code.",
)


@cache
def _sampled() -> tuple[tuple[Completions, Tensor], ...]:
    """Three batches of the base model, four prompts with eight completions each, and their
    rewards."""
    policy = load_policy("dial")
    return tuple(rollout(policy, seed, prompts=4) for seed in (7, 8, 9))


def _movements(update: Callable[..., Any]) -> Tensor:
    return movements("dial", 0.05, update, _sampled())


def _learns(update: Callable[..., Any], batches: int = 12) -> str:
    """Trains with AdamW, and reports how the reward changed."""
    policy = load_policy("dial")
    optimizer = torch.optim.AdamW(policy.parameters, lr=5e-4, weight_decay=0.0)
    means = []
    for seed in range(batches):
        batch, rewards = rollout(policy, seed, prompts=16)
        update(policy, optimizer, batch, rewards)
        means.append(float(rewards.mean()))
    return (
        "your update agrees with ours three times, and it has just trained the model: from a "
        f"reward of {means[0]:.2f} in the first of {batches} batches to {means[-1]:.2f} in the "
        "last (16 prompts x 8 completions, AdamW at a learning rate of 5e-4, one epoch per batch)."
    )


def _centred(rewards: Tensor, group: Tensor) -> Tensor:
    return group_relative(rewards, group, scale=None)


def _step(
    advantages: Callable[[Tensor, Tensor], Tensor] = _centred,
    loss: Callable[..., Tensor] = _loss,
    *,
    clear: bool = True,
    times: int = 1,
) -> Callable[..., Any]:
    """REINFORCE's boxes two to four, or a variant of them."""

    def update(
        policy: Policy, optimizer: torch.optim.Optimizer, batch: Completions, rewards: Tensor
    ) -> None:
        for _ in range(times):
            value = loss(policy.score(batch).logp, advantages(rewards, batch.group), batch.mask)
            if clear:
                optimizer.zero_grad()
            value.backward()
            optimizer.step()

    return update


check_update = Built(
    "Does `update(policy, optimizer, batch, rewards)` take one step of REINFORCE with the group's "
    "mean as baseline?",
    truth=_step(),
    trace=_movements,
    mistakes=[
        (_step(loss=lambda *a: -_loss(*a)), "your update goes downhill: the loss has a minus."),
        (
            _step(lambda rewards, group: rewards),
            "the reward itself stands where the advantage belongs: subtract the group's mean.",
        ),
        (
            _step(lambda rewards, group: rewards - rewards.mean()),
            "this subtracts the mean of the whole batch; each prompt's group has a mean of its "
            "own, by `batch.group`.",
        ),
        (
            _step(leave_one_out),
            "this subtracts the mean of the *others*. That is a good method, and its steps are "
            "8/7 as long; here the mean of the whole group is wanted.",
        ),
        (
            _step(
                lambda rewards, group: (
                    _centred(rewards, group)
                    / (torch.stack([rewards[group == g].std() for g in group]) + 1e-4)
                )
            ),
            "this divides by the group's standard deviation, as GRPO does (chapter 5); here "
            "nothing is divided.",
        ),
        (
            _step(
                lambda rewards, group: (rewards.view(8, 4) - rewards.view(8, 4).mean(0)).flatten()
            ),
            "each reward is compared with completions of *other* prompts: the completions of a "
            "prompt are adjacent, so that `rewards.view(4, 8)` has a group in each row.",
        ),
        (
            _step(loss=lambda logp, A, mask: -(A[:, None] * logp * mask).sum() / mask.sum()),
            "this divides by the number of tokens. The direction is right; the mean should be "
            "over completions.",
        ),
        (
            _step(loss=lambda logp, A, mask: len(A) * _loss(logp, A, mask)),
            "this sums over the completions; take their mean.",
        ),
        (
            _step(loss=lambda logp, A, mask: _loss(logp, A, torch.ones_like(mask))),
            "padding counts here too: multiply by `batch.mask`.",
        ),
        (
            _step(
                loss=lambda logp, A, mask: _loss(
                    logp, A, mask & (mask.cumsum(1) < mask.sum(1, keepdim=True))
                )
            ),
            "the last token of every completion is left out; the end token is an action too.",
        ),
        (
            _step(loss=lambda logp, A, mask: -(A * (logp * mask).sum(1) / mask.sum(1)).mean()),
            "this takes the mean over a completion's tokens; its log-probability is their sum.",
        ),
        (
            _step(loss=lambda logp, A, mask: -(A * (logp.exp() * mask).sum(1)).mean()),
            "this raises probabilities of tokens; the policy gradient raises their logarithms.",
        ),
        (
            _step(clear=False),
            "the first update is right, but then the old gradients are added to the new ones: "
            "`optimizer.zero_grad()`.",
        ),
        (
            _step(times=2),
            "this takes two steps from one batch; for the second one the data are old. Chapter 2 "
            "asks what that costs.",
        ),
    ],
    praise=_learns,
)
