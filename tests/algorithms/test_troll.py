"""TROLL's projection against scipy, central differences and its own surrogate; the losses against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize
from torch import Tensor

from trlib.algorithms import ALGORITHMS
from trlib.algorithms.method import Batch, Scores, TopK
from trlib.algorithms.ppo import pg_is_loss
from trlib.algorithms.troll import TROLL, project, sparsify, troll_loss, troll_sparse_loss
from trlib.divergences import kl

INF = math.inf


def pair(rows: int, vocabulary: int, *, apart: float = 1.0, seed: int = 0, dtype=torch.float64) -> tuple[Tensor, Tensor]:
    """log π̃ and log q, [rows, vocabulary], whose logits differ by `apart` standard normals."""
    g = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(rows, vocabulary, generator=g, dtype=torch.float64)
    moved = logits + apart * torch.randn(rows, vocabulary, generator=g, dtype=torch.float64)
    return moved.log_softmax(-1).to(dtype), logits.log_softmax(-1).to(dtype)


def plain_kl(logp: Tensor, lq: Tensor) -> Tensor:
    """Σ p log(p/q) in float64 as anybody would write it, with no help from what the sums should be."""
    logp, lq = logp.double(), lq.double()
    return torch.where(logp > -INF, logp.exp() * (logp - lq), 0.0).sum(-1)


def geodesic(u: Tensor, lq: Tensor, eta: Tensor) -> Tensor:
    return ((eta.unsqueeze(-1) * lq + u) / (1 + eta.unsqueeze(-1))).log_softmax(-1)


# --- the projection: values -------------------------------------------------------------------------------------------


def test_two_outcomes_by_hand():
    # On two outcomes the constraint alone decides: p log 2p + (1-p) log 2(1-p) = .05 at p = .656774...
    new, old = torch.tensor([0.9, 0.1], dtype=torch.float64).log(), torch.tensor([0.5, 0.5], dtype=torch.float64).log()
    p = brentq(lambda p: p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p)) - 0.05, 0.5, 0.9, xtol=1e-14)
    projected = project(new, old, delta_kl=0.05)
    assert projected.logp.exp()[0].item() == pytest.approx(p, abs=1e-9)
    # log odds p/(1-p) = log(9)/(1 + η)
    assert projected.eta.item() == pytest.approx(math.log(9) / math.log(p / (1 - p)) - 1, rel=1e-8)


@pytest.mark.parametrize("delta", [1e-3, 0.05, 0.7])
def test_the_multiplier_is_brentqs(delta):
    u, lq = pair(60, 17, apart=2.0)
    u[0, 3], u[1, 5] = -900.0, 6.0
    lq[1, 5], lq[2, 7] = -2000.0, -50.0
    u, lq = u.log_softmax(-1), lq.log_softmax(-1)
    eta = project(u, lq, delta_kl=delta).eta
    compared = 0
    for row in range(60):

        def excess(t, row=row):
            logp = ((1 - t) * lq[row] + t * u[row]).log_softmax(-1)
            return plain_kl(logp, lq[row]).item() - delta

        if excess(1.0) <= 0:
            assert eta[row] == 0
            continue
        t = brentq(excess, 0.0, 1.0, xtol=1e-15, rtol=8.9e-16)
        assert eta[row].item() == pytest.approx((1 - t) / t, rel=1e-8, abs=1e-8)
        compared += 1
    assert compared > 20


@pytest.mark.parametrize("seed", range(4))
def test_a_general_solver_finds_no_better_point(seed):
    u, lq = pair(1, 5, apart=1.5, seed=seed)
    new, old, delta = u[0].exp().numpy(), lq[0].exp().numpy(), 0.05
    assert plain_kl(u, lq).item() > delta
    found = minimize(lambda p: np.sum(p * np.log(p / new)), old, jac=lambda p: np.log(p / new) + 1, method="SLSQP",
                     bounds=[(1e-9, 1.0)] * 5, options={"ftol": 1e-14, "maxiter": 500},
                     constraints=[{"type": "eq", "fun": lambda p: p.sum() - 1},
                                  {"type": "ineq", "fun": lambda p: delta - np.sum(p * np.log(p / old))}])
    assert found.success
    projected = project(u, lq, delta_kl=delta).logp[0].exp()
    np.testing.assert_allclose(projected.numpy(), found.x, atol=2e-6)


@pytest.mark.parametrize("dtype, n", [(torch.float32, 200_000), (torch.float64, 40_000)])
def test_a_million_tokens_stay_inside(dtype, n):
    """Five families, log-probs down to -1e4: noise, far apart, a token that takes over, rare ones, all scales."""
    g = torch.Generator().manual_seed(1)
    v = 12

    def normal(*shape):
        return torch.randn(*shape, generator=g)

    def uniform(*shape):
        return torch.rand(*shape, generator=g)

    old = [2 * normal(n, v) for _ in range(5)]
    new = [old[0] + 0.5 * normal(n, v), 3 * normal(n, v), old[2].clone(), old[3].clone(), normal(n, v)]
    old[2][:, 0] += 1e4 * uniform(n)
    new[2][:, 1] += 1e4 * uniform(n)
    old[3][:, 1] -= 30 * uniform(n)
    new[3][:, 1] += 40 * uniform(n)
    old[4] *= 10 ** (4 * uniform(n, 1)) / 3
    new[4] *= 10 ** (4 * uniform(n, 1)) / 3
    active = 0
    for family, (a, b) in enumerate(zip(new, old, strict=True)):
        u, lq = (x.log_softmax(-1).clamp(min=-1e4).to(dtype) for x in (a, b))
        delta = (0.05, 0.01, 0.25, 0.05, 0.05)[family]
        projected = project(u, lq, delta_kl=delta)
        assert plain_kl(projected.logp, lq).max().item() <= delta * (1 + 1e-6)
        assert torch.isfinite(projected.logp).all()
        # No slack beyond rounding: q itself would be feasible too.
        reached = plain_kl(projected.logp, lq)[projected.eta > 0]
        assert reached.min().item() > delta * (1 - (1e-9 if dtype == torch.float64 else 1e-2))
        active += len(reached)
    assert active > 3 * n


def test_inside_the_region_nothing_changes():
    u, lq = pair(50, 9, apart=0.1)
    assert plain_kl(u, lq).max() < 0.05
    u.requires_grad_()
    projected = project(u, lq, delta_kl=0.05)
    assert torch.equal(projected.logp, u) and torch.equal(projected.eta, torch.zeros(50, dtype=torch.float64))
    weights = torch.randn_like(u)
    (gradient,) = torch.autograd.grad((projected.logp * weights).sum(), u)
    assert torch.equal(gradient, weights)


def test_radius_zero_is_the_old_policy_and_infinite_is_none():
    u, lq = pair(6, 9)
    lq[0, 2] = -INF
    lq[0] = lq[0].log_softmax(-1)
    u[3] = lq[3]
    u.requires_grad_()
    at_zero = project(u, lq, delta_kl=0.0)
    assert torch.equal(at_zero.logp, lq)
    assert torch.equal(at_zero.eta, torch.tensor([INF, INF, INF, 0.0, INF, INF], dtype=torch.float64))
    (gradient,) = torch.autograd.grad((at_zero.logp.masked_fill(lq == -INF, 0.0) ** 2).sum(), u)
    assert torch.equal(gradient[[0, 1, 2, 4, 5]], torch.zeros(5, 9, dtype=torch.float64))
    free = project(u, lq, delta_kl=INF)
    assert torch.equal(free.logp, u) and not free.eta.any()


def test_probability_zero_on_either_side():
    new = torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.25, 0.25, 0.5, 0.0], [0.0, 0.0, 0.5, 0.5], [0.0, 0.1, 0.2, 0.7]],
                       dtype=torch.float64)
    old = torch.tensor([[0.4, 0.4, 0.2, 0.0], [0.5, 0.5, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0], [0.4, 0.2, 0.2, 0.2]],
                       dtype=torch.float64)
    u = new.log().requires_grad_()
    projected = project(u, old.log(), delta_kl=0.3)
    # 0: KL(new || old) = log 1.25 is inside.  1: only two tokens can remain, and on them the two agree.
    # 2: nothing in common; 3: giving up the token of probability .4 costs log(1/.6) = .51 > .3. Both: the old policy.
    expected = torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0], [0.4, 0.2, 0.2, 0.2]],
                            dtype=torch.float64)
    torch.testing.assert_close(projected.logp.exp(), expected, atol=1e-12, rtol=0)
    assert projected.eta.tolist() == [0.0, 0.0, INF, INF]
    (gradient,) = torch.autograd.grad(projected.logp[:, 0].sum(), u)
    torch.testing.assert_close(gradient, torch.tensor([[1.0, 0, 0, 0], [0.5, -0.5, 0, 0], [0] * 4, [0] * 4],
                                                      dtype=torch.float64))
    # With a radius that pays for the lost token the rest moves as far as it can.
    wide = project(new[3].log(), old[3].log(), delta_kl=0.6)
    assert plain_kl(wide.logp, old[3].log()).item() == pytest.approx(0.6, rel=1e-9)
    assert wide.logp[0] == -INF


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 500.0), apart=st.floats(0.01, 500.0),
       vocabulary=st.integers(2, 40), delta=st.floats(1e-6, 3.0))
def test_laws_of_the_projection(seed, scale, apart, vocabulary, delta):
    g = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(8, vocabulary, generator=g, dtype=torch.float64)
    u = (logits + apart * torch.randn(8, vocabulary, generator=g, dtype=torch.float64)).log_softmax(-1)
    lq = logits.log_softmax(-1)
    inner = project(u, lq, delta_kl=delta)
    assert (kl(inner.logp, lq) <= delta * (1 + 1e-6)).all()
    # It lies on the geodesic, is never further from the network than q is, and a larger radius comes closer.
    torch.testing.assert_close(inner.logp, geodesic(u, lq, inner.eta), atol=1e-6, rtol=1e-9)
    outer = project(u, lq, delta_kl=2 * delta)
    to_network = [kl(x, u) for x in (lq, inner.logp, outer.logp)]
    assert (to_network[0] >= to_network[1] - 1e-9).all() and (to_network[1] >= to_network[2] - 1e-9).all()
    assert (inner.eta >= outer.eta).all()
    # Order of the vocabulary and a second projection change nothing.
    order = torch.randperm(vocabulary, generator=g)
    turned = project(u[:, order], lq[:, order], delta_kl=delta)
    torch.testing.assert_close(turned.logp, inner.logp[:, order], atol=1e-7, rtol=1e-7)
    again = project(inner.logp, lq, delta_kl=delta)
    torch.testing.assert_close(again.logp, inner.logp, atol=1e-7, rtol=1e-7)


# --- the projection: gradients ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("apart, delta", [(0.6, 0.05), (2.0, 0.05), (2.0, 0.5), (0.05, 0.05)])
def test_central_differences(apart, delta):
    u, lq = pair(6, 7, apart=apart)

    def both(logits):
        projected = project(logits.log_softmax(-1), lq, delta_kl=delta)
        return projected.logp, projected.eta

    assert torch.autograd.gradcheck(both, (u.clone().requires_grad_(),), eps=1e-6, atol=1e-6)


def test_gradient_is_the_surrogates():
    """Differentiating through η with a stop-gradient surrogate and plain autograd gives the same."""
    u, lq = pair(30, 11, apart=1.5)
    g = torch.Generator().manual_seed(3)
    upstream, upstream_eta = torch.randn(30, 11, generator=g).double(), torch.randn(30, generator=g).double()
    u.requires_grad_()
    projected = project(u, lq, delta_kl=0.05)
    (ours,) = torch.autograd.grad((projected.logp * upstream).sum() + (projected.eta * upstream_eta).sum(), u)

    active = projected.eta > 0
    assert active.sum() > 20
    pi = projected.logp.detach()
    d = pi - lq
    centred = d - (pi.exp() * d).sum(-1, keepdim=True)
    slope = pi.exp() * centred / (pi.exp() * centred**2).sum(-1, keepdim=True)
    eta = projected.eta.detach() + (slope * (u - u.detach())).sum(-1)
    value = geodesic(u, lq, eta)
    (theirs,) = torch.autograd.grad((value * upstream).sum() + (eta * upstream_eta).sum(), u)
    torch.testing.assert_close(ours[active], theirs[active], atol=1e-10, rtol=1e-10)


def test_moving_further_out_changes_nothing():
    """Along its geodesic from q the network has no influence: Σ d dL/dlog π̃ = 0."""
    u, lq = pair(20, 9, apart=2.0)
    u.requires_grad_()
    projected = project(u, lq, delta_kl=0.05)
    (gradient,) = torch.autograd.grad((projected.logp * torch.randn_like(u)).sum(), u)
    active = projected.eta > 0
    d = (projected.logp - lq).detach()
    torch.testing.assert_close((d * gradient).sum(-1)[active], torch.zeros(int(active.sum())).double(), atol=1e-12, rtol=0)
    further = (lq + 1.7 * (u - lq)).log_softmax(-1)
    torch.testing.assert_close(project(further, lq, delta_kl=0.05).logp[active], projected.logp[active], atol=1e-9, rtol=0)


def test_extreme_gradients_are_finite():
    u, lq = pair(40, 6, apart=1.0, dtype=torch.float32)
    u, lq = (400 * u).log_softmax(-1), (700 * lq).log_softmax(-1)
    u.requires_grad_()
    projected = project(u, lq, delta_kl=0.05)
    (gradient,) = torch.autograd.grad(projected.logp[:, 0].exp().sum(), u)
    assert torch.isfinite(gradient).all() and (projected.eta > 0).any()


# --- the loss ---------------------------------------------------------------------------------------------------------


def batch(shape=(4, 5), vocabulary=8, *, apart=1.0, seed=0):
    g = torch.Generator().manual_seed(seed)
    u, lq = (x.view(*shape, vocabulary) for x in pair(shape[0] * shape[1], vocabulary, apart=apart, seed=seed))
    mask = torch.rand(*shape, generator=g) > 0.25
    mask[0, 0] = True
    return u, lq, {"tokens": torch.randint(0, vocabulary, shape, generator=g),
                   "advantages": torch.randn(*shape, generator=g).double(), "mask": mask}


def at_tokens(values: Tensor, tokens: Tensor) -> Tensor:
    return values.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)


def spread(logp_token: Tensor, logp: Tensor, tokens: Tensor) -> Tensor:
    """The distributions [B, T, V] when the sampled tokens' log-probs become [B, T], the others in proportion."""
    index = tokens.unsqueeze(-1)
    others = logp.detach().scatter(-1, index, -INF).log_softmax(-1)
    return (others + torch.log1p(-logp_token.exp()).unsqueeze(-1)).scatter(-1, index, logp_token.unsqueeze(-1))


@pytest.mark.parametrize("level", ["token", "sequence"])
@pytest.mark.parametrize("delta, alpha", [(0.05, 1.0), (0.05, 0.0), (0.3, 2.0), (0.0, 1.0), (INF, 1.0)])
def test_weight_is_minus_the_gradient_in_the_sampled_log_prob(level, delta, alpha):
    u, lq, rest = batch(vocabulary=8)
    logp = at_tokens(u, rest["tokens"]).requires_grad_()
    loss = troll_loss(spread(logp, u, rest["tokens"]), lq, **rest, delta_kl=delta, alpha=alpha, level=level)
    (gradient,) = torch.autograd.grad(loss.per_token.sum(), logp)
    torch.testing.assert_close(gradient, -loss.diagnostics["weight"], atol=1e-12, rtol=1e-12)
    assert loss.diagnostics["projected"].any() == (delta < 1)


def test_value_is_the_definition():
    u, lq, rest = batch()
    loss = troll_loss(u, lq, **rest, delta_kl=0.05, alpha=0.7)
    pi = project(u, lq, delta_kl=0.05)
    ratio = at_tokens((pi.logp - lq).exp(), rest["tokens"])
    expected = -rest["advantages"] * ratio + 0.7 * plain_kl(u, pi.logp)
    mask = rest["mask"]
    torch.testing.assert_close(loss.per_token[mask], expected[mask], atol=1e-12, rtol=1e-12)
    assert not loss.per_token[~mask].any()
    diagnostics = loss.diagnostics
    torch.testing.assert_close(diagnostics["ratio"][mask], ratio[mask])
    torch.testing.assert_close(diagnostics["eta"][mask], pi.eta[mask])
    assert torch.equal(diagnostics["projected"], (pi.eta > 0) & mask) and torch.equal(diagnostics["kept"], mask)
    assert 3 < diagnostics["projected"].sum() < mask.sum()


@pytest.mark.parametrize("delta", [0.05, 0.4])
def test_loss_against_central_differences(delta):
    """alpha = 0 has no stop-gradient; with it the regression's target is held fixed by hand."""
    u, lq, rest = batch((2, 3), 6)
    target = project(u, lq, delta_kl=delta).logp

    def policy_part(logits):
        return troll_loss(logits.log_softmax(-1), lq, **rest, delta_kl=delta, alpha=0.0).per_token

    def regression_part(logits):
        return torch.where(rest["mask"], kl(logits.log_softmax(-1), target), 0.0)

    assert torch.autograd.gradcheck(policy_part, (u.clone().requires_grad_(),), eps=1e-6, atol=1e-7)
    logits = u.clone().requires_grad_()
    whole = troll_loss(logits.log_softmax(-1), lq, **rest, delta_kl=delta, alpha=1.0).per_token.sum()
    parts = policy_part(logits).sum() + regression_part(logits).sum()
    torch.testing.assert_close(*(torch.autograd.grad(x, logits)[0] for x in (whole, parts)), atol=1e-10, rtol=1e-9)


def test_policy_gradient_on_the_logits_in_closed_form():
    u, lq, rest = batch((3, 4), 6, apart=2.0)
    rest["mask"][:] = True
    logits = u.clone().requires_grad_()
    loss = troll_loss(logits.log_softmax(-1), lq, **rest, delta_kl=0.05, alpha=0.0)
    (gradient,) = torch.autograd.grad(loss.per_token.sum(), logits)
    projected = project(u, lq, delta_kl=0.05)
    active = projected.eta > 0
    pi, d = projected.logp.exp(), projected.logp - lq
    var = (pi * d**2).sum(-1) - 0.05**2
    ratio, d_token = at_tokens(d, rest["tokens"]).exp(), at_tokens(d, rest["tokens"]) - 0.05
    hit = torch.nn.functional.one_hot(rest["tokens"], 6)
    bracket = hit - pi - pi * (d - 0.05) * (d_token / var).unsqueeze(-1)
    expected = -(rest["advantages"] * ratio / (1 + projected.eta)).unsqueeze(-1) * bracket
    torch.testing.assert_close(gradient[active], expected[active], atol=1e-8, rtol=1e-8)
    assert active.sum() >= 8
    assert not (hit[active] * gradient[active]).eq(0).all()  # where PPO may be silent, this is not


def test_a_projection_never_turns_a_push():
    u, lq, rest = batch((30, 30), 5, apart=3.0)
    rest["mask"][:] = True
    weight = troll_loss(u, lq, **rest, delta_kl=0.02, alpha=0.0).diagnostics["weight"]
    assert (weight * rest["advantages"] >= -1e-12).all()


def test_two_outcomes_leave_nothing_to_choose():
    """On the boundary of two outcomes π is fixed: no policy gradient, only the regression."""
    u, lq, rest = batch((5, 5), 2, apart=3.0)
    loss = troll_loss(u, lq, **rest, delta_kl=0.02, alpha=0.0)
    assert loss.diagnostics["weight"][loss.diagnostics["projected"]].abs().max() < 1e-8


def test_without_a_region_it_is_the_importance_weighted_policy_gradient():
    u, lq, rest = batch()
    u.requires_grad_()
    tokens, others = rest["tokens"], {k: v for k, v in rest.items() if k != "tokens"}
    plain = pg_is_loss(at_tokens(u, tokens), at_tokens(lq, tokens), **others)
    for delta in (INF, 50.0):
        loss = troll_loss(u, lq, **rest, delta_kl=delta)
        assert torch.equal(loss.per_token, plain.per_token)
        for name in ("ratio", "kept", "weight"):
            assert torch.equal(loss.diagnostics[name], plain.diagnostics[name])
        gradients = [torch.autograd.grad(x.per_token.sum(), u, retain_graph=True)[0] for x in (loss, plain)]
        assert torch.equal(*gradients)


def test_radius_zero_leaves_the_regression():
    u, lq, rest = batch()
    u.requires_grad_()
    loss = troll_loss(u, lq, **rest, delta_kl=0.0)
    mask = rest["mask"]
    torch.testing.assert_close(loss.per_token[mask], (kl(u, lq) - rest["advantages"])[mask])
    assert not loss.diagnostics["kept"].any() and loss.diagnostics["eta"][mask].eq(INF).all()
    (ours,) = torch.autograd.grad(loss.per_token.sum(), u)
    (regression,) = torch.autograd.grad((u.exp() * (u - lq)).sum(-1)[mask].sum(), u)
    torch.testing.assert_close(ours, regression)


def test_sequence_form():
    u, lq, rest = batch(apart=0.05)
    u, mask, tokens = u.requires_grad_(), rest["mask"], rest["tokens"]
    loss = troll_loss(u, lq, **rest, level="sequence")
    assert not loss.diagnostics["projected"].any()
    log_ratio = at_tokens(u - lq, tokens).masked_fill(~mask, 0.0)
    s = (log_ratio.sum(-1) / mask.sum(-1)).exp().detach().unsqueeze(-1)
    torch.testing.assert_close(loss.per_token, (-rest["advantages"] * s).masked_fill(~mask, 0.0))
    (gradient,) = torch.autograd.grad(loss.per_token.sum(), u)
    expected = torch.zeros_like(u).scatter(-1, tokens.unsqueeze(-1), (-rest["advantages"] * s * mask).unsqueeze(-1))
    torch.testing.assert_close(gradient, expected)
    torch.testing.assert_close(loss.diagnostics["ratio"], log_ratio.exp().detach())
    # The mean log-ratio is capped at 10.
    lq = torch.tensor([[[-30.0, 0.0]]]).log_softmax(-1)
    one = {"tokens": torch.tensor([[0]]), "advantages": torch.tensor([[1.0]]), "mask": torch.tensor([[True]])}
    capped = troll_loss(torch.tensor([[[0.5, 0.5]]]).log(), lq, **one, delta_kl=INF, level="sequence")
    assert capped.per_token.item() == pytest.approx(-math.exp(10), rel=1e-6)


def test_outcomes_the_old_policy_cannot_produce():
    """KL(π̃ || π) is infinite there; the regression stays finite and takes the mass away."""
    u = torch.tensor([[[0.5, 0.3, 0.2]]], dtype=torch.float64).log().requires_grad_()
    lq = torch.tensor([[[0.5, 0.5, 0.0]]], dtype=torch.float64).log()
    rest = {"tokens": torch.tensor([[0]]), "advantages": torch.zeros(1, 1).double(), "mask": torch.ones(1, 1).bool()}
    loss = troll_loss(u, lq, **rest)
    (gradient,) = torch.autograd.grad(loss.per_token.sum(), u)
    gradient = gradient - u.exp() * gradient.sum(-1, keepdim=True)
    assert torch.isfinite(loss.per_token).all() and gradient[0, 0, 2] > 1 and (gradient[0, 0, :2] < 0).all()


def test_what_is_masked_cannot_leak():
    u, lq, rest = batch()
    mask = rest["mask"]
    reference = troll_loss(u.clone().requires_grad_(), lq, **rest)
    for junk in (math.nan, INF, -INF):
        dirty = u.masked_fill(~mask.unsqueeze(-1), junk).requires_grad_()
        old = lq.masked_fill(~mask.unsqueeze(-1), -junk)
        loss = troll_loss(dirty, old, tokens=rest["tokens"].masked_fill(~mask, -100), mask=mask,
                          advantages=rest["advantages"].masked_fill(~mask, junk))
        assert torch.equal(loss.per_token, reference.per_token)
        for name, value in loss.diagnostics.items():
            assert torch.equal(value, reference.diagnostics[name]), name
        (gradient,) = torch.autograd.grad(loss.per_token.sum(), dirty)
        assert torch.isfinite(gradient).all() and not gradient[~mask].any()
    nothing = {**rest, "mask": torch.zeros_like(mask)}
    leaf = u.clone().requires_grad_()
    loss = troll_loss(leaf, lq, **nothing)
    assert not loss.per_token.any() and not torch.autograd.grad(loss.per_token.sum(), leaf)[0].any()


def test_no_advantage_never_meets_an_overflowing_ratio():
    u = torch.tensor([[[-1e-30, -200.0]]])
    lq = torch.tensor([[[-200.0, -1e-30]]])
    rest = {"tokens": torch.tensor([[0]]), "advantages": torch.zeros(1, 1), "mask": torch.ones(1, 1).bool()}
    leaf = u.clone().requires_grad_()
    loss = troll_loss(leaf, lq, **rest, delta_kl=INF)
    assert loss.per_token.item() == 0 and not torch.autograd.grad(loss.per_token.sum(), leaf)[0].any()


@pytest.mark.parametrize("dtype, computed", [(torch.bfloat16, torch.float32), (torch.float16, torch.float32),
                                             (torch.float64, torch.float64)])
def test_types(dtype, computed):
    u, lq, rest = batch(apart=2.0)
    loss = troll_loss(u.to(dtype), lq.to(dtype), **{**rest, "advantages": rest["advantages"].to(dtype)})
    assert loss.per_token.dtype == computed == project(u.to(dtype), lq.to(dtype), delta_kl=0.05).logp.dtype
    exact = troll_loss(u, lq, **rest).per_token
    assert (loss.per_token - exact).abs().max() < (0.5 if dtype == torch.bfloat16 else 0.05)


# --- the sparse form --------------------------------------------------------------------------------------------------


def sparse(u, lq, rest, *, k, mass=1.0, **settings):
    old = sparsify(lq, tokens=rest["tokens"], mask=rest["mask"], k=k, mass=mass)
    return troll_sparse_loss(u.gather(-1, old.ids), old, **rest, **settings)


@pytest.mark.parametrize("level", ["token", "sequence"])
def test_all_tokens_kept_is_the_dense_form(level):
    u, lq, rest = batch()
    leaf = u.clone().requires_grad_()
    dense = troll_loss(leaf, lq, **rest, level=level)
    merged = sparse(leaf, lq, rest, k=8, level=level)
    torch.testing.assert_close(merged.per_token, dense.per_token, atol=1e-9, rtol=1e-9)
    for name, value in dense.diagnostics.items():
        torch.testing.assert_close(merged.diagnostics[name], value, atol=1e-8, rtol=1e-8)
    grads = [torch.autograd.grad(x.per_token.sum(), leaf, retain_graph=True)[0] for x in (dense, merged)]
    grads = [g - leaf.exp() * g.sum(-1, keepdim=True) for g in grads]
    torch.testing.assert_close(*grads, atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("delta", [0.02, 10.0])
def test_a_tail_with_the_same_proportions_loses_nothing(delta):
    """Where π̃ and q agree within the tail, one bucket is exact: values and gradients on the logits, tail included."""
    u, lq, rest = batch((6, 6), 20, apart=0.0, seed=2)
    rest["tokens"] = lq.argsort(-1, descending=True)[..., 3]
    head = lq.argsort(-1, descending=True)[..., :6]
    g = torch.Generator().manual_seed(5)
    logits = u.scatter_add(-1, head, torch.randn(6, 6, 6, generator=g).double()).requires_grad_()
    dense = troll_loss(logits.log_softmax(-1), lq, **rest, delta_kl=delta)
    merged = sparse(logits.log_softmax(-1), lq, rest, k=6, delta_kl=delta)
    assert dense.diagnostics["projected"].any() == (delta < 1)
    torch.testing.assert_close(merged.per_token, dense.per_token, atol=1e-9, rtol=1e-8)
    grads = [torch.autograd.grad(x.per_token.sum(), logits)[0] for x in (dense, merged)]
    torch.testing.assert_close(*grads, atol=1e-9, rtol=1e-7)


def test_error_of_the_sparse_form_shrinks_with_the_tail():
    """Largest error of a ratio, on peaked distributions over 500 tokens: below the square root of the tail's mass."""
    g = torch.Generator().manual_seed(7)
    logits = 6 * torch.randn(16, 16, 500, generator=g, dtype=torch.float64)
    u = (logits + torch.randn(16, 16, 500, generator=g, dtype=torch.float64)).log_softmax(-1)
    lq = logits.log_softmax(-1)
    tokens = torch.distributions.Categorical(logits=lq.float()).sample()
    rest = {"tokens": tokens, "mask": torch.ones(16, 16).bool(), "advantages": torch.ones(16, 16).double()}
    dense = troll_loss(u, lq, **rest)
    assert dense.diagnostics["projected"].float().mean() > 0.3
    worst = []
    for mass in (1e-2, 1e-4, 1e-6):
        merged = sparse(u, lq, rest, k=500, mass=1 - mass)
        worst.append((merged.diagnostics["ratio"] / dense.diagnostics["ratio"] - 1).abs().max().item())
        assert worst[-1] < math.sqrt(mass)
    assert worst[0] > worst[1] > worst[2]


def test_sparsify_keeps_the_mass_and_the_sampled_token():
    p = torch.tensor([[[0.5, 0.3, 0.1, 0.06, 0.04], [0.97, 0.01, 0.01, 0.005, 0.005]]], dtype=torch.float64)
    tokens = torch.tensor([[4, 0]])
    mask = torch.tensor([[True, True]])
    top = sparsify(p.log(), tokens=tokens, mask=mask, k=4, mass=0.9)
    # .04 (sampled), .5, .3 and .1 reach .94; the second position needs its first token only.
    assert top.ids[0, 0].tolist() == [4, 0, 1, 2]
    torch.testing.assert_close(top.logp.exp()[0], torch.tensor([[0.04, 0.5, 0.3, 0.1], [0.97, 0, 0, 0]]).double())
    narrow = sparsify(p.log(), tokens=tokens, mask=torch.tensor([[False, True]]), k=4, mass=0.9)
    assert narrow.ids.shape == (1, 2, 1) and narrow.logp[0, 0, 0] == -INF
    widest = sparsify(p.log(), tokens=tokens, mask=mask, k=2, mass=1.0)
    assert widest.ids.tolist() == [[[4, 0], [0, 1]]] or widest.ids.tolist() == [[[4, 0], [0, 2]]]
    dirty = sparsify(p.log().masked_fill(~mask.unsqueeze(-1), math.nan), tokens=tokens, mask=mask, k=4, mass=0.9)
    assert torch.equal(dirty.ids, top.ids)


def test_sparse_weight_and_masking():
    u, lq, rest = batch((4, 5), 12)
    mask, tokens = rest["mask"], rest["tokens"]
    old = sparsify(lq, tokens=tokens, mask=mask, k=6, mass=0.95)
    logp = at_tokens(u, tokens).requires_grad_()
    loss = troll_sparse_loss(spread(logp, u, tokens).gather(-1, old.ids), old, **rest)
    (gradient,) = torch.autograd.grad(loss.per_token.sum(), logp)
    torch.testing.assert_close(gradient, -loss.diagnostics["weight"], atol=1e-12, rtol=1e-12)
    assert loss.diagnostics["projected"].any() and (old.logp[mask] == -INF).any()
    junk = ~mask.unsqueeze(-1)
    leaf = u.gather(-1, old.ids).masked_fill(junk, math.nan).requires_grad_()
    dirty = troll_sparse_loss(leaf, TopK(old.ids.masked_fill(junk, -1), old.logp.masked_fill(junk, INF)), mask=mask,
                              tokens=tokens.masked_fill(~mask, -100),
                              advantages=rest["advantages"].masked_fill(~mask, INF))
    torch.testing.assert_close(dirty.per_token, loss.per_token)
    (gradient,) = torch.autograd.grad(dirty.per_token.sum(), leaf)
    assert torch.isfinite(gradient).all() and not gradient[~mask].any()


def test_sparse_float32_gradients_do_not_explode_at_an_empty_tail():
    """The old policy has a tail of 1e-5, the new one none that float32 can see."""
    lq = torch.tensor([[[0.7, 0.29999, 0.00001]]]).log().log_softmax(-1)
    logits = torch.tensor([[[1.0, 3.0, -40.0]]], requires_grad=True)
    rest = {"tokens": torch.tensor([[1]]), "advantages": torch.ones(1, 1), "mask": torch.ones(1, 1).bool()}
    loss = sparse(logits.log_softmax(-1), lq, rest, k=2)
    (gradient,) = torch.autograd.grad(loss.per_token.sum(), logits)
    reference = logits.detach().double().requires_grad_()
    dense = troll_loss(reference.log_softmax(-1), lq.double().log_softmax(-1), **rest)
    (exact,) = torch.autograd.grad(dense.per_token.sum(), reference)
    assert loss.diagnostics["projected"].all()
    torch.testing.assert_close(gradient.double(), exact, atol=2e-3, rtol=1e-3)


# --- the method -------------------------------------------------------------------------------------------------------


def test_the_method_hands_its_settings_to_the_loss():
    u, lq, rest = batch()
    zeros = torch.zeros(4)
    top = sparsify(lq, tokens=rest["tokens"], mask=rest["mask"], k=3, mass=1.0)
    full = Batch(tokens=rest["tokens"], mask=rest["mask"], forced=~rest["mask"], rewards=zeros, group=zeros.long(),
                 ended=zeros.bool(), horizon=5, logp_rollout=at_tokens(lq, rest["tokens"]), full_old=lq,
                 topk_rollout=top, advantages=rest["advantages"], anchor="recomputed")
    scores = Scores(at_tokens(u, rest["tokens"]), u)
    method = TROLL(delta_kl=0.02, alpha=0.5, level="sequence")
    expected = troll_loss(u, lq, **rest, delta_kl=0.02, alpha=0.5, level="sequence")
    assert torch.equal(method.objective(scores, full).per_token, expected.per_token)
    needs = method.needs("recomputed")
    assert needs.full and needs.full_anchor and not needs.topk_anchor

    sampler = Batch(**{**vars(full), "anchor": "rollout", "full_old": None})
    small = TROLL(top_k=3)
    expected = troll_sparse_loss(u.gather(-1, top.ids), top, **rest)
    assert torch.equal(small.objective(scores, sampler).per_token, expected.per_token)
    needs = small.needs("rollout")
    assert needs.full and not needs.full_anchor and needs.topk_anchor == 3 and not needs.old
    with pytest.raises(ValueError, match="full"):
        small.objective(Scores(scores.logp), sampler)
    assert ALGORITHMS["troll"] is TROLL and TROLL().aggregation == "token-mean" and TROLL.anchor == "recomputed"


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change, error, message", [
    ({"delta_kl": -0.1}, ValueError, "delta_kl: expected a number at least 0, got -0.1"),
    ({"delta_kl": math.nan}, ValueError, "delta_kl"),
    ({"delta_kl": "far"}, TypeError, "delta_kl"),
    ({"alpha": -1.0}, ValueError, "alpha"),
    ({"level": "batch"}, ValueError, "level"),
    ({"tokens": torch.full((4, 5), 8)}, ValueError, "tokens: expected token ids from 0 to 7, got 8"),
    ({"tokens": torch.zeros(4, 5)}, TypeError, "tokens"),
    ({"tokens": torch.zeros(4, 6).long()}, ValueError, r"tokens: expected \[B, T\] = \[4, 5\], got \[4, 6\]"),
    ({"advantages": torch.zeros(4)}, ValueError, r"advantages: expected \[B, T\] = \[4, 5\], got \[4\]"),
    ({"advantages": torch.full((4, 5), INF)}, ValueError, "advantages"),
    ({"mask": torch.ones(4, 5)}, TypeError, "mask: expected torch.bool"),
    ({"logp": torch.zeros(4, 5)}, ValueError, r"logp: expected \[B, T, V\], got \[4, 5\]"),
    ({"logp": torch.zeros(4, 0, 8)}, ValueError, "logp"),
    ({"logp": torch.zeros(4, 5, 8)}, ValueError, "logp: expected normalised"),
    ({"logp": torch.full((4, 5, 8), math.nan)}, ValueError, "logp"),
    ({"logp_old": torch.zeros(4, 5, 9)}, ValueError, r"logp_old: expected \[B, T, V\] = \[4, 5, 8\]"),
    ({"logp_old": torch.zeros(4, 5, 8)}, ValueError, "logp_old: expected normalised"),
])
def test_bad_input_is_named(change, error, message):
    u, lq, rest = batch()
    arguments = {"logp": u, "logp_old": lq, **rest, **change}
    with pytest.raises(error, match=message):
        troll_loss(arguments.pop("logp"), arguments.pop("logp_old"), **arguments)


def test_a_sampled_token_without_probability_is_named():
    u, lq, rest = batch()
    rest["tokens"][:] = 0
    for which in range(2):
        pair_ = [u.clone(), lq.clone()]
        pair_[which][0, 0, 0] = -INF
        pair_[which] = pair_[which].log_softmax(-1)
        with pytest.raises(ValueError, match=("logp of", "logp_old of")[which] + " the sampled tokens: .* -inf"):
            troll_loss(*pair_, **rest)


def test_bad_input_of_the_sparse_form_and_the_projection():
    u, lq, rest = batch()
    old = sparsify(lq, tokens=rest["tokens"], mask=rest["mask"], k=2, mass=1.0)
    with pytest.raises(ValueError, match="tokens: expected each sampled token among old.ids, got"):
        troll_sparse_loss(u.gather(-1, old.ids), old, **{**rest, "tokens": (rest["tokens"] + 1) % 8 - 8})
    with pytest.raises(ValueError, match="old.logp: expected probabilities that sum to at most 1"):
        troll_sparse_loss(u.gather(-1, old.ids), TopK(old.ids, torch.full_like(old.logp, -0.1)), **rest)
    with pytest.raises(ValueError, match=r"old.ids: expected \[B, T, K\]"):
        troll_sparse_loss(u.gather(-1, old.ids), TopK(old.ids[..., :1], old.logp), **rest)
    with pytest.raises(ValueError, match="k: expected a number at least 1 and at most 8, got 9"):
        sparsify(lq, tokens=rest["tokens"], mask=rest["mask"], k=9)
    with pytest.raises(ValueError, match="mass"):
        sparsify(lq, tokens=rest["tokens"], mask=rest["mask"], k=2, mass=1.5)
    with pytest.raises(ValueError, match="logp_old: expected"):
        project(u, lq[..., :7], delta_kl=0.1)
    with pytest.raises(ValueError, match="delta_kl"):
        project(u, lq, delta_kl=-1.0)
    with pytest.raises(ValueError, match=r"logp: expected \[..., V\], got \[\]"):
        project(torch.tensor(0.0), torch.tensor(0.0), delta_kl=0.1)
    for settings_ in ({"delta_kl": -1.0}, {"alpha": math.nan}, {"level": "x"}, {"top_k": 0}):
        with pytest.raises(ValueError, match=next(iter(settings_))):
            TROLL(**settings_)
