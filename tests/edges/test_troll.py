"""TROLL's losses against their definitions, central differences, and each other; their weights,
masks and errors."""

import math
from functools import partial

import pytest
import torch

from tests.losses import (
    close,
    distributions,
    slope,
    tensor,
)
from trlib.algorithms.troll import sparsify, troll_loss, troll_sparse_loss

INF = math.inf


# --- the loss
# --------------------------------------------------------------------------------------------------


def one(advantage=1.0):
    """The arguments of a single token, the first of the vocabulary."""
    return {
        "tokens": torch.zeros(1, 1).long(),
        "advantages": torch.full((1, 1), advantage),
        "mask": torch.ones(1, 1).bool(),
    }


def test_outcomes_the_old_policy_cannot_produce():
    """KL(π̃ || π) is infinite there; the regression stays finite and takes the mass away."""
    u, lq = tensor([[[0.5, 0.3, 0.2]]]).log().requires_grad_(), tensor([[[0.5, 0.5, 0.0]]]).log()
    loss = troll_loss(u, lq, **one(0.0)).per_token
    gradient = slope(loss, u)
    gradient = (gradient - u.exp() * gradient.sum(-1, keepdim=True))[0, 0]
    assert torch.isfinite(loss).all() and gradient[2] > 1 and (gradient[:2] < 0).all()


def test_an_outcome_that_the_policy_has_given_up_is_no_nan():
    u, lq = tensor([[[0.9, 0.1, 0.0]]]).log(), tensor([[[0.2, 0.3, 0.5]]]).log()
    loss = troll_loss(u, lq, **one(0.0))
    assert loss.diagnostics["projected"].all() and 0 < loss.per_token.item() < INF


def test_a_certain_token_outside_the_region_has_finite_values():
    """Where float32 cannot tell π̃_y from 1, the weight's divisor 1 - π̃_y is taken as the type's
    epsilon."""
    u = torch.tensor([[[100.0, 0.0, -3.0]]]).log_softmax(-1).requires_grad_()
    loss = troll_loss(u, torch.tensor([[[-2.0, 0.0, 1.0]]]).log_softmax(-1), **one())
    assert loss.diagnostics["projected"].all()
    for value in (loss.per_token, loss.diagnostics["weight"], slope(loss.per_token, u)):
        assert torch.isfinite(value).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("level", ["token", "sequence"])
@pytest.mark.parametrize("advantage", [1.0, -1.0, 0.0])
def test_a_projected_ratio_ends_at_e_to_the_20_and_its_gradient_is_finite(dtype, level, advantage):
    """The network has made a token likely to which q gives e^-95, or e^-800. The completion's ratio
    ends at e^10."""
    size = -advantage * math.exp(20 if level == "token" else 10)
    for far in (-95.0, -800.0):
        q, now = (torch.zeros(1, 1, 50, dtype=dtype) for _ in range(2))
        q[..., 0], now[..., 0] = far, 5.0
        logp, old = now.log_softmax(-1).requires_grad_(), q.log_softmax(-1)
        loss = troll_loss(logp, old, **one(advantage), level=level)
        assert loss.diagnostics["projected"].all() and slope(loss.per_token, logp).isfinite().all()
        assert loss.diagnostics["weight"].isfinite().all()
        assert float(loss.per_token.detach()) == pytest.approx(size, rel=1e-3, abs=10)


# --- the sparse form
# --------------------------------------------------------------------------------------------------


def sparse(u, lq, rest, *, k, mass=1.0, **settings):
    old = sparsify(lq, tokens=rest["tokens"], mask=rest["mask"], k=k, mass=mass)
    return troll_sparse_loss(u.gather(-1, old.ids), old, **rest, **settings)


@pytest.mark.parametrize("delta", [0.02, 10.0])
def test_a_tail_with_the_same_proportions_loses_nothing(delta):
    """Where π̃ and q agree within the tail, one bucket is exact: values and gradients on the
    logits, tail included."""
    u, lq, rest = distributions(6, 6, 20, apart=0.0, seed=2)
    rest["tokens"] = lq.argsort(-1, descending=True)[..., 3]
    head = lq.argsort(-1, descending=True)[..., :6]
    g = torch.Generator().manual_seed(5)
    logits = u.scatter_add(-1, head, torch.randn(6, 6, 6, generator=g).double()).requires_grad_()
    dense = troll_loss(logits.log_softmax(-1), lq, **rest, delta_kl=delta)
    merged = sparse(logits.log_softmax(-1), lq, rest, k=6, delta_kl=delta)
    assert dense.diagnostics["projected"].any() == (delta < 1)
    close(merged.per_token, dense.per_token, 1e-8)
    close(slope(merged.per_token, logits), slope(dense.per_token, logits))


def test_sparsify_keeps_the_mass_and_the_sampled_token():
    p = tensor([[[0.5, 0.3, 0.1, 0.06, 0.04], [0.97, 0.02, 0.01, 0, 0]]])
    mask = torch.tensor([[True, True]])
    kept = partial(sparsify, p.log(), tokens=torch.tensor([[4, 0]]), mask=mask, k=4, mass=0.9)
    # .04 (sampled), .5, .3 and .1 reach .94; the second position needs its first token only.
    top = kept()
    assert top.ids[0, 0].tolist() == [4, 0, 1, 2]
    close(top.logp.exp()[0], tensor([[0.04, 0.5, 0.3, 0.1], [0.97, 0, 0, 0]]))
    narrow = kept(mask=torch.tensor([[False, True]]))
    assert narrow.ids.shape == (1, 2, 1) and narrow.logp[0, 0, 0] == -INF
    assert kept(k=2, mass=1.0).ids.tolist() == [[[4, 0], [0, 1]]]


def test_sparse_float32_gradients_do_not_explode_at_an_empty_tail():
    """The old policy has a tail of 1e-5, the new one none that float32 can see."""
    lq = torch.tensor([[[0.29999, 0.7, 0.00001]]]).log().log_softmax(-1)
    logits = torch.tensor([[[3.0, 1.0, -40.0]]], requires_grad=True)
    loss = sparse(logits.log_softmax(-1), lq, one(), k=2)
    exact = logits.detach().double().requires_grad_()
    dense = troll_loss(exact.log_softmax(-1), lq.double().log_softmax(-1), **one())
    assert loss.diagnostics["projected"].all()
    close(slope(loss.per_token, logits).double(), slope(dense.per_token, exact), 2e-3)
