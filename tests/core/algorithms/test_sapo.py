"""SAPO: the gate by hand, its slope, its limits."""

import math

import pytest

from tests.losses import at
from trlib.algorithms import sapo_loss


def loss(ratios, advantages, **settings):
    found = sapo_loss(**at(ratios, advantages, -12.0), **settings)
    return found.per_token[0].tolist(), found.diagnostics["weight"][0].tolist()


def gate(r, tau):
    return 4 / tau / (1 + math.exp(-tau * (r - 1)))


def slope(r, tau):
    s = 1 / (1 + math.exp(-tau * (r - 1)))
    return 4 * s * (1 - s)


def test_by_hand():
    # At ratio 1 the gate is 2/τ with slope 1: half of 4/τ.
    values, weights = loss([1.0, 1.0], [1.0, -1.0])
    assert values == pytest.approx([-2.0, 2 / 1.05]) and weights == pytest.approx([1.0, -1.0])
    # And with a temperature of its own for each sign of the advantage.
    ratios, advantages, taus = [0.2, 0.2, 1.3, 1.3, 4.0, 4.0], [1.5, -1.5] * 3, [2.0, 5.0] * 3
    values, weights = loss(ratios, advantages, tau_pos=2.0, tau_neg=5.0)
    assert values == pytest.approx(
        [-a * gate(r, t) for r, a, t in zip(ratios, advantages, taus, strict=True)], rel=1e-13
    )
    assert weights == pytest.approx(
        [a * r * slope(r, t) for r, a, t in zip(ratios, advantages, taus, strict=True)], rel=1e-13
    )
