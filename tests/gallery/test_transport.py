"""Optimal transport: the linear programme's value, the tie that is split, and the entropic limit."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from tests import recompute
from tests.losses import D, close, tensor
from trlib.relatives.transport import wpo_update

LINE = (torch.arange(5.0)[:, None] - torch.arange(5.0)).abs().double()
PI = tensor([0.1, 0.2, 0.3, 0.25, 0.15])
A = tensor([1.0, -0.5, 0.2, -1.0, 2.0])


def wasserstein(pi, to, distances):
    """W₁ of two distributions, by another linear programme."""
    k = len(pi)
    rows, columns = torch.eye(k).repeat_interleave(k, 1), torch.eye(k).repeat(1, k)
    found = linprog(
        distances.reshape(-1).numpy(),
        A_eq=torch.cat([rows, columns]).numpy(),
        b_eq=torch.cat([pi, to]).numpy(),
        bounds=(0, None),
        method="highs",
    )
    assert found.status == 0
    return found.fun


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), k=st.integers(2, 7), delta=st.floats(0, 2), tied=st.booleans())
def test_the_value_is_the_linear_programmes_on_any_distribution_and_metric(seed, k, delta, tied):
    """With `tied`, advantages and distances are small whole numbers, so that nearly every price is
    a tie's."""
    generator = torch.Generator().manual_seed(seed)
    pi = torch.rand(k, generator=generator, dtype=D).add(0.01)
    pi, points = pi / pi.sum(), torch.rand(k, 2, generator=generator, dtype=D)
    advantages, distances = (
        torch.randn(k, generator=generator, dtype=D),
        torch.cdist(points, points),
    )
    distances.fill_diagonal_(0)
    if tied:
        advantages, distances = advantages.round(), 1 + (3 * distances).round()
        distances.fill_diagonal_(0)
    found = wpo_update(pi, advantages, distances, delta)
    given = {"A": advantages.numpy(), "D": distances.numpy()}
    best = recompute.wpo_update(pi.numpy(), given, delta) @ given["A"]
    assert float(found @ advantages) == pytest.approx(best, abs=1e-8)
    assert wasserstein(pi, found, distances) <= delta + 1e-7
    assert float(found.sum()) == pytest.approx(1.0) and float(found.min()) >= -1e-15


def test_nothing_moves_without_a_gain_and_distances_of_0_cost_nothing():
    zero = torch.zeros(5, 5, dtype=D)
    assert torch.equal(wpo_update(PI, zero[0], LINE, 1.0), PI), "the nearest of equally good arms"
    best = torch.nn.functional.one_hot(A.argmax(), 5).double()
    close(wpo_update(PI, A, zero, 0.0), best)
