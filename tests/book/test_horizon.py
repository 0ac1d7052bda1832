"""The relay that can be summed: every sum against the list of all its completions, and what the
chapter says of it."""

import itertools
import math

import pytest
import torch

from trbook.horizon import FREE, METHODS, RIGHT, TURN, Chain, estimate, fresh, worth

SMALL = [0, 4, 12]
"""Versions between sampler and learner."""


def listed(chain, method):
    """Mean and variance by going through every completion, token by token, and the sum of all
    chances."""
    p, s, q = chain.learner
    mean, length, whole = torch.zeros(3, dtype=torch.float64), 0.0, 0.0
    for turned, wrong, choices in itertools.product(
        (True, False),
        range(chain.legs + 1),
        itertools.product((True, False), repeat=chain.legs - 1),
    ):
        if turned and wrong:
            continue
        tokens = [(TURN, p, 0, 1 - p) if turned else (1 - TURN, 1 - p, 0, -p)]
        for leg in range(chain.legs):
            if leg:
                tokens.append((FREE, q, 2, 1 - q) if choices[leg - 1] else (1 - FREE, 1 - q, 2, -q))
            if not turned and leg <= wrong:
                tokens.append((RIGHT, s, 1, 1 - s) if leg < wrong else (1 - RIGHT, 1 - s, 1, -s))
        A = float(turned or wrong == chain.legs) - chain.value[0]
        chance, W = math.prod(t[0] for t in tokens), math.prod(t[1] / t[0] for t in tokens)
        so_far, g = 1.0, torch.zeros(3, dtype=torch.float64)
        for old, new, logit, score in tokens:
            so_far *= new / old
            weight = {
                "tis": min(new / old, 2),
                "prefix": so_far,
                "sequence": W,
                "sequence_tis": min(W, 2),
            }[method]
            g[logit] += weight * score * A
        mean += chance * g
        length += chance * float(g @ g)
        whole += chance
    assert whole == pytest.approx(1, rel=1e-12)
    return mean, length - float(mean @ mean)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("versions", SMALL)
def test_the_sums_are_those_over_all_completions(method, versions):
    chain = Chain(horizon=12, versions=versions)
    mean, variance = estimate(chain, method)
    expected, spread = listed(chain, method)
    torch.testing.assert_close(mean, expected, rtol=1e-9, atol=1e-12)
    assert variance == pytest.approx(spread, rel=1e-9, abs=1e-12)


def test_where_nothing_is_stale_every_correction_is_worth_its_batch():
    chain = Chain(horizon=64)
    for method in METHODS:
        assert worth(chain, method, 64) == pytest.approx(64, rel=1e-9), method
    assert fresh(chain) == pytest.approx(estimate(chain, "sequence")[1], rel=1e-9)
    assert chain.promised == 0 and chain.value[0] == chain.value[1]
