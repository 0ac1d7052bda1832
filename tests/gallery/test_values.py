"""The gallery's advantages and values: OPO, a critic's quantiles, updates that are learned."""

import torch

from tests.losses import D, close
from trlib.relatives.values import iterative_amortized_step

# ---- DVPO


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
