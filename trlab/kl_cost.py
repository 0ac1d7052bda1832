"""What accuracy costs in nats: the price of a point. The number is this book's own; no paper defines
it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trlab.statistics import finite_runs, percentiles
from trlib.evaluation import RESAMPLES, Estimate

POINT = 0.01
"""A point of accuracy."""


@dataclass(frozen=True)
class Price(Estimate):
    """Nats per point with an interval; inf: nothing was gained."""

    runs: int
    runs_without_gain: int
    """Runs that gained nothing. They are not left out: what they moved and what they lost count."""


def nats_per_point(
    nats: Sequence[float] | np.ndarray,
    accuracy: Sequence[float] | np.ndarray,
    base: Sequence[float] | np.ndarray,
) -> Price:
    """How far the policy was moved for each point (.01) of accuracy that it gained, in nats per
    token.

    Σ_i nats_i / Σ_i (accuracy_i - base_i)/.01,
        nats_i = Σ_b KL(μ_b || π_b), b the batches of run i

    μ_b sampled batch b, π_b is the policy after its updates, and the divergence is the mean over
    tokens. The sum is the length of the path, batch by batch: not the divergence between the base
    and the end, which KL does not add up to. A sampler that lags or computes differently is away
    from π_b before anything is learned, and that distance counts.

    The sums are over all runs, so a run that gains nothing raises the price by what it moved and by
    what it lost; it is counted in `runs_without_gain`. Where all of them together gain nothing there is no
    price: inf. The interval draws whole runs with replacement; resamples without a gain count as
    inf.

    Args:
        nats: [N] of each run, nats per token.
        accuracy: [N] after it.
        base: [N] before it.

    Raises:
        ValueError: no runs, sizes that differ, a number that is not finite, nats below 0.

    In the book: :eq:`nats-per-point`.
    """
    columns = [
        finite_runs(name, values)
        for name, values in (("nats", nats), ("accuracy", accuracy), ("base", base))
    ]
    for name, column in zip(("accuracy", "base"), columns[1:], strict=True):
        if len(column) != len(columns[0]):
            raise ValueError(
                f"{name}: expected a number for each of the {len(columns[0])} runs, got "
                f"{len(column)}"
            )
    if columns[0].min() < 0:
        raise ValueError(f"nats: expected numbers of at least 0, got {columns[0].min():g}")
    points = (columns[1] - columns[2]) / POINT
    low, high = percentiles([columns[0], points], _effort, RESAMPLES, paired=True)
    return Price(
        _price(float(_effort(columns[0], points))),
        _price(low),
        _price(high),
        len(points),
        int((points <= 0).sum()),
    )


def _effort(nats: np.ndarray, points: np.ndarray, axis: int = -1) -> np.ndarray:
    """nats/(nats + points), which grows with the price and is finite where it is not: 1 where
    nothing is gained."""
    spent, gained = nats.sum(axis), points.sum(axis)
    some = gained > 1e-9  # gains and losses that cancel leave a rounding error
    return np.where(some, spent / np.where(some, spent + gained, 1), 1.0)


def _price(effort: float) -> float:
    return math.inf if effort >= 1 else effort / (1 - effort)
