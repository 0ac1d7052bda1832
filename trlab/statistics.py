"""What a handful of runs says: interquartile means and their intervals, computed by numpy and scipy.

Runs are a sequence of numbers, one per seed. Conventions of rliable (Agarwal et al. 2021, arXiv
2108.13264): the interquartile mean cuts ⌊n/4⌋ of the n runs off either end and averages the rest; an
interval is the percentile bootstrap, runs drawn with replacement.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from trlib import checks
from trlib.evaluation import CONFIDENCE, MOST_RESAMPLES, RESAMPLES, Estimate

Runs = np.ndarray | Sequence[float]


def iqm(runs: Runs) -> float:
    """Interquartile mean: the mean of the middle half of all runs. In the
    book: :eq:`shootout-iqm`."""
    ordered = np.sort(finite_runs("runs", runs))
    cut = len(ordered) // 4
    return float(ordered[cut : len(ordered) - cut].mean())


def interval(runs: Runs, *, resamples: int = RESAMPLES) -> Estimate:
    """The interquartile mean with its bootstrap interval, at 95 %.

    Of a single run there is nothing to draw from: the bounds are NaN.

    Raises:
        ValueError: no runs, a number that is not finite, fewer than one resample.
        TypeError: runs that are no numbers.
    """
    # Ten times as fast as scipy's bootstrap, and the same numbers.
    _, low, high = band(finite_runs("runs", runs)[:, None], resamples=resamples)
    return Estimate(iqm(runs), float(low[0]), float(high[0]))


def band(
    runs: np.ndarray | Sequence[Sequence[float]] | Sequence[np.ndarray],
    *,
    resamples: int = 2_000,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Interquartile means [B] of runs [N, B] at each batch, with the pointwise bounds of their
    intervals.

    Whole runs are drawn: the same ones at every batch. At each batch these are the numbers of
    `interval`, with as many resamples, and those of scipy's bootstrap.

    Raises:
        ValueError: no runs, rows of other lengths, a number that is not finite.
    """
    rows = [finite_runs("runs", row) for row in runs]
    if not rows or len({len(row) for row in rows}) > 1:
        raise ValueError(
            f"runs: expected runs of one length, got lengths {sorted({len(row) for row in rows})}"
        )
    resamples = checks.whole("resamples", resamples, least=1, most=MOST_RESAMPLES)
    matrix, cut = np.stack(rows), len(rows) // 4
    middle = np.sort(matrix, axis=0)[cut : len(rows) - cut].mean(0)
    low, high = np.full((2, matrix.shape[1]), math.nan)
    if len(rows) > 1:
        counts, times = _different_draws(len(rows), resamples)
        bounds = [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)]
        for i, column in enumerate(matrix.T):
            order = column.argsort()
            reached = counts[:, order].cumsum(1, dtype=counts.dtype).clip(cut, len(rows) - cut)
            # How often each is in the middle half.
            kept = np.diff(reached, axis=1, prepend=counts.dtype.type(cut))
            means = kept @ column[order] / (len(rows) - 2 * cut)
            low[i], high[i] = np.percentile(np.repeat(means, times), bounds)
    return middle, low, high


@cache
def _different_draws(runs: int, resamples: int) -> tuple[np.ndarray, np.ndarray]:
    """The different draws of a bootstrap: how often each has each run [U, runs], and how often it
    was drawn [U]. Many draws are the same runs in another order: looked at once, a column is sorted
    once too."""
    drawn = np.random.default_rng(0).integers(runs, size=(resamples, runs))
    counts = np.zeros((resamples, runs), dtype=np.int16)
    for i in range(runs):
        counts[:, i] = (drawn == i).sum(1)
    return np.unique(counts, axis=0, return_counts=True)


def difference(x: Runs, y: Runs) -> Estimate:
    """The interquartile mean of X less that of Y with its interval, runs of X and of Y drawn
    independently."""
    from scipy.stats import trim_mean

    def statistic(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
        return trim_mean(a, 0.25, axis=axis) - trim_mean(b, 0.25, axis=axis)

    samples = finite_runs("x", x), finite_runs("y", y)
    return Estimate(float(statistic(*samples)), *percentiles(samples, statistic, RESAMPLES))


def prediction_interval(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Where one more run would fall, in 95 of 100 cases, if runs are normally distributed.

    mean ± t_{n-1} s √(1 + 1/n),   t Student's quantile at .975

    Raises:
        ValueError: fewer than two values.
    """
    from scipy.stats import t

    runs = finite_runs("values", values)
    if len(runs) < 2:
        raise ValueError(f"values: expected at least two runs, got {len(runs)}")
    half = (
        t.ppf((1 + CONFIDENCE) / 2, len(runs) - 1) * runs.std(ddof=1) * math.sqrt(1 + 1 / len(runs))
    )
    return float(runs.mean() - half), float(runs.mean() + half)


def percentiles(
    samples: Sequence[np.ndarray],
    statistic: Callable[..., np.ndarray],
    resamples: int,
    *,
    paired: bool = False,
) -> tuple[float, float]:
    """Percentile bootstrap of a statistic of independent samples, or (`paired`) of columns of one;
    NaN where there is nothing to draw from."""
    from scipy.stats import bootstrap

    resamples = checks.whole("resamples", resamples, least=1, most=MOST_RESAMPLES)
    if min(map(len, samples)) < 2:
        return math.nan, math.nan
    bounds = bootstrap(
        samples,
        statistic,
        n_resamples=resamples,
        confidence_level=CONFIDENCE,
        method="percentile",
        vectorized=True,
        paired=paired,
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(bounds.low), float(bounds.high)


def finite_runs(name: str, values: object) -> np.ndarray:
    """Runs as numbers [N]; `name` is what errors call them.

    Raises:
        ValueError: none, more than one dimension, one that is not finite; TypeError: no numbers.
    """
    try:
        runs = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name}: expected numbers, got {values!r}") from error
    if runs.ndim != 1 or not len(runs):
        raise ValueError(f"{name}: expected at least one run, in one row, got {list(runs.shape)}")
    if not np.isfinite(runs).all():
        raise ValueError(
            f"{name}: expected finite numbers, got NaN or inf (a run that failed has no score: "
            "leave it out and say so)"
        )
    return runs
