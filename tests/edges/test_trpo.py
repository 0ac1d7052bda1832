"""Conjugate gradients against a direct solver."""

import pytest
import torch

from tests.losses import D, close, noise
from trlib.algorithms.trpo import conjugate_gradient


def system(size=15, damping=1.0):
    """A positive definite matrix and a vector."""
    factor, b = noise(size, size), noise(size, seed=1)
    return factor @ factor.T / size + damping * torch.eye(size, dtype=D), b


def test_the_solution_is_a_direct_solvers():
    matrix, b = system()
    exact = torch.linalg.solve(matrix, b)
    x = conjugate_gradient(lambda v: matrix @ v, b, iterations=15)
    close(x, exact, 1e-8)
    # The paper's 10 iterations are close already, and never above the exact step's x'Fx but for
    # rounding.
    ten = conjugate_gradient(lambda v: matrix @ v, b)
    assert (ten - exact).norm() < 1e-3 * exact.norm()
    assert ten @ matrix @ ten <= (exact @ b) * (1 + 1e-12)


def test_iterations_and_tolerance_stop_it():
    matrix, b = system()
    calls = []

    def matvec(v):
        calls.append(v)
        return matrix @ v

    def spent(**settings_):
        calls.clear()
        x = conjugate_gradient(matvec, b, **settings_)
        return len(calls), ((b - matrix @ x).norm() / b.norm()).item()

    assert spent(iterations=3)[0] == 3
    loose, tight = spent(iterations=50, tolerance=0.1), spent(iterations=50, tolerance=1e-6)
    assert loose[0] < tight[0] < 50 and loose[1] <= 0.1 and tight[1] <= 1e-6
    assert spent(tolerance=1.0) == (0, 1.0)


def test_without_positive_curvature_it_stops():
    b = torch.tensor([1.0, 1.0])
    assert torch.equal(conjugate_gradient(lambda v: -v, b), torch.zeros(2))
    assert torch.equal(conjugate_gradient(lambda v: torch.zeros_like(v), b), torch.zeros(2))
    # Positive first, negative in the second direction: what the first step solved remains.
    matrix = torch.tensor([[3.0, 0.0], [0.0, -1.0]])
    assert torch.equal(conjugate_gradient(lambda v: matrix @ v, b), b)


SINGLE = (-37, -22, -20, -18, 19, 30)
DOUBLE = (-300, -161, -158, -154, 154, 250)


@pytest.mark.parametrize(
    ("dtype", "power"),
    [(torch.float32, p) for p in SINGLE] + [(D, p) for p in DOUBLE],
)
def test_the_result_scales_with_b_at_lengths_that_the_type_cannot_square(dtype, power):
    """Where |b|² is subnormal the result was off by up to its own size, and where |b|² fits but
    b'Fb does not it was 0."""
    matrix, b = system(6)
    scaled = (b / b.norm() * 10.0**power).to(dtype)
    found = conjugate_gradient(lambda v: matrix.to(dtype) @ v, scaled, iterations=12)
    expected = torch.linalg.solve(matrix, scaled.double())
    off = (found.double() - expected) / 10.0**power
    bound = 2e-6 if dtype == torch.float32 else 1e-13
    assert off.norm() < bound * torch.linalg.solve(matrix, b / b.norm()).norm()


def test_no_graph_is_kept_and_matvec_may_differentiate():
    theta = torch.tensor([0.3, -0.2, 0.5], dtype=D, requires_grad=True)
    b = (theta**2).sin()

    def matvec(v):
        loss = (theta**4).sum()
        (gradient,) = torch.autograd.grad(loss, theta, create_graph=True)
        return torch.autograd.grad((gradient * v).sum(), theta, create_graph=True)[0]

    x = conjugate_gradient(matvec, b)
    assert not x.requires_grad
    close(x, (b / (12 * theta**2)).detach())
