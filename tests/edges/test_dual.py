"""QUATRO's dual against independent roots, and its limits."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.losses import D, close, noise, tensor
from trlib.algorithms.dual import solve_dual


def reached(dual, direction):
    """[N] the divergence between the targets' policy and the uniform sample, summed so that no term
    cancels."""
    t, moved = dual.target, torch.expm1(dual.target)
    return (t * t.exp() - moved if direction == "backward" else moved - t).mean(-1)


@given(
    seed=st.integers(0, 10**6),
    log_delta=st.floats(-12, 1),
    log_scale=st.floats(-3, 3),
    binary=st.booleans(),
    direction=st.sampled_from(["backward", "forward"]),
)
@settings(max_examples=60, deadline=None)
def test_the_targets_are_a_policy_at_the_radius(seed, log_delta, log_scale, binary, direction):
    """The one of its form, by λ and the offset: so both are the dual's root."""
    rewards = noise(5, 16, seed=seed)
    rewards = ((rewards > 0.5).double() if binary else rewards) * 10**log_scale
    delta = math.exp(log_delta)
    dual = solve_dual(rewards, delta_kl=delta, lambda_min=1e-7, direction=direction)
    live = dual.multiplier > 0
    assert torch.equal(live, (rewards != rewards[:, :1]).any(-1))
    close(dual.target.exp().mean(-1), torch.ones(5, dtype=D), 1e-09)
    multiplier, above = dual.multiplier.unsqueeze(-1), rewards - dual.offset.unsqueeze(-1)
    form = above / multiplier if direction == "backward" else (multiplier / -above).log()
    close(dual.target[live], form[live], 1e-6)
    tight = live & ~dual.floored
    close(reached(dual, direction)[tight], torch.full_like(dual.offset, delta)[tight], 1e-08)
    assert bool((reached(dual, direction) <= delta * (1 + 1e-8)).all())


def test_a_radius_out_of_reach_stops_at_the_floor_and_says_so():
    rewards = tensor([[1.0] * 6 + [0.0] * 2, [1.0] + [0.0] * 7])
    reach = math.log(8 / 6)
    below = solve_dual(rewards, delta_kl=reach * 0.99, lambda_min=1e-2)
    above = solve_dual(rewards, delta_kl=reach * 1.01, lambda_min=1e-2)
    assert below.floored.tolist() == [False, False]
    assert above.floored.tolist() == [True, False]
    assert above.multiplier[0].item() == 1e-2
    close(above.target[0], (rewards[0] - above.offset[0]) / 1e-2)
    close(reached(above, "backward")[0], reach)
    assert not solve_dual(rewards, delta_kl=5.0, direction="forward").floored.any()


def test_two_rewards_that_are_nearly_equal_reach_a_radius_near_the_largest():
    """Newton's step leaves the bracket here, so it is halved."""
    delta = 0.9 * math.log(3)
    dual = solve_dual(tensor([[0.0, 1.0, 1.001]]), delta_kl=delta, lambda_min=1e-6)
    close(reached(dual, "backward"), delta, 1e-8)


@pytest.mark.parametrize(
    ("dtype", "rewards", "delta", "floored"),
    [
        (D, [0.0, 1.0], 149.0, False),
        (D, [0.0, 1.0], 151.0, True),
        (D, [0.0, 1.0, 1.0, 1.0], 76.0, True),
        (torch.float32, [0.0, 1.0], 40.0, False),
        (torch.bfloat16, [0.0, 1.0], 100.0, True),
    ],
)
def test_a_forward_radius_beyond_the_type_is_floored_and_lambda_stays_above_0(
    dtype, rewards, delta, floored
):
    dual = solve_dual(torch.tensor([rewards], dtype=dtype), delta_kl=delta, direction="forward")
    assert dual.floored.item() is floored and dual.multiplier.item() > 0
    kl = reached(dual, "forward").item()
    assert kl < delta if floored else kl == pytest.approx(delta, rel=1e-5)
    assert bool(torch.isfinite(dual.target).all())
