"""The balls of parameters: their oracles exactly, Newton-Schulz as it is, torch's Muon, AuON's
scalar, and runs."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import trlib
from tests.losses import D, close, named, noise, refused, tensor, trained
from trlib.algorithms import GRPO
from trlib.relatives.optimizers import Ball, auon, lmo, newton_schulz

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


def test_no_gradient_no_step():
    for norm in NORMS:
        for steps in (None, 5):
            assert not lmo(torch.zeros(3, 2), norm, steps=steps).any()


def test_a_vector_is_a_diagonal_matrix_and_more_dimensions_are_first_by_rest():
    v = noise(4)
    for steps in (None, 5):
        close(lmo(v, "spectral", steps=steps), v.sign())
    close(torch.diag(v.sign()), lmo(torch.diag(v), "spectral"))
    G = noise(3, 2, 2)
    close(lmo(G, "spectral"), lmo(G.flatten(1), "spectral").view(3, 2, 2))


def test_what_makes_no_sense_is_named():
    one = torch.ones(2, 2)
    given = {"G": one, "norm": "sign"}
    named(lmo, given, {"G": (one.long(),)}, norm=("nuclear",), G=(one * math.nan,))
    ball = {"params": [torch.nn.Parameter(one)]}
    named(Ball, ball, kind=("lion",), betas=((1.0,),), weight_decay=(-1.0,))


# ---- Newton-Schulz


def test_tiny_directions_are_not_reached_in_five_steps():
    """The notes' run: singular values 6.0, .138, .0006 of a 32 by 32 matrix."""
    last = []
    first, rest = torch.linspace(0.778, -0.860, 16), torch.linspace(-0.860, -3.222, 17)[1:]
    S = 10 ** torch.cat([first, rest]).to(D)
    for seed in range(8):
        U, _ = torch.linalg.qr(noise(32, 32, seed=seed))
        V, _ = torch.linalg.qr(noise(32, 32, seed=100 + seed))
        found = torch.linalg.svdvals(newton_schulz(U * S @ V))
        assert 0.7 < float(found[0]) < 1.25 and 0.7 < float(found[15]) < 1.25
        last.append(float(found[-1]))
    reached = 0.0006 / float(S.norm()) * 3.4445**5
    assert last == pytest.approx([reached] * 8, rel=0.02), (
        "five times 3.4445, and nothing else has happened to it"
    )
    assert reached < 0.05


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


def test_the_hybrid_brakes_newton_schulzs_matrix():
    G = noise(6, 4)
    close(auon(G, steps=5), auon(newton_schulz(G)))
    G = noise(64, 64)
    assert auon(G, steps=1).norm() < 0.6 * auon(G, steps=5).norm(), (
        "the abstract's one step is another optimiser"
    )
    close(auon(noise(4), steps=5), auon(noise(4)))


# ---- beside every method


def test_matrices_of_adapters_step_too():
    policy = trlib.load_policy("dial", lora={"r": 4})
    before = policy.state()
    trained(GRPO(), policy=policy, optimizer="muon")
    moved = [name for name, p in policy.trainable.items() if not torch.equal(p, before[name])]
    assert len(moved) == len(before) and all(before[name].dim() == 2 for name in moved)


@pytest.mark.parametrize("name", ["muon", "hybrid_auon"])
def test_a_matrix_optimiser_needs_a_matrix(name):
    policy = trlib.load_policy("dial")
    for path, p in policy.model.named_parameters():
        p.requires_grad_("norm" in path)
    message = rf"optimizer: .*expected a matrix for {name}, got shapes \[\[64\]"
    refused(message, trained, GRPO(), policy=policy, optimizer=name)
    trained(GRPO(), policy=policy, optimizer="sign", steps=1)


def test_a_preset_may_be_changed():
    changed = partial(Ball, kind="muon", nesterov=True)
    settings = trained(GRPO(), optimizer=changed, steps=1).settings
    assert settings["optimizer"] == "Ball(kind='muon', nesterov=True)"
