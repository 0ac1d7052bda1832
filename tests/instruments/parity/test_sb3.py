"""TRPO's pieces in sb3-contrib 2.9.2: its conjugate gradients beside ours."""

import pytest
import torch

from trlib.algorithms.trpo import conjugate_gradient

pytestmark = pytest.mark.filterwarnings("ignore")
D = torch.float64


def system(seed, n=12):
    """A positive definite matrix of condition about 100, and a right-hand side."""
    g = torch.Generator().manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(n, n, generator=g, dtype=D))
    return q @ torch.diag(torch.logspace(-1, 1, n, dtype=D)) @ q.T, torch.randn(
        n, generator=g, dtype=D
    )


def test_from_the_same_start_the_iterates_are_the_same(sb3, monkeypatch):
    matrix, b = system(0)
    monkeypatch.setattr(sb3.th, "randn_like", torch.zeros_like)
    for steps in (1, 2, 5, 10):
        found = sb3.conjugate_gradient_solver(
            lambda v: matrix @ v, b, max_iter=steps, residual_tol=0.0
        )
        ours = conjugate_gradient(lambda v: matrix @ v, b, iterations=steps, tolerance=0)
        torch.testing.assert_close(found, ours, rtol=1e-9, atol=1e-12)
