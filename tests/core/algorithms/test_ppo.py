"""PPO and PG-IS: the eight corners of the clip by hand, an independent formula, the limits."""

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.losses import at, close, noise
from trlib.algorithms import pg_is_loss, ppo_loss


def losses(ratios, advantages, **settings):
    """(loss, weight, kept) of one row of tokens, by ratio and advantage."""
    found = ppo_loss(**at(ratios, advantages), **settings)
    parts = found.per_token, found.diagnostics["weight"], found.diagnostics["kept"]
    return tuple(part[0].tolist() for part in parts)


def test_the_corners_by_hand():
    ratios = [0.5, 0.5, 1.1, 1.1, 1.5, 1.5, 0.9, 0.9]
    advantages = [2.0, -2.0] * 4
    loss, weight, kept = losses(ratios, advantages)
    # r is small, inside, large and inside again, each with A > 0 and A < 0; the clips are .8 and 1.2.
    assert loss == pytest.approx([-1.0, 1.6, -2.2, 2.2, -2.4, 3.0, -1.8, 1.8])
    assert weight == pytest.approx([1.0, 0.0, 2.2, -2.2, 0.0, -3.0, 1.8, -1.8])
    assert kept == [True, False, True, True, False, True, True, True]


def test_dual_clip_by_hand():
    loss, weight, kept = losses([2.0, 3.5, 3.5, 0.1], [-1.0, -1.0, 1.0, -1.0], dual_clip=3.0)
    assert loss == pytest.approx([2.0, 3.0, -1.2, 0.8])
    assert weight == pytest.approx([-2.0, 0.0, 0.0, 0.0])
    assert kept == [True, False, False, False]


@settings(max_examples=100, deadline=None)
@given(
    st.floats(-6, 6),
    st.floats(-3, 3),
    st.floats(0, 1),
    st.floats(0, 2),
    st.sampled_from([None, 1.5, 3.0]),
)
def test_the_formula_of_the_paper(log_ratio, advantage, eps_low, eps_high, dual_clip):
    assume(not (0.5 <= eps_low < 1 < eps_high))  # refused: it looks like a window's bounds
    ratio, window = math.exp(log_ratio), {"eps_low": eps_low, "eps_high": eps_high}
    found = ppo_loss(**at(ratio, advantage, -7.0), **window, dual_clip=dual_clip)
    expected = -min(ratio * advantage, min(max(ratio, 1 - eps_low), 1 + eps_high) * advantage)
    if dual_clip is not None and advantage < 0:
        expected = min(expected, -dual_clip * advantage)
    assert found.per_token.item() == pytest.approx(expected, rel=1e-12, abs=1e-300)


def test_an_open_window_is_pg_is():
    for seed in range(4):
        logp, old, advantages = noise(3, 2, 5, seed=seed)
        given = {"advantages": advantages, "mask": torch.ones(2, 5) > 0}
        plain = pg_is_loss(logp - 6, old - 6, **given)
        close(plain.per_token, -(logp - old).exp() * advantages)
        wide = ppo_loss(logp - 6, old - 6, **given, eps_low=1.0, eps_high=math.inf)
        close(wide.per_token, plain.per_token, 1e-13)
        for name, value in wide.diagnostics.items():
            close(value.double(), plain.diagnostics[name].double(), 1e-13)
