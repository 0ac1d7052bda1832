"""Numbers that no list of options holds: an epsilon of 0.21, a term with a factor of 0.013, read
off what was observed.

Each number is sought alone, with every other choice the reference's. What it finds becomes one more
option, which the search then treats as any other: it explains the function only where values and
gradients agree on every batch.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from scipy.optimize import brentq

from trcheck.conformance.bench import Bench
from trcheck.conformance.common_bugs import ADDED, TERMS, added
from trcheck.conformance.definitions import Free, Option

GRID = 40
"""Points between which a change of sign is sought."""
ROOTS = 8
"""At how many of a function's numbers a root is sought, at most."""
CLOSER = 1e-4
"""Of two that do equally well at the tolerance, the one that does better at this share of it is
taken."""
DIGITS = 12
"""Significant digits of what is found."""


def fit(bench: Bench, tolerance: float) -> None:
    """Offer the bench the options that leave fewer numbers in disagreement than the reference
    does."""
    least = bench.left({}, tolerance, False)

    def offer(axis: str, option: Option, words: str) -> None:
        if bench.left({axis: option}, tolerance, False) < least:
            bench.offer(axis, option, words)

    for name, axis in bench.family.axes.items():
        for free in axis.free:
            found = (_threshold if free.distances else _root)(bench, name, free, tolerance)
            if found is not None:
                offer(name, free.option(found), free.words(found))
    for name in TERMS:
        factor = _factor(bench, name)
        if factor is not None:
            offer(ADDED, (name, factor), added(name, factor))


def _root(bench: Bench, axis: str, free: Free, tolerance: float) -> float | None:
    """The number at which one of the observed numbers is met and the fewest others are missed."""

    def apart(x: float) -> torch.Tensor:
        return bench.numbers({axis: free.option(x)}) - bench.observed

    low, high = (math.log10(end) for end in free.span)
    xs = torch.logspace(low, high, GRID, dtype=torch.float64).tolist()
    grid = torch.stack([apart(x) for x in xs])
    crosses = (grid[:-1] * grid[1:] < 0) & grid[:-1].isfinite() & grid[1:].isfinite()
    once = torch.nonzero(crosses.sum(0) == 1)[:, 0]
    roots = set()
    for j in once[torch.linspace(0, len(once) - 1, min(ROOTS, len(once))).long()].tolist():
        k = int(torch.nonzero(crosses[:, j])[0, 0])
        root = brentq(lambda x, j=j: float(apart(x)[j]), xs[k], xs[k + 1], xtol=1e-15, rtol=1e-14)
        roots.add(_rounded(root))

    def missed(
        x: float,
    ) -> tuple[int, int]:  # to the tolerance; and, where a large number hid the digits, closer
        change = {axis: free.option(x)}
        return bench.left(change, tolerance, False), bench.left(change, tolerance * CLOSER, False)

    return min(roots, key=missed, default=None)


def _threshold(bench: Bench, axis: str, free: Free, tolerance: float) -> float | None:
    """The roundest number of the stretch between two distances that misses the fewest numbers."""
    assert free.distances is not None
    low, high = free.span
    ends = free.distances(bench.rows).detach().unique()
    edges = [low, *ends[(ends > low) & (ends < high)].tolist(), high]
    middles = [(a + b) / 2 for a, b in pairwise(edges)]
    left = [bench.left({axis: free.option(x)}, tolerance, False) for x in middles]
    best = left.index(min(left))
    return _roundest(edges[best], edges[best + 1])


def _roundest(low: float, high: float) -> float:
    """The number of [low, high) with the fewest decimals."""
    for decimals in range(16):
        rounded = math.ceil(low * 10**decimals) / 10**decimals
        if low <= rounded < high:
            return rounded
    return low


def _factor(bench: Bench, name: str) -> float | None:
    """The term's factor: the median of what the tokens' gradients say. Values may differ for
    another reason, the form in which a loss is written."""
    without = bench.gradients({})
    term = bench.gradients({ADDED: (name, 1.0)}) - without
    felt = term.abs() > 1e-9
    if not felt.any():
        return None
    factor = ((bench.gradient - without)[felt] / term[felt]).median().item()
    return _rounded(factor) if math.isfinite(factor) and abs(factor) > 1e-12 else None


def _rounded(x: float) -> float:
    return float(f"{x:.{DIGITS}g}")
