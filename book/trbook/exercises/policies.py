"""Exercises of chapter 1, policies that write: the policy gradient of two arms, its loss, baselines and their noise."""

from __future__ import annotations

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise, Mistake, Number, Numbers
from trlib.advantages import leave_one_out


def _two_arms(theta: Tensor, reward_left: Tensor, reward_right: Tensor) -> Tensor:
    p = torch.sigmoid(theta)
    return p * (1 - p) * (reward_left - reward_right)


check_two_arms = Exercise(
    "Is `two_arms(theta, reward_left, reward_right)` the derivative of the expected reward in theta?",
    truth=_two_arms,
    inputs=lambda draw: (draw.uniform(-2, 2, 4), draw.uniform(0, 2, 4), draw.uniform(-2, 1, 4)),
    examples=[([0.0, 1.0, -1.0, 3.0], [1.0, 1.0, 0.0, 2.0], [0.0, 1.0, 1.0, -1.0])],
    mistakes=[
        Mistake(
            "expected reward",
            lambda theta, reward_left, reward_right: (
                torch.sigmoid(theta) * reward_left + torch.sigmoid(-theta) * reward_right
            ),
            "this is the expected reward itself; its derivative in `theta` is wanted.",
        ),
        Mistake(
            "derivative in p",
            lambda theta, reward_left, reward_right: reward_left - reward_right,
            "this is the derivative in p; p depends on `theta`, so the chain rule adds p (1 - p).",
        ),
        Mistake(
            "half of the sigmoid's derivative",
            lambda theta, reward_left, reward_right: torch.sigmoid(theta) * (reward_left - reward_right),
            "the derivative of the sigmoid is p (1 - p), not p.",
        ),
        Mistake(
            "the other half",
            lambda theta, reward_left, reward_right: torch.sigmoid(-theta) * (reward_left - reward_right),
            "the derivative of the sigmoid is p (1 - p), not 1 - p, which is that of log p.",
        ),
        Mistake(
            "sum of rewards",
            lambda theta, reward_left, reward_right: (
                torch.sigmoid(theta) * torch.sigmoid(-theta) * (reward_left + reward_right)
            ),
            "as left becomes more probable right becomes less so: the rewards' *difference* counts.",
        ),
        Mistake(
            "steps not averaged",
            lambda theta, reward_left, reward_right: (
                torch.sigmoid(-theta) * reward_left - torch.sigmoid(theta) * reward_right
            ),
            "this adds the steps of the two arms; their mean counts each as often as its arm is pulled.",
        ),
        Mistake(
            "one arm",
            lambda theta, reward_left, reward_right: torch.sigmoid(theta) * torch.sigmoid(-theta) * reward_left,
            "this is the part of the left arm; a pull of the right arm moves `theta` too, by -p times its reward.",
        ),
        Mistake(
            "theta for p",
            lambda theta, reward_left, reward_right: theta * (1 - theta) * (reward_left - reward_right),
            "`theta` stands here where p belongs: p = sigmoid(theta).",
        ),
    ],
    praise="where both arms pay the same it is 0, and where p is near 0 or 1 it nearly is: a policy that is sure of "
    "itself learns slowly.",
)


def _loss(logp: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    return -(advantages * (logp * mask).sum(1)).mean()


def _batch(draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
    """Four completions of one to five tokens."""
    lengths = draw.integers(1, 5, 4)
    lengths[0] = 5  # one fills the row, and the lengths differ whatever is drawn
    lengths[1] = 2
    mask = (torch.arange(5) < lengths[:, None]).double()
    return draw.uniform(-3, -0.1, 4, 5), draw.normal(4), mask


check_loss = Exercise(
    "Is `loss(logp, advantages, mask)` REINFORCE's loss of a batch, with its gradient in `logp`?",
    truth=_loss,
    inputs=_batch,
    gradient="logp",
    examples=[([[-1.0, -2.0], [-0.5, -4.0]], [1.0, -1.0], [[1.0, 1.0], [1.0, 0.0]])],
    mistakes=[
        Mistake(
            "ratio form",
            lambda logp, advantages, mask: _loss((logp - logp.detach()).exp(), advantages, mask),
            "this is the ratio form: e^(logp - logp.detach()) is 1, with the gradient of `logp`. The gradient is "
            "right, the value is another one; weigh `logp` itself.",
        ),
        Mistake(
            "no minus",
            lambda logp, advantages, mask: -_loss(logp, advantages, mask),
            "this is to be raised; a loss is to be lowered, so it has a minus.",
        ),
        Mistake(
            "no mask",
            lambda logp, advantages, mask: _loss(logp, advantages, torch.ones_like(mask)),
            "tokens that the policy did not write count here too: leave out where `mask` is 0.",
        ),
        Mistake(
            "mean over tokens",
            lambda logp, advantages, mask: -(advantages[:, None] * logp * mask).sum() / mask.sum(),
            "this divides by the number of tokens; the mean here is over completions, and tokens are summed.",
        ),
        Mistake(
            "mean of each completion",
            lambda logp, advantages, mask: -(advantages * (logp * mask).sum(1) / mask.sum(1)).mean(),
            "this takes the mean over a completion's tokens; its log-probability is their sum.",
        ),
        Mistake(
            "mean over places",
            lambda logp, advantages, mask: _loss(logp, advantages, mask) / logp.shape[1],
            "this divides by the places of the whole array, padding included; sum each completion's tokens, then "
            "take the mean over completions.",
        ),
        Mistake(
            "mean of pairs",
            lambda logp, advantages, mask: -advantages.mean() * (logp * mask).sum(1).mean(),
            "every advantage meets every completion here: `[B]` times `[B, 1]` spreads to `[B, B]`. Multiply two "
            "arrays `[B]`.",
        ),
        Mistake(
            "probability of a token",
            lambda logp, advantages, mask: -(advantages * (logp.exp() * mask).sum(1)).mean(),
            "this weighs probabilities of tokens; the policy gradient weighs their logarithms.",
        ),
        Mistake(
            "sum over completions",
            lambda logp, advantages, mask: len(logp) * _loss(logp, advantages, mask),
            "this sums over the completions; take their mean.",
        ),
        Mistake(
            "probability",
            lambda logp, advantages, mask: -(advantages * (logp * mask).sum(1).exp()).mean(),
            "this weighs the probability of a completion; the policy gradient weighs its logarithm.",
        ),
    ],
    praise="its value says nothing of how good the policy is: only its gradient means something.",
)


def _others(rewards: Tensor) -> Tensor:
    return leave_one_out(rewards, torch.zeros(len(rewards), dtype=torch.long))


check_leave_one_out = Exercise(
    "Is `leave_one_out(rewards)` each reward minus the mean of the other rewards of its group?",
    truth=_others,
    inputs=lambda draw: (draw.uniform(0, 2, 5),),
    examples=[([1.0, 0.0, 0.0, 0.0],), ([1.0, 1.0, 1.0],)],
    mistakes=[
        Mistake(
            "group mean",
            lambda rewards: rewards - rewards.mean(),
            "the mean here contains the completion itself; take it over the others.",
        ),
        Mistake(
            "divided by G",
            lambda rewards: rewards - (rewards.sum() - rewards) / len(rewards),
            "the others are one fewer: divide their sum by G - 1.",
        ),
        Mistake(
            "own reward in the sum",
            lambda rewards: rewards - rewards.sum() / (len(rewards) - 1),
            "the sum still contains the completion's own reward; take it out before dividing by G - 1.",
        ),
        Mistake(
            "turned factor",
            lambda rewards: (rewards - rewards.mean()) * (len(rewards) - 1) / len(rewards),
            "the factor is turned around: without its own reward the baseline is further away, so G/(G - 1).",
        ),
        Mistake(
            "divided by the deviation",
            lambda rewards: (rewards - rewards.mean()) / (rewards.std() + 1e-8),
            "this divides by the group's standard deviation; nothing is divided here; only the mean is another.",
        ),
        Mistake(
            "sum of the others",
            lambda rewards: rewards - (rewards.sum() - rewards),
            "this subtracts the others' sum; subtract their mean.",
        ),
        Mistake(
            "turned sign",
            lambda rewards: -_others(rewards),
            "the sign is turned: a reward above the others has a positive advantage.",
        ),
        Mistake(
            "others' mean",
            lambda rewards: (rewards.sum() - rewards) / (len(rewards) - 1),
            "this is the others' mean itself; subtract it from the reward.",
        ),
    ],
    praise="it is G/(G - 1) times the reward minus the group's mean: the same direction, a little longer.",
)

check_variance = Numbers(
    "The variance of one sample's step at p = 1/4: without a baseline, and with the baseline p.",
    without=Number(
        27 / 256,
        {
            9 / 64: "that is the mean of the squared steps; the variance is that minus the squared mean step.",
            3 / 16: "that is the mean step, p (1 - p), which is the gradient.",
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
            3 / 16: "that is the mean step, which no baseline changes.",
        },
    ),
    rtol=5e-3,
    praise="less than half, from subtracting one number. At p = 1/2 the baseline takes all of it away: right and wrong "
    "then give the same step.",
)

check_minus_one = Numbers(
    "With -1 for a wrong completion and the group's mean as baseline: how many times as large is every advantage?",
    times=Number(
        2.0,
        {
            1.0: "the baseline takes a constant away, not a factor: right and wrong are now 2 apart, not 1.",
            -1.0: "no sign turns: a right completion stays above its group's mean.",
            -2.0: "no sign turns: a right completion stays above its group's mean.",
            0.5: "turned around: right and wrong are now 2 apart; they were 1.",
        },
    ),
    praise="the new reward is 2 R - 1. The baseline takes the 1 away. The 2 doubles every gradient, and AdamW, which "
    "divides each gradient by its usual size, takes nearly the same steps.",
)
