"""GRPO, Dr.GRPO, DAPO: what each preset changes, shown on one batch by hand."""

import math

import pytest
import torch

from tests.losses import D, batch, close, tensor
from trlib.advantages import group_relative
from trlib.algorithms import (
    DAPO,
    Scores,
)
from trlib.algorithms.grpo import overlong_penalty

LENGTHS = [1, 3, 2, 4]
MASK = torch.arange(4) < torch.tensor(LENGTHS).unsqueeze(-1)


def given(rewards=(1.0, 0.0, 1.0, 0.0), **changes):
    logp = torch.full((4, 4), -1.0, dtype=D)
    known = {"logp_rollout": logp, "logp_old": logp, "group": torch.tensor([0, 0, 1, 1])}
    known["horizon"] = 10
    return batch(MASK, rewards=tensor(rewards), **known | changes)


def total(method, b, logp=None):
    prepared = method.prepare(b)
    result = method.objective(Scores(b.logp_rollout if logp is None else logp), prepared)
    return method.loss(result.per_token, prepared).item()


def test_dapo_leaves_out_groups_with_equal_rewards():
    # The second group drops out of the divisor too: 4 tokens instead of 10.
    b = given(rewards=(1.0, 0.0, 1.0, 1.0))
    prepared = DAPO(overlong_buffer=0).prepare(b)
    assert (
        prepared.mask.tolist() == (MASK & torch.tensor([[True], [True], [False], [False]])).tolist()
    )
    a = 0.5 / (math.sqrt(0.5) + 1e-6)
    assert total(DAPO(overlong_buffer=0), b) == pytest.approx(-a * (1 - 3) / 4)
    assert torch.equal(prepared.rewards, b.rewards)
    nothing = given(rewards=(1.0, 1.0, 0.0, 0.0))
    assert not DAPO().prepare(nothing).mask.any() and total(DAPO(), nothing) == 0


def test_dapo_judges_a_group_by_the_verifier_not_by_its_lengths():
    # Horizon 4: the lengths 2 and 4 differ in their penalty, but both are right.
    b = given(rewards=(1.0, 0.0, 1.0, 1.0), horizon=4)
    assert not DAPO(overlong_buffer=0.5).prepare(b).mask[2:].any()


def test_soft_overlong_by_hand():
    # Limit 4, the last half soft: 2 tokens cost nothing, 3 half, 4 (the limit) all.
    b = given(horizon=4)
    assert overlong_penalty(b, 0.5).tolist() == [0.0, 0.5, 0.0, 1.0]
    assert overlong_penalty(b, 0).tolist() == [0.0] * 4
    assert overlong_penalty(b, 1).tolist() == [0.25, 0.75, 0.5, 1.0]
    # The paper's 16,384 + 4,096 tokens: 18,432 tokens are half way through the buffer.
    prepared = DAPO(overlong_buffer=0.5).prepare(b)
    shaped = tensor([1.0, -0.5, 1.0, -1.0])
    close(prepared.advantages[:, 0], group_relative(shaped, b.group))
    # An expert's prefix counts to the length.
    forced = torch.zeros(4, 4, dtype=torch.bool)
    forced[0, 1:] = True
    assert overlong_penalty(given(horizon=4, forced=forced), 0.5).tolist() == [1.0, 0.5, 0.0, 1.0]
