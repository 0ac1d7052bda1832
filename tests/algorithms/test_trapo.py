"""TrSFT's weight and optimum, and the micro-groups, against the numbers of the method."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trlib.algorithms.trapo import MICRO_GROUPS, trsft_loss, truncated_expert

EVERYTHING = torch.ones(1, 4, dtype=torch.bool)


def test_golden_numbers():
    p = torch.tensor([[0.5, 0.1, 0.05, 1e-30]], dtype=torch.float64)
    logp = p.log().requires_grad_()
    loss = trsft_loss(logp, mask=EVERYTHING, alpha=0.1)
    torch.testing.assert_close(loss.per_token, torch.tensor([[-1.0, -1.0, -0.5, -1e-29]]).double())
    weight = torch.tensor([[1.0, 1.0, 0.5, 1e-29]], dtype=torch.float64)
    torch.testing.assert_close(loss.diagnostics["weight"], weight, atol=0, rtol=1e-12)
    (gradient,) = torch.autograd.grad(loss.per_token.sum(), logp)
    torch.testing.assert_close(gradient, -weight, atol=0, rtol=1e-12)
    assert set(loss.diagnostics) == {"weight", "kept"} and loss.diagnostics["kept"].all()


@settings(max_examples=50, deadline=None)
@given(logp=st.lists(st.floats(-1e4, 0.0), min_size=4, max_size=4), alpha=st.floats(1e-6, 1.0))
def test_weight_is_minus_the_gradient_and_that_of_the_potential(logp, alpha):
    leaf = torch.tensor([logp], dtype=torch.float64, requires_grad=True)
    loss = trsft_loss(leaf, mask=EVERYTHING, alpha=alpha)
    (gradient,) = torch.autograd.grad(loss.per_token.sum(), leaf)
    torch.testing.assert_close(gradient, -loss.diagnostics["weight"], atol=1e-12, rtol=1e-12)
    p = leaf.exp()
    potential = torch.where(p >= alpha, leaf, p / alpha - 1 + math.log(alpha))
    (ascent,) = torch.autograd.grad(potential.sum(), leaf)
    torch.testing.assert_close(-gradient, ascent, atol=1e-12, rtol=1e-9)


def test_a_tiny_alpha_is_supervised_fine_tuning():
    logp = torch.tensor([[-0.1, -3.0, -9.0, -20.0]], requires_grad=True)
    loss = trsft_loss(logp, mask=EVERYTHING, alpha=1e-12)
    (gradient,) = torch.autograd.grad(loss.per_token.sum(), logp)
    torch.testing.assert_close(gradient, -torch.ones(1, 4))


def test_what_is_masked_cannot_leak():
    mask = torch.tensor([[True, False, True, False]])
    logp = torch.tensor([[-1.0, math.nan, -5.0, math.inf]], requires_grad=True)
    loss = trsft_loss(logp, mask=mask)
    assert loss.per_token[0, [1, 3]].tolist() == [0.0, 0.0]
    assert loss.diagnostics["weight"][0, [1, 3]].tolist() == [0.0, 0.0]
    assert torch.equal(loss.diagnostics["kept"], mask)
    (gradient,) = torch.autograd.grad(loss.per_token.sum(), logp)
    torch.testing.assert_close(gradient, torch.tensor([[-1.0, 0.0, -math.exp(-5) / 0.1, 0.0]]))
    nothing = trsft_loss(logp, mask=torch.zeros_like(mask))
    assert not nothing.per_token.any() and not torch.autograd.grad(nothing.per_token.sum(), logp)[0].any()


@pytest.mark.parametrize("expert, optimum", [
    ([0.5, 0.3, 0.1, 0.06, 0.04], [5 / 9, 3 / 9, 1 / 9, 0.0, 0.0]),
    ([0.6, 0.305, 0.095], [0.1 * 0.6 / 0.095, 0.1 * 0.305 / 0.095, 1 - 0.1 * 0.905 / 0.095]),
])
def test_descent_ends_at_the_truncated_expert(expert, optimum):
    expert = torch.tensor(expert, dtype=torch.float64)
    torch.testing.assert_close(truncated_expert(expert), torch.tensor(optimum, dtype=torch.float64))
    logits = torch.zeros(1, len(expert), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([logits], lr=0.05)
    for _ in range(800):
        loss = trsft_loss(logits.log_softmax(-1), mask=torch.ones(1, len(expert)).bool()).per_token
        optimiser.zero_grad()
        (expert * loss).sum().backward()
        optimiser.step()
    reached = logits.detach().softmax(-1)[0]
    torch.testing.assert_close(reached, torch.tensor(optimum, dtype=torch.float64), atol=2e-3, rtol=0)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 12), alpha=st.floats(0.01, 1.0), sharpness=st.floats(0.1, 5.0))
def test_no_distribution_beats_the_truncated_expert(seed, size, alpha, sharpness):
    g = torch.Generator().manual_seed(seed)
    expert = (sharpness * torch.randn(3, size, generator=g, dtype=torch.float64)).softmax(-1)

    def value(p):
        return (expert * torch.where(p >= alpha, p.clamp(min=1e-300).log(), p / alpha - 1 + math.log(alpha))).sum(-1)

    best = truncated_expert(expert, alpha=alpha)
    torch.testing.assert_close(best.sum(-1), torch.ones(3, dtype=torch.float64))
    assert (best >= 0).all()
    for _ in range(20):
        other = torch.randn(3, size, generator=g, dtype=torch.float64).mul(3).softmax(-1)
        for step in (1.0, 1e-2, 1e-4):
            assert (value(best + step * (other - best)) <= value(best) + 1e-12).all()


def test_prefixes_for_every_outcome():
    """Groups of (4, 2, 1, 1) with prefixes (0, .25, .5, 1); used below 2 of 4, 4 of 6, 7 of 7."""
    assert [stage.count for stage in MICRO_GROUPS] == [4, 2, 1, 1]
    for outcome in itertools.product((0, 1), repeat=8):
        expected = [0.0, 0.25 if sum(outcome[:4]) < 2 else 0.0, 0.5 if sum(outcome[:6]) < 4 else 0.0,
                    1.0 if sum(outcome[:7]) < 7 else 0.0]
        given_, drawn = [], 0
        for stage in MICRO_GROUPS:
            wanted = stage.below is None or sum(outcome[:drawn]) < stage.below
            given_.append(stage.prefix if wanted else 0.0)
            drawn += stage.count
        assert given_ == expected


@pytest.mark.parametrize("call, error, message", [
    (lambda: trsft_loss(torch.zeros(2, 3), mask=torch.ones(2, 3).bool(), alpha=0.0), ValueError, "alpha"),
    (lambda: trsft_loss(torch.zeros(2, 3), mask=torch.ones(2, 3).bool(), alpha=1.1), ValueError, "alpha"),
    (lambda: trsft_loss(torch.zeros(2, 3), mask=torch.ones(2, 3)), TypeError, "mask"),
    (lambda: trsft_loss(torch.zeros(2), mask=torch.ones(2).bool()), ValueError, r"logp: expected \[B, T\], got \[2\]"),
    (lambda: trsft_loss(torch.full((1, 1), -math.inf), mask=torch.ones(1, 1).bool()), ValueError, "logp"),
    (lambda: trsft_loss(torch.zeros(2, 3).long(), mask=torch.ones(2, 3).bool()), TypeError, "logp"),
    (lambda: truncated_expert(torch.tensor([0.5, 0.6])), ValueError, "expert"),
    (lambda: truncated_expert(torch.tensor([1.5, -0.5])), ValueError, "expert: expected probabilities, got -0.5"),
    (lambda: truncated_expert(torch.tensor([1.0]), alpha=0.0), ValueError, "alpha"),
])
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
