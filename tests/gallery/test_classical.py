"""Newton's step in a ball, a ball shaped by bounds, two players: by hand, by brute force, and the
traps."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.losses import D, close, noise, tensor
from trlib.relatives.classical import (
    heat_network,
    matrl_step,
    newton_cg,
    scaled_tr_solve,
    steihaug_cg,
)


def vector(*numbers):
    return tensor(numbers)


def symmetric(size, seed):
    g = torch.Generator().manual_seed(seed)
    a = torch.randn(size, size, generator=g, dtype=D)
    return a + a.T, torch.randn(size, generator=g, dtype=D)


# Conjugate gradients in a ball


@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 8), seed=st.integers(0, 10_000), radius=st.floats(1e-3, 1e3))
def test_a_step_stays_in_the_ball_and_beats_the_gradient_s_own(size, seed, radius):
    """Never worse than the Cauchy point, the best along -g inside the ball, whatever the
    curvature's signs."""
    h, g = symmetric(size, seed)
    s = steihaug_cg(lambda v: h @ v, g, radius)
    assert s.norm() <= radius * (1 + 1e-9)
    curve, length = g @ h @ g, g.norm()
    along = (
        min(float(length**2 / curve), radius / float(length))
        if curve > 0
        else radius / float(length)
    )

    def model(s):
        return float(g @ s + s @ h @ s / 2)

    cauchy = model(-along * g)
    assert model(s) <= cauchy + 1e-9 * abs(cauchy)


# FDNet's optimiser


def test_a_quadratic_takes_a_step_and_the_radius_follows_the_rule():
    path = newton_cg(lambda x: ((x - vector(3, 4)) ** 2).sum(), vector(0, 0), radius=1.0)
    # Inside the model is exact: the radius doubles at the edge, up to 2; lengths 1, 2, 2 end at (3,
    # 4).
    assert [radius for *_, radius in path] == [1, 2, 2, 2]
    assert [value for _, value, _ in path] == pytest.approx([25, 16, 4, 0])
    close(path[-1][0], vector(3, 4))
    # A step that ends inside says nothing of the edge: the radius stays.
    path = newton_cg(lambda x: ((x - vector(0.1, 0)) ** 2).sum(), vector(0, 0), radius=1.0)
    assert [radius for *_, radius in path] == [1, 1]


def test_a_promise_that_is_broken_shrinks_the_ball_and_keeps_the_point():
    # From 0.1 on the model of log(x) promises a fall beyond 0, where log is NaN: a quarter of the
    # radius, x as it was.
    path = newton_cg(
        lambda x: x.log().sum() + 50 * (x - 0.1).square().sum(),
        vector(0.5),
        radius=1.0,
        iterations=2,
    )
    assert all(math.isfinite(value) for _, value, _ in path)
    path = newton_cg(lambda x: x.log().sum(), vector(0.5), radius=1.0, iterations=1)
    assert path[1][2] == 0.25 and path[1][0].item() == 0.5 and path[1][1] == path[0][1]


# Affine scaling


def himmelblau(x):
    return torch.stack([x[0] ** 2 + x[1] - 11, x[0] + x[1] ** 2 - 7])


def powell(x):
    return torch.stack([1e4 * x[0] * x[1] - 1, (-x).exp().sum() - 1.0001])


KINDS = ("none", "coleman-li", "kanzow-klug", "mix", "naive")


@pytest.mark.parametrize("kind", KINDS)
def test_roots_in_a_box(kind):
    low, high = vector(0, 0), vector(5, 5)
    path = scaled_tr_solve(himmelblau, vector(1, 1), low, high, kind=kind)
    close(path[-1][0], vector(3, 2))
    assert len(path) <= 8
    path = scaled_tr_solve(powell, vector(1e-5, 5), low, 2 * high, kind=kind)
    close(path[-1][0], vector(1.0981593e-5, 9.1061467), 1e-06)
    assert len(path) <= 11


@settings(max_examples=15, deadline=None)
@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 10_000), power=st.sampled_from([0.5, 1.0]))
def test_no_step_touches_a_bound_and_none_goes_up(kind, seed, power):
    """The root may lie outside, on a bound or inside."""
    g = torch.Generator().manual_seed(seed)
    a, b, x = (torch.rand(*size, generator=g, dtype=D) for size in ((2, 2), (2,), (2,)))
    path = scaled_tr_solve(
        lambda x: a @ x - 2 * b + x**2,
        0.01 + 0.98 * x,
        vector(0, 0),
        vector(1, 1),
        kind=kind,
        power=power,
        iterations=40,
    )
    assert all(bool(((x > 0) & (x < 1)).all()) for x, *_ in path)
    assert all(after[1] <= before[1] for before, after in pairwise(path))


# Two players


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 4), m=st.integers(2, 4))
def test_the_game_of_stay_or_step_has_a_pure_equilibrium(seed, n, m):
    """Each plays one of its two moves, and no mixture of them pays more: in games of any
    payoffs."""
    g = torch.Generator().manual_seed(seed)
    u1, u2 = (torch.randn(n, m, generator=g, dtype=D) for _ in range(2))
    p, q = (torch.rand(size, generator=g, dtype=D).softmax(-1) for size in (n, m))
    x, y = matrl_step(u1, u2, p, q, 0.7, respond=False)
    step_p, step_q = (p.log() + 0.7 * u1 @ q).softmax(-1), (q.log() + 0.7 * p @ u2).softmax(-1)
    assert any(torch.allclose(x, move) for move in (p, step_p))
    assert any(torch.allclose(y, move) for move in (q, step_q))
    for other in (p, step_p):
        assert other @ u1 @ y <= x @ u1 @ y + 1e-12
    for other in (q, step_q):
        assert x @ u2 @ other <= x @ u2 @ y + 1e-12
    assert x.sum().item() == pytest.approx(1) and y.sum().item() == pytest.approx(1)


def test_a_filter_of_the_heat_network_is_not_reversed():
    taps, u = tensor([0.1, 0.6, 0.2]), noise(7)
    expected = np.correlate(np.correlate(u, taps, "same"), taps, "same")
    close(heat_network(u, taps, steps=2)[1], torch.as_tensor(expected))
