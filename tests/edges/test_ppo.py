"""PPO and PG-IS: the eight corners of the clip by hand, an independent formula, the limits."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.losses import at
from trlib.algorithms import ppo_loss


def losses(ratios, advantages, **settings):
    """(loss, weight, kept) of one row of tokens, by ratio and advantage."""
    found = ppo_loss(**at(ratios, advantages), **settings)
    parts = found.per_token, found.diagnostics["weight"], found.diagnostics["kept"]
    return tuple(part[0].tolist() for part in parts)


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
