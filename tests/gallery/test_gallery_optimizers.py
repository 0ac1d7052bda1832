"""The balls of parameters: their oracles exactly, Newton-Schulz as it is, torch's Muon, AuON's
scalar, and runs."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import trlib
from tests.losses import close, noise, refused, tensor, trained
from trlib.algorithms import GRPO
from trlib.relatives.optimizers import Ball, auon, lmo

NORMS = {
    "spectral": lambda D: torch.linalg.matrix_norm(D, 2),
    "frobenius": torch.Tensor.norm,
    "sign": lambda D: D.abs().max(),
}


# ---- oracles


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 10**6), st.sampled_from(sorted(NORMS)))
@settings(max_examples=60, deadline=None)
def test_an_oracle_stays_in_its_ball_and_no_other_point_of_it_is_better(m, n, seed, norm):
    G, other = noise(m, n, seed=seed), noise(m, n, seed=seed + 1)
    found = lmo(G, norm)
    assert float(NORMS[norm](found)) == pytest.approx(1.0)
    dual = {
        "spectral": torch.linalg.svdvals(G).sum(),
        "frobenius": G.norm(),
        "sign": G.abs().sum(),
    }[norm]
    assert float((G * found).sum()) == pytest.approx(float(dual), rel=1e-12), (
        "the dual norm, to machine precision"
    )
    assert float((G * other).sum() / NORMS[norm](other)) <= float(dual) + 1e-12


# ---- the optimiser


def test_two_steps_by_hand():
    p = torch.nn.Parameter(tensor([[1.0, 2.0]]))
    ball = Ball([p], lr=0.1, betas=(0.9,), weight_decay=0.5, kind="frobenius")
    p.grad = tensor([[3.0, 4.0]])
    ball.step()
    close(p.detach(), tensor([[0.95 - 0.06, 1.9 - 0.08]]))
    p.grad = tensor([[-3.0, 4.0]])  # M = .09 (3, 4) + .1 (-3, 4) = (-.03, .76)
    ball.step()
    M = tensor([[-0.03, 0.76]])
    close(p.detach(), 0.95 * tensor([[0.89, 1.82]]) - 0.1 * M / M.norm())


# ---- AuON


@given(st.floats(1e-3, 1e3), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_auons_update_is_as_large_as_the_gradient(scale, seed):
    G = noise(5, 3, seed=seed)
    torch.testing.assert_close(auon(scale * G), scale * auon(G), rtol=1e-5, atol=0)
    close(lmo(scale * G, "frobenius"), lmo(G, "frobenius"))


# ---- beside every method


@pytest.mark.parametrize("name", ["muon", "hybrid_auon"])
def test_a_matrix_optimiser_needs_a_matrix(name):
    policy = trlib.load_policy("dial")
    for path, p in policy.model.named_parameters():
        p.requires_grad_("norm" in path)
    message = rf"optimizer: .*expected a matrix for {name}, got shapes \[\[64\]"
    refused(message, trained, GRPO(), policy=policy, optimizer=name)
    trained(GRPO(), policy=policy, optimizer="sign", steps=1)
