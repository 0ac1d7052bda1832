"""A batch on states that share features: the step by hand, distances, and requests that make no
sense."""

import pytest
import torch

from trbook.states import states, states_step
from trlib.algorithms import PGIS, TRPO

X, ADVANTAGES = states(0, count=4, actions=3, features=2)


def test_a_problem_is_drawn_from_its_seed():
    assert torch.equal(X, states(0, count=4, actions=3, features=2)[0])
    assert not torch.equal(X, states(1, count=4, actions=3, features=2)[0])
    torch.testing.assert_close(ADVANTAGES.mean(1), torch.zeros(4, dtype=torch.float64))


def test_one_use_is_the_exact_policy_gradient():
    """At the uniform policy the slope in state s's logits is A(s) / K, a mean over states and
    features."""
    found = states_step(PGIS(), X, ADVANTAGES, uses=1, lr=0.7)
    W = 0.7 * (ADVANTAGES / 3).T @ X / 4
    pi = (X @ W.T).softmax(-1)
    assert found.gain == pytest.approx(float((pi * ADVANTAGES).sum(1).mean()))
    torch.testing.assert_close(found.kl, (pi.new_tensor(1 / 3) * (1 / 3 / pi).log()).sum(1))
    assert torch.equal(found.before, found.kl) and found.path == [float(found.kl.max())]


def test_trpo_s_step_has_its_radius():
    found = states_step(TRPO(delta_kl=0.05, damping=1e-6, fisher_rows=None), X, ADVANTAGES, uses=1)
    assert 0.03 < float(found.kl.mean()) <= 0.05 and found.path == []
