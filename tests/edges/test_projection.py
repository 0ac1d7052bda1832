"""The projection against scipy and central differences, and a million tokens inside the region."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.by_day import by_day
from tests.losses import D, close, noise, tensor
from trlib.algorithms.troll import project
from trlib.divergences import kl

INF = math.inf


def pair(rows, vocabulary, *, apart=1.0, seed=0, dtype=D):
    """log π̃ and log q, [rows, vocabulary], whose logits differ by `apart` standard normals."""
    logits, step = noise(2, rows, vocabulary, seed=seed)
    new, old = 2 * logits + apart * step, 2 * logits
    return new.log_softmax(-1).to(dtype), old.log_softmax(-1).to(dtype)


def plain_kl(logp, lq):
    """Σ p log(p/q) in float64 as anybody would write it, with no help from what the sums should
    be."""
    logp, lq = logp.double(), lq.double()
    return torch.where(logp > -INF, logp.exp() * (logp - lq), 0.0).sum(-1)


def geodesic(u, lq, eta):
    return ((eta.unsqueeze(-1) * lq + u) / (1 + eta.unsqueeze(-1))).log_softmax(-1)


# --- values
# -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dtype, n",
    by_day(
        [(torch.float32, 200_000), (D, 40_000), (torch.float32, 20_000)],
        (torch.float32, 20_000),
        reason="a million of them take seconds",
    ),
)
def test_a_million_tokens_stay_inside(dtype, n):
    """Five families, log-probs down to -1e4: noise, far apart, a token that takes over, rare ones,
    all scales."""
    a, b = noise(2, n, 12).float()
    share = torch.rand(n, 2, 1, generator=torch.Generator().manual_seed(1))
    first, second = torch.eye(12)[:2, None]
    active = 0
    for new, old, delta in (
        (2 * a + 0.5 * b, 2 * a, 0.05),
        (3 * b, 2 * a, 0.01),
        (2 * a + 1e4 * share[:, 0] * second, 2 * a + 1e4 * share[:, 1] * first, 0.25),
        (2 * a + 40 * share[:, 0] * second, 2 * a - 30 * share[:, 1] * second, 0.05),
        (b * 10 ** (4 * share[:, 0]) / 3, 2 * a * 10 ** (4 * share[:, 1]) / 3, 0.05),
    ):
        u, lq = (x.log_softmax(-1).clamp(min=-1e4).to(dtype) for x in (new, old))
        projected = project(u, lq, delta_kl=delta)
        assert plain_kl(projected.logp, lq).max().item() <= delta  # not a rounding outside
        assert torch.isfinite(projected.logp).all()
        # No slack beyond rounding: q itself would be feasible too.
        reached = plain_kl(projected.logp, lq)[projected.eta > 0]
        assert reached.min().item() > delta * (1 - (1e-9 if dtype == D else 1e-2))
        active += len(reached)
    assert active > 3 * n


def test_radius_zero_is_the_old_policy_and_infinite_is_none():
    u, lq = pair(6, 9)
    lq[0, 2] = -INF
    lq[0] = lq[0].log_softmax(-1)
    u[3] = lq[3]
    u.requires_grad_()
    at_zero = project(u, lq, delta_kl=0.0)
    assert torch.equal(at_zero.logp, lq)
    assert torch.equal(at_zero.eta, tensor([INF, INF, INF, 0.0, INF, INF]))
    (gradient,) = torch.autograd.grad((at_zero.logp.masked_fill(lq == -INF, 0.0) ** 2).sum(), u)
    assert torch.equal(gradient[[0, 1, 2, 4, 5]], torch.zeros(5, 9, dtype=D))
    free = project(u, lq, delta_kl=INF)
    assert torch.equal(free.logp, u) and not free.eta.any()


def test_probability_zero_on_either_side():
    new = tensor(
        [[0.5, 0.5, 0.0, 0.0], [0.25, 0.25, 0.5, 0.0], [0.0, 0.0, 0.5, 0.5], [0.0, 0.1, 0.2, 0.7]]
    )
    old = tensor(
        [[0.4, 0.4, 0.2, 0.0], [0.5, 0.5, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0], [0.4, 0.2, 0.2, 0.2]]
    )
    u = new.log().requires_grad_()
    projected = project(u, old.log(), delta_kl=0.3)
    # 0: KL(new || old) = log 1.25 is inside.  1: only two tokens can remain, and on them the two
    # agree. 2: nothing in common; 3: giving up the token of probability .4 costs log(1/.6) = .51 >
    # .3. Both: the old policy.
    expected = tensor(
        [[0.5, 0.5, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0], [0.4, 0.2, 0.2, 0.2]]
    )
    close(projected.logp.exp(), expected)
    assert projected.eta.tolist() == [0.0, 0.0, INF, INF]
    (gradient,) = torch.autograd.grad(projected.logp[:, 0].sum(), u)
    close(gradient, tensor([[1.0, 0, 0, 0], [0.5, -0.5, 0, 0], [0] * 4, [0] * 4]))
    # With a radius that pays for the lost token the rest moves as far as it can.
    wide = project(new[3].log(), old[3].log(), delta_kl=0.6)
    assert plain_kl(wide.logp, old[3].log()).item() == pytest.approx(0.6, rel=1e-9)
    assert wide.logp[0] == -INF


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    scale=st.floats(0.1, 500.0),
    apart=st.floats(0.01, 500.0),
    vocabulary=st.integers(2, 40),
    delta=st.floats(1e-6, 3.0),
)
def test_laws_of_the_projection(seed, scale, apart, vocabulary, delta):
    g = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(8, vocabulary, generator=g, dtype=D)
    u = (logits + apart * torch.randn(8, vocabulary, generator=g, dtype=D)).log_softmax(-1)
    lq = logits.log_softmax(-1)
    inner = project(u, lq, delta_kl=delta)
    reached = kl(inner.logp, lq)
    assert (reached <= delta * (1 + 1e-6)).all()
    # It lies on the geodesic, and at the region's edge where it has moved.
    assert (reached >= delta * (1 - 1e-6))[inner.eta > 0].all()
    close(inner.logp, geodesic(u, lq, inner.eta), 1e-6)


# --- gradients
# ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("apart, delta", [(0.6, 0.05), (2.0, 0.05), (2.0, 0.5), (0.05, 0.05)])
def test_central_differences(apart, delta):
    u, lq = pair(6, 7, apart=apart)

    def both(logits):
        projected = project(logits.log_softmax(-1), lq, delta_kl=delta)
        return projected.logp, projected.eta

    assert torch.autograd.gradcheck(both, (u.clone().requires_grad_(),), eps=1e-6, atol=1e-6)


def test_extreme_gradients_are_finite():
    u, lq = pair(40, 6, apart=1.0, dtype=torch.float32)
    u, lq = (400 * u).log_softmax(-1), (700 * lq).log_softmax(-1)
    u.requires_grad_()
    projected = project(u, lq, delta_kl=0.05)
    (gradient,) = torch.autograd.grad(projected.logp[:, 0].exp().sum(), u)
    assert torch.isfinite(gradient).all() and (projected.eta > 0).any()
