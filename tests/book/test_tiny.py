"""The policy that can be listed: its tree, exact advantages, the lemma and the bound on random
policies, the tilt."""

import pytest
import torch
from scipy.optimize import minimize

from trbook.tiny import Tiny, discounted_penalty, penalty, tilt

TINY = Tiny(tokens=3, length=3)
F64 = torch.float64


def pair(seed):
    """Old and new logits, and rewards between 0 and 1."""
    draw = torch.Generator().manual_seed(seed)
    far = 10 ** float(torch.empty(1).uniform_(-2, 0.5, generator=draw))
    old = TINY.random(seed)
    return (
        old,
        old + far * TINY.random(seed + 1000),
        torch.rand(len(TINY), generator=draw, dtype=F64),
    )


def test_completions_and_their_prefixes():
    assert len(TINY) == 27 and TINY.states == 1 + 3 + 9
    assert TINY.completions[[0, 1, 5, 26]].tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, 2], [2, 2, 2]]
    # Row 0 is the empty prefix, 1 to 3 those of one token, 4 to 12 those of two: 4 + 3·first +
    # second.
    assert TINY.prefixes[[0, 5, 26]].tolist() == [[0, 1, 4], [0, 1, 5], [0, 3, 12]]
    logp = TINY.logp(TINY.random(0))
    assert logp.sum(1).exp().sum() == pytest.approx(1, abs=1e-12)
    table = torch.log_softmax(TINY.random(0), -1)
    assert logp[5].tolist() == [table[0, 0], table[1, 1], table[5, 2]]


@pytest.mark.parametrize("seed", range(40))
def test_lemma_first_order_and_bound(seed):
    old, new, rewards = pair(seed)
    logp_old, logp = TINY.logp(old), TINY.logp(new)
    advantages = TINY.advantages(logp_old, rewards)
    assert (logp_old.sum(1).exp() @ advantages).abs().max() < 1e-14
    gain = TINY.gain(logp, logp_old, rewards)
    torch.testing.assert_close((logp.sum(1).exp() @ advantages).sum(), gain)
    surrogate = TINY.surrogate(logp, logp_old, rewards)
    alpha, kl_max = TINY.furthest(new, old)
    assert abs(gain - surrogate) <= penalty(3, advantages.abs().max(), alpha) + 1e-12
    assert alpha <= (kl_max / 2).sqrt() + 1e-12, "Pinsker"
    at = old.clone().requires_grad_()
    slopes = [
        torch.autograd.grad(value, at)[0]
        for value in (
            TINY.gain(TINY.logp(at), logp_old, rewards),
            TINY.surrogate(TINY.logp(at), logp_old, rewards),
        )
    ]
    torch.testing.assert_close(*slopes)


def test_penalties_are_sums_over_positions():
    epsilon, alpha = torch.tensor(0.7, dtype=F64), torch.tensor(0.1, dtype=F64)
    by_position = sum(2 * (t - 1) * alpha * 2 * alpha * epsilon for t in range(1, 8))
    torch.testing.assert_close(penalty(7, epsilon, alpha), by_position)
    discounted = sum(0.8**t * t * 4 * alpha**2 * epsilon for t in range(400))
    torch.testing.assert_close(discounted_penalty(0.8, epsilon, alpha), discounted)


@pytest.mark.parametrize("multiplier", [0.3, 1.0, 3.0])
def test_no_policy_earns_more_for_its_kl_than_the_tilt(multiplier):
    draw = torch.Generator().manual_seed(3)
    logq = torch.log_softmax(torch.randn(6, generator=draw, dtype=F64), -1)
    rewards = torch.rand(6, generator=draw, dtype=F64)
    found = tilt(logq, rewards, multiplier=multiplier)

    def lost(logits):
        logp = torch.log_softmax(torch.as_tensor(logits, dtype=F64), -1)
        return float(-(logp.exp() * (rewards - multiplier * (logp - logq))).sum())

    best = minimize(lost, logq.numpy(), method="BFGS", options={"gtol": 1e-10})
    torch.testing.assert_close(
        torch.log_softmax(torch.as_tensor(best.x), -1).exp(), found.exp(), atol=1e-5, rtol=0
    )
    assert found.exp().sum() == pytest.approx(1)
