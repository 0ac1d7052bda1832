"""TRPO's pieces in sb3-contrib 2.9.2: its conjugate gradients beside ours, and what its trust
region measures."""

from __future__ import annotations

import inspect

import pytest
import torch

from trlib.algorithms.trpo import conjugate_gradient

pytestmark = pytest.mark.filterwarnings("ignore")
D = torch.float64


def system(seed: int, n: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    """A positive definite matrix of condition about 100, and a right-hand side."""
    g = torch.Generator().manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(n, n, generator=g, dtype=D))
    return q @ torch.diag(torch.logspace(-1, 1, n, dtype=D)) @ q.T, torch.randn(
        n, generator=g, dtype=D
    )


@pytest.mark.parametrize("seed", range(3))
def test_both_solve_the_system(sb3, seed):
    matrix, b = system(seed)
    torch.manual_seed(seed)
    found = sb3.conjugate_gradient_solver(lambda v: matrix @ v, b, max_iter=60, residual_tol=1e-24)
    ours = conjugate_gradient(lambda v: matrix @ v, b, iterations=60, tolerance=1e-13)
    exact = torch.linalg.solve(matrix, b)
    torch.testing.assert_close(found, ours, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(ours, exact, rtol=1e-9, atol=1e-10)


def test_from_the_same_start_the_iterates_are_the_same(sb3, monkeypatch):
    matrix, b = system(0)
    monkeypatch.setattr(sb3.th, "randn_like", torch.zeros_like)
    for steps in (1, 2, 5, 10):
        found = sb3.conjugate_gradient_solver(
            lambda v: matrix @ v, b, max_iter=steps, residual_tol=0.0
        )
        ours = conjugate_gradient(lambda v: matrix @ v, b, iterations=steps, tolerance=0)
        torch.testing.assert_close(found, ours, rtol=1e-9, atol=1e-12)


def test_it_starts_at_noise_and_gives_the_noise_back_for_a_small_gradient(sb3):
    """Its residual is absolute and squared: a gradient of norm 1e-6 counts as solved before the
    first step."""
    matrix, b = system(0)
    small = 1e-6 * b / b.norm()
    torch.manual_seed(0)
    noise = 1e-4 * torch.randn_like(b)
    torch.manual_seed(0)
    found = sb3.conjugate_gradient_solver(lambda v: 1e-3 * matrix @ v, small)
    assert torch.equal(found, noise)
    exact = torch.linalg.solve(1e-3 * matrix, small)
    assert (found - exact).norm() > exact.norm() / 10
    torch.testing.assert_close(
        conjugate_gradient(lambda v: 1e-3 * matrix @ v, small, iterations=60),
        exact,
        rtol=1e-8,
        atol=0,
    )


def test_its_defaults_and_the_direction_of_its_kl(sb3, monkeypatch):
    from sb3_contrib import TRPO
    from sb3_contrib.trpo import trpo

    settings = inspect.signature(TRPO).parameters
    assert {
        name: settings[name].default
        for name in (
            "cg_max_steps",
            "cg_damping",
            "target_kl",
            "line_search_shrinking_factor",
            "line_search_max_iter",
        )
    } == {
        "cg_max_steps": 15,
        "cg_damping": 0.1,
        "target_kl": 0.01,
        "line_search_shrinking_factor": 0.8,
        "line_search_max_iter": 10,
    }
    asked = []

    def recorded(first, second):
        p, q = first.distribution.logits, second.distribution.logits
        value = original(first, second)
        asked.append((p.requires_grad, q.requires_grad))
        torch.testing.assert_close(
            value, (p.softmax(-1) * (p.log_softmax(-1) - q.log_softmax(-1))).sum(-1)
        )
        return value

    original = trpo.kl_divergence
    monkeypatch.setattr(trpo, "kl_divergence", recorded)
    TRPO(
        "MlpPolicy",
        "CartPole-v1",
        n_steps=64,
        batch_size=64,
        n_critic_updates=1,
        seed=0,
        device="cpu",
    ).learn(64)
    assert asked[0] == (True, False)  # KL(new || old): the gradient is in the first argument
