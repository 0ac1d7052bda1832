"""The gallery's advantages and values: OPO, a critic's quantiles, updates that are learned."""

import pytest
import torch

from tests.losses import D, close, refused, tensor
from trlib.relatives.values import dvpo_value, iterative_amortized_step, quantile_loss

# ---- OPO


# ---- AsymRE


# ---- DVPO


def test_the_quantile_loss_by_hand():
    q = torch.tensor([0.0, 1.0], dtype=D, requires_grad=True)  # the levels are 1/4 and 3/4
    loss = quantile_loss(q, tensor(0.6))
    assert float(loss.detach()) == pytest.approx((0.25 * 0.6 + 0.25 * 0.4) / 2)
    close(torch.autograd.grad(loss, q)[0], [-0.125, 0.125])
    refused(r"target: expected \[3\], got \[2\]", quantile_loss, torch.zeros(3, 4), torch.zeros(2))


def test_the_shaped_value_by_hand():
    q = tensor([4.0, 0.0, 2.0, 1.0])  # sorted 0 1 2 4; median 1.5; tails at 1/8 and 7/8
    assert float(dvpo_value(q)) == pytest.approx((1.5 - 0.3 * 1.5 + 1 + 2 + 1.5 + 1.2 * 2.5) / 4)
    assert float(dvpo_value(q, c_low=1.0, c_up=1.0)) == pytest.approx(float(q.mean()))
    assert float(dvpo_value(q, alpha=0.5, c_low=0.0, c_up=0.0)) == pytest.approx(1.5)
    assert float(dvpo_value(q, worst=True)) == 0.0


# ---- iterative amortisation

STATES = torch.linspace(-2, 2, 401, dtype=D).unsqueeze(-1)


def gain(action):
    """-(a - sin 3s)², of each state."""
    return -(action - (3 * STATES).sin()).square().squeeze(-1)


def test_only_the_net_learns_and_several_steps_are_the_loop():
    start, rate = STATES.clone().requires_grad_(), torch.tensor(0.25, dtype=D, requires_grad=True)
    net = lambda at, slope: rate * slope  # noqa: E731
    once = iterative_amortized_step(start, gain, net)
    by_start, by_rate = torch.autograd.grad(once.sum(), (start, rate))
    assert bool((by_start == 1).all()), (
        "the gradient that the net reads is not differentiated again"
    )
    close(by_rate, (-2 * (STATES - (3 * STATES).sin())).sum())
    twice = iterative_amortized_step(once, gain, net)
    close(gain(twice), gain(start) / 16)


# ---- all of them
