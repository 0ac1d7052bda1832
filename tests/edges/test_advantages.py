"""Advantages: numbers by hand, laws, and an independent formula for GAE."""

import math
from functools import partial
from math import sqrt
from statistics import mean, variance

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import recompute
from tests.losses import D, batch, close, slope, tensor
from trlib.advantages import (
    ADVANTAGES,
    batch_relative,
    gae,
    group_relative,
    leave_one_out,
    length_weighted,
    normalized_sum,
)
from trlib.algorithms import REINFORCE, Correction

BASELINES = {
    "std": group_relative,
    "mean": partial(group_relative, scale=None),
    "loo": leave_one_out,
    "length": lambda rewards, group: length_weighted(
        rewards, torch.arange(1, len(rewards) + 1), group
    ),
    "max-rl": lambda rewards, group: group_relative(rewards.abs(), group, scale="mean"),
    "batch": lambda rewards, _: batch_relative(rewards, torch.arange(len(rewards))),
    "gdpo": lambda rewards, group: normalized_sum(
        rewards.unsqueeze(1).expand(-1, 2), torch.arange(len(rewards)), group
    ),
}


REWARDS = [1.0, 2.0, -1.0, 0.0, 1.0, 2.0, 0.5, -1.0, 4.0, 1.0]
GROUP = [3, 7, 8, 3, 5, 8, 3, 8, 7, 5]
LENGTHS = [1, 0, 0, 2, 1, 3, 1, 1, 0, 2]
# By groups: 1, 0 and .5, variance 1/4; 2 and 4, variance 2; -1, 2 and -1, variance 3; all right.
MEAN = [0.5, -1.0, -1.0, -0.5, 0.0, 2.0, 0.0, -1.0, 1.0, 0.0]
TOKENS = [x for x, n in zip(REWARDS, LENGTHS, strict=True) for _ in range(n)]
CENTRED = [x for x, n in zip(MEAN, LENGTHS, strict=True) for _ in range(n)]


def standardised(values, tokens):
    """By the standard library, over a list that holds every completion once for each token."""
    return [(x - mean(tokens)) / sqrt(variance(tokens) + 1e-8) for x in values]


STD = tensor([0.25, 2, 3, 0.25, 0, 3, 0.25, 3, 2, 0]).sqrt() + 1e-6
PUSHES = {
    "group-mean": MEAN,
    "group-std": (tensor(MEAN) / STD).tolist(),
    "leave-one-out": [0.75, -2.0, -1.5, -0.75, 0.0, 3.0, 0.0, -1.5, 2.0, 0.0],
    # The means are (1 + 0 + .5) / 4, (0 + 6 - 1) / 4, 1, and 3 where nothing was written.
    "length-weighted": [0.625, -1.0, -2.25, -0.375, 0.0, 0.75, 0.125, -2.25, 1.0, 0.0],
    "reinforce-pp": standardised(REWARDS, TOKENS),
    "reinforce-pp-baseline": standardised(MEAN, CENTRED),
    "right-only": [0.5, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 1.0, 0.0],
    "wrong-only": [0.0, -1.0, -1.0, -0.5, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0],
    "reward": REWARDS,
    "mixed-reward": [1.0, 2.0, -1.0, 0.0, 0.0, 2.0, 0.5, -1.0, 4.0, 0.0],
    "plus-minus": [1.0, 3.0, -3.0, -1.0, 1.0, 3.0, 0.0, -3.0, 7.0, 1.0],
}


@pytest.mark.parametrize("name", sorted({*ADVANTAGES} - {"max-rl"}))
def test_pushes_by_hand(name):
    """And a shift comes before a correction, here of a sampler at half, 1.5 and four times."""
    mask = torch.arange(3) < torch.tensor(LENGTHS).unsqueeze(-1)
    old = tensor([0.5, 1.5, 4.0]).log().expand(10, 3) - 2
    given = {"rewards": tensor(REWARDS), "group": torch.tensor(GROUP), "logp_old": old}
    held, push = batch(mask, **given, logp_rollout=0 * old - 2), tensor(PUSHES[name]).unsqueeze(-1)
    close(REINFORCE(advantage=name).prepare(held).advantages, push.expand(10, 3), 1e-14)
    shifted = REINFORCE(advantage=name, shift=0.25, correction=Correction(cap=2.0)).prepare(held)
    factor = torch.where(mask, tensor([0.5, 1.5, 2.0]), 1.0)
    close(shifted.advantages, (push + 0.25) * factor, 1e-14)


def test_maxrl_averages_the_scores_of_right_completions():
    """Its gradient is that mean, less the mean score of all: with four completions, one of them
    right, (3, -1, -1, -1) / 4 = (1, 0, 0, 0) - 1/4. A group without a right one gives nothing."""
    rewards, group = tensor([1, 0, 0, 0, 0, 0, 1, 1]), torch.tensor([4, 4, 4, 4, 9, 9, 1, 1])
    found = group_relative(rewards, group, scale="mean")
    assert found.tolist() == [3.0, -1.0, -1.0, -1.0, 0.0, 0.0, 0.0, 0.0]
    held = batch(torch.ones(8, 3) > 0, rewards=rewards, group=group)
    close(REINFORCE(advantage="max-rl").prepare(held).advantages[:, 0], found, 1e-14)


ONCE = torch.ones(4, dtype=torch.int64)


def test_gdpo_keeps_what_a_sum_loses():
    """Two rewards of four completions, one in twelve times the other's unit. Added first, the
    large one decides; normalised first, both count alike. By hand: each has mean 1/2 and variance
    1/3, so the sums are 2, 0, 0 and -2 times the root of 3 / 4, whose variance is 2."""
    rewards, group = tensor([[12, 1], [12, 0], [0, 1], [0, 0]]), torch.zeros(4, dtype=torch.int64)
    found = normalized_sum(rewards, ONCE, group)
    close(found, tensor([1.5, 0, 0, -1.5]).sign() * sqrt(1.5), 1e-5)
    summed = group_relative(rewards.sum(1), group)
    assert summed[1] > 0.7 and summed[2] < -0.7, "the small reward hardly counts"
    weighted = normalized_sum(rewards, ONCE, group, weights=[1.0, 0.0])
    close(weighted, batch_relative(group_relative(rewards[:, 0], group), ONCE), 1e-12)


@pytest.mark.parametrize("name", BASELINES)
def test_equal_rewards_teach_exactly_nothing(name):
    group = torch.tensor([0] * 7 + [1] * 4)
    for dtype in (torch.bfloat16, torch.float32, D):
        for value in (0.1, 1 / 3, -1e30, 1e-30):
            rewards = torch.full((11,), value, dtype=dtype, requires_grad=True)
            advantages = BASELINES[name](rewards, group)
            assert (advantages == 0).all() and slope(advantages, rewards).isfinite().all()
            assert advantages.dtype == torch.promote_types(dtype, torch.float32)


def test_large_rewards_keep_their_digits():
    rewards = tensor([1e9, 1e9 + 1, 1e9 + 2])
    assert group_relative(rewards, torch.zeros(3, dtype=torch.int64), scale=None).tolist() == [
        -1.0,
        0.0,
        1.0,
    ]
    # float32 cannot hold 1e9 + 1; its own differences are still exact.
    assert leave_one_out(torch.tensor([1e9, 1e9 + 128]), torch.tensor([0, 0])).tolist() == [
        -128.0,
        128.0,
    ]


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 4), st.integers(1, 7), st.integers(0, 2**31), st.floats(0, 1), st.floats(0, 1)
)
def test_gae_skips_masked_tokens(b, t, seed, gamma, lam):
    generator = torch.Generator().manual_seed(seed)
    rewards = torch.randn(b, t, generator=generator, dtype=D)
    values = torch.randn(b, t, generator=generator, dtype=D)
    mask = torch.rand(b, t, generator=generator) < 0.6
    junk = [math.nan, math.inf][seed % 2]
    advantages, returns = gae(
        rewards.masked_fill(~mask, junk),
        values.masked_fill(~mask, junk),
        mask,
        gamma=gamma,
        lam=lam,
    )
    assert (advantages[~mask] == 0).all() and (returns[~mask] == 0).all()
    held = {"values": values.numpy(), "mask": mask.numpy()}
    for found, expected in zip(
        (advantages, returns), recompute.gae(rewards.numpy(), held, gamma, lam), strict=True
    ):
        close(found, torch.from_numpy(expected), 1e-12)
