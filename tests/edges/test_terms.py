"""Divergences of large vocabularies: in blocks they are what they are in one piece."""

import math

import pytest
import torch

from tests.losses import D, close, noise, slope
from trlib import checks, terms
from trlib.divergences import kl, tv
from trlib.terms import BLOCK, whole

RULES = {"kl": kl, "tv": tv}
every_rule = pytest.mark.parametrize("rule", RULES)


@pytest.fixture
def small_blocks(monkeypatch):
    """Everything is large, and a block has three outcomes."""
    monkeypatch.setattr(terms, "LARGE", 1)
    monkeypatch.setattr(terms, "BLOCK", 3)


def leaf(x):
    return x.detach().clone().requires_grad_()


def in_one_piece(rule, log_a, log_b):
    dtype = checks.wide(log_a, log_b)
    return whole(rule, log_a.to(dtype), log_b.to(dtype))


def pairs(v):
    """log a and log b [2, V]: near, far, with outcomes of probability 0 in a, in both and in b."""
    logits, step = 3 * noise(2, v), noise(2, v, seed=1)
    drawn = noise(v, seed=2)
    none, padding = drawn < -1, torch.arange(v) > v - v // 5
    one = drawn == drawn.max()
    found = {
        "near": (logits, logits + 1e-3 * step),
        "moved": (logits, logits + step),
        "far": (logits, 30 * step),
        "nothing in a": (logits.masked_fill(none, -math.inf), logits + step),
        "padded": tuple(x.masked_fill(padding, -math.inf) for x in (logits, logits + step)),
        "nothing in b": (logits, (logits + step).masked_fill(one, -math.inf)),
    }
    return {name: (a.log_softmax(-1), b.log_softmax(-1)) for name, (a, b) in found.items()}


KINDS = ("near", "moved", "far", "nothing in a", "padded", "nothing in b")


@every_rule
@pytest.mark.parametrize("kind", KINDS)
def test_in_blocks_and_in_one_piece(rule, kind):
    """Over two blocks, the second of them short: the values, and both gradients."""
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        a, b = (x.to(dtype) for x in pairs(BLOCK + 1_001)[kind])
        with checks.value_checks(dtype != torch.bfloat16):  # rounded, such a sum misses 1
            results = []
            for call in (RULES[rule], lambda *logs: in_one_piece(rule, *logs)):
                x, y = leaf(a), leaf(b)
                value = call(x, y)
                weight = torch.tensor([1.0, -0.3], dtype=value.dtype)
                results.append((value, *torch.autograd.grad(value, (x, y), weight)))
        (found, *slopes), (expected, *expected_slopes) = results
        assert found.dtype == expected.dtype == checks.wide(a)
        bound = 1e-14 if dtype == D else 2e-7
        close(found, expected, bound)
        for one, other in zip(slopes, expected_slopes, strict=True):
            assert one.dtype == dtype and torch.isfinite(one).all()
            far = 10 if kind == "far" else 1
            torch.testing.assert_close(one, other, rtol=1e-2, atol=far * bound)


@every_rule
def test_it_may_be_differentiated_twice(rule, small_blocks):
    for a, b in pairs(10).values():
        results = []
        for call in (RULES[rule], lambda *logs: whole(rule, *logs)):
            x, y = leaf(a), leaf(b)
            slopes = torch.autograd.grad(call(x, y).sum(), (x, y), create_graph=True)
            assert all(one.requires_grad for one in slopes)
            twice = torch.autograd.grad(sum((one**2).sum() for one in slopes), (x, y))
            results.append((*slopes, *twice))
        for one, other in zip(*results, strict=True):
            close(one, other, 1e-12)


@every_rule
def test_every_shape(rule, small_blocks):
    a, b = pairs(10)["moved"]
    across = [x.t().contiguous().t() for x in (a, b)]  # outcomes that are not side by side
    wide = [x[:1].expand(3, 10) for x in (a, b)]
    for x, y in ((a[0], b[0]), (a[:, None], b[:, None]), across, wide):
        one, other = leaf(x), leaf(x)
        found, expected = RULES[rule](one, y), whole(rule, other, y)
        close(found, expected, 1e-12)
        close(slope(found, one), slope(expected, other), 1e-12)
