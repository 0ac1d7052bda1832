"""Divergences: by hand, the exact zeros and infinities, gradients on the simplex, and the laws
between them."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.losses import D, close, noise, slope, tensor
from trlib import checks, terms
from trlib.divergences import binary_kl, binary_tv, k3, kl, log1mexp, topk_kl, topk_tv, tv

INF = math.inf


def logs(*probabilities, dtype=D):
    return torch.tensor(probabilities, dtype=dtype).log()


def random_pair(seed, v, spread=4.0, rows=6):
    return exact_log_softmax(spread * noise(2, rows, v, seed=seed)).unbind()


def exact_log_softmax(x):
    """-log(1 + Σ_j≠i e^(x_j - x_i)): unlike log_softmax, exact in relative terms also next to
    probability 1."""
    d = (x.unsqueeze(-2) - x.unsqueeze(-1)).masked_fill(
        torch.eye(x.shape[-1], dtype=torch.bool), -math.inf
    )
    return -torch.logaddexp(torch.zeros((), dtype=x.dtype), d.logsumexp(-1))


@pytest.mark.parametrize(
    ("a", "b", "expected_kl", "expected_tv"),
    [
        ((1.0, 0.0, 0.0), (1.0, 0.0, 0.0), 0.0, 0.0),
        ((1.0, 0.0, 0.0), (0.5, 0.5, 0.0), math.log(2), 0.5),
        ((0.5, 0.5, 0.0), (1.0, 0.0, 0.0), INF, 0.5),
        ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), INF, 1.0),
        ((0.0, 0.25, 0.75), (0.5, 0.25, 0.25), 0.75 * math.log(3), 0.5),
    ],
)
def test_probability_zero(a, b, expected_kl, expected_tv):
    log_a, log_b = logs(*a).requires_grad_(), logs(*b).requires_grad_()
    results = [kl(log_a, log_b), tv(log_a, log_b)]
    assert [r.item() for r in results] == pytest.approx([expected_kl, expected_tv])
    for result in results:
        for gradient in torch.autograd.grad(result, (log_a, log_b)):
            assert torch.isfinite(gradient).all()


def test_a_mass_too_small_for_the_type_still_counts_as_mass(monkeypatch):
    a, b = torch.tensor([0.0, -1e4]), torch.tensor([0.0, -INF])
    for large in (terms.LARGE, 1):  # in one piece, and in blocks
        monkeypatch.setattr(terms, "LARGE", large)
        assert kl(a, b).item() == INF and kl(b, a).item() == 0
        assert kl(a, torch.tensor([0.0, -1e5])).item() == 0


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (0.0, 0.0, 0.0),
        (-INF, -INF, 0.0),
        (0.0, math.log(0.25), math.log(4)),
        (math.log(0.25), 0.0, 0.25 * math.log(0.25) + 0.75 * math.log(0.75 / 1e-12)),
        (-INF, math.log(0.25), math.log(4 / 3)),
        (math.log(0.25), -INF, INF),
        (-INF, 0.0, math.log(1 / 1e-12)),
        (0.0, -INF, INF),
    ],
)
def test_binary_at_the_ends(a, b, expected):
    log_a, log_b = (torch.tensor([x], dtype=D, requires_grad=True) for x in (a, b))
    result = binary_kl(log_a, log_b)
    close(result, expected)
    close(binary_tv(log_a, log_b), abs(math.exp(a) - math.exp(b)))
    for value in (result, binary_tv(log_a, log_b)):
        for gradient in torch.autograd.grad(value, (log_a, log_b)):
            assert torch.isfinite(gradient).all()


def test_binary_close_to_probability_one_keeps_its_digits():
    # 1 - a = 1e-12 and 1 - b = 2e-12: KL = 1e-12 (log(1/2) + 2 - 1) up to a relative 1e-12.
    result = binary_kl(tensor(-1e-12), tensor(-2e-12))
    assert result.item() == pytest.approx(1e-12 * (1 - math.log(2)), rel=1e-9)
    # A 1e-8 inside the logarithm would make this one negative.
    assert binary_kl(tensor(-1e-9), tensor(-3e-9)).item() == pytest.approx(
        1e-9 * (math.log(1 / 3) + 2), rel=1e-6
    )


@pytest.mark.parametrize("rule", [kl, tv])
def test_close_distributions_keep_the_digits_of_their_arguments(rule):
    """Single precision gives what double precision makes of the same numbers."""
    logits, step = noise(2, 50, 300)
    a, b = (x.log_softmax(-1).float() for x in (logits, logits + 1e-4 * step))
    with checks.value_checks(False):  # as doubles they miss 1
        exact, single = rule(a.double(), b.double()), rule(a, b).double()
        plain = ((a.exp() - b.exp()).abs().sum(-1) / 2).double()
    assert ((single - exact).abs() / exact).max() < 1e-4
    if rule is tv:
        assert ((single - exact).abs() / exact).max() < 1e-6
        assert ((plain - exact).abs() / exact).max() > 1e-5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    a, b = (x.to(dtype) for x in random_pair(0, 5, 1.0))
    whole = partial(topk_kl, ids=torch.arange(5).expand(6, 5))
    for rule in (kl, tv, binary_kl, k3, lambda p, q: whole(p, log_b=q)):
        result = rule(a, b)
        assert result.dtype == torch.float32 and torch.equal(result, rule(a.float(), b.float()))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 9), st.floats(0.01, 12))
def test_merging_outcomes_never_increases_a_divergence(seed, v, spread):
    a, b = random_pair(seed, v, spread)
    order = a.argsort(-1, descending=True)
    token = torch.randint(v, (len(a), 1), generator=torch.Generator().manual_seed(seed))
    last_kl, last_tv = (
        f(a.gather(-1, token), b.gather(-1, token)).squeeze(-1) for f in (binary_kl, binary_tv)
    )
    for k in range(1, v + 1):
        # The sampled token first, then the most likely others: each bucket splits one of the one
        # before.
        others = order[order != token].view(len(a), v - 1)[:, : k - 1]
        ids = torch.cat([token, others], -1)
        now_kl, now_tv = topk_kl(a.gather(-1, ids), ids, b), topk_tv(a.gather(-1, ids), ids, b)
        # The rest of b is what rounding leaves of 1 - Σ b: its relative error is the KL's absolute
        # one. A rest that is hardly more than this error says nothing.
        rest = b.scatter(-1, ids, -INF).logsumexp(-1).exp()
        above = last_kl > now_kl + 1e-10 + 4e-15 / rest
        assert not (above & (rest > 1e-12)).any() and (last_tv <= now_tv + 1e-11).all()
        last_kl, last_tv = now_kl, now_tv
    close(last_kl, kl(a, b), 1e-13)
    close(last_tv, tv(a, b), 1e-13)


def test_the_rest_has_a_floor():
    # a leaves nothing to the rest, b leaves .5: with the floor 1e-12 that adds .5 - 1e-12 ... in Σ
    # a log(a/b) - a + b.
    a, b = logs(1.0), logs(0.5, 0.5)
    ids = torch.tensor([0])
    assert topk_kl(a, ids, b).item() == pytest.approx(math.log(2), rel=1e-9)
    # b leaves nothing: log(.5/1e-12) instead of inf.
    result = topk_kl(logs(0.5), ids, logs(1.0, 0.0))
    assert result.item() == pytest.approx(
        0.5 * math.log(0.5) + 0.5 * math.log(0.5 / 1e-12), rel=1e-9
    )
    gradient = slope(topk_kl(a.requires_grad_(), ids, b), a)
    assert torch.isfinite(gradient).all()


def test_log1mexp():
    x = tensor([0.0, -1e-30, -1e-9, -0.5, -math.log(2), -0.7, -50.0, -1e4, -INF]).requires_grad_()
    y = log1mexp(x)
    for value, result in zip(x.tolist()[1:], y.tolist()[1:], strict=True):
        near = value > -1
        exact = math.log(-math.expm1(value)) if near else math.log1p(-math.exp(value))
        assert result == pytest.approx(exact, rel=1e-15)
    gradient = slope(y[1:], x)
    assert y[0] == -INF and torch.isfinite(gradient).all() and gradient[0] == 0
    close(gradient[3], -math.exp(-0.5) / (1 - math.exp(-0.5)))


def test_a_rest_that_is_next_to_nothing_keeps_its_digits_in_float32():
    """Binary <= top-k <= full in float32, also where b has moved all of its mass into the k
    tokens."""
    for seed in range(20):
        g = torch.Generator().manual_seed(seed)
        a, b = (torch.log_softmax(5 * torch.randn(1000, 5, generator=g), -1) for _ in range(2))
        top = a.topk(3)
        whole = kl(a, b)
        partial = topk_kl(top.values, top.indices, b)
        assert (partial - whole <= 1e-5 * (1 + whole)).all()
        exact = topk_kl(top.values.double(), top.indices, torch.log_softmax(b.double(), -1))
        seen = exact < whole.double()  # log_a's own rounding apart
        close(partial[seen].double(), exact[seen], 1e-3)


def test_a_probability_that_float32_rounds_to_one_is_no_divergence():
    # exp(-1.2e-7) against "1": the policy is a rounding further, not infinitely far.
    result = binary_kl(torch.tensor(-1.2e-7), torch.tensor(0.0))
    assert 0 < result.item() < 2e-6
    assert result.item() == pytest.approx(1.2e-7 * (math.log(1.2e-7 / 1e-12) - 1), rel=1e-3)


def test_a_probability_above_one():
    for rule in (binary_kl, binary_tv):
        # A rounding above 0 is probability 1.
        assert rule(torch.tensor([1e-6]), torch.tensor([0.0])).item() == 0
