"""What a handful of runs says: rliable's aggregates and intervals, computed by scipy.

Scores are a matrix [N, M], a row a run (a seed) and a column a task (a setting that all runs share), or one sequence of
runs for each task where a task lacks some. Conventions of rliable, which ours are tested against:

- the interquartile mean pools the runs of all tasks, cuts ⌊n/4⌋ of the n scores off either end and averages the rest;
- an interval is the percentile bootstrap, stratified: runs are drawn with replacement within each task;
- the probability of improvement is P(X > Y) + P(X = Y)/2 of two runs drawn at random, averaged over tasks;
- a performance profile is the share of runs whose score is above τ, strictly.

Source: Agarwal et al. 2021, arXiv 2108.13264.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from trlib import checks
from trlib.evaluation import LEVEL, RESAMPLES, Estimate

Scores = np.ndarray | Sequence[Sequence[float]] | Sequence[np.ndarray]
"""[N, M], or M sequences of runs; a flat sequence is one task."""


def iqm(scores: Scores) -> float:
    """Interquartile mean: the mean of the middle half of all scores."""
    from scipy.stats import trim_mean

    return float(trim_mean(np.concatenate(_tasks("scores", scores)), 0.25))


def interval(scores: Scores, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0) -> Estimate:
    """The interquartile mean with its stratified bootstrap interval.

    With a single run of some task there is nothing to draw from: the bounds are NaN.

    Raises:
        ValueError: no scores, a score that is not finite, a level outside (0, 1).
    """
    from scipy.stats import trim_mean

    tasks = _tasks("scores", scores)

    def statistic(*drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        return trim_mean(np.concatenate(drawn, axis=axis), 0.25, axis=axis)

    return Estimate(iqm(scores), *_percentiles(tasks, statistic, level, resamples, seed))


def probability_of_improvement(x: Scores, y: Scores) -> float:
    """Probability that a run of X scores higher than a run of Y, ties counting half, averaged over tasks.

    P(X > Y) = 1/M Σ_m U_m / (N_m K_m),   U_m the Mann-Whitney statistic of task m

    Raises:
        ValueError: X and Y have different numbers of tasks.
    """
    return float(_wins(*_pair(x, y)))


def improvement(x: Scores, y: Scores, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0) -> Estimate:
    """The probability of improvement of X over Y with its interval, runs of X and of Y drawn independently."""
    tasks = _pair(x, y)
    return Estimate(float(_wins(*tasks)), *_percentiles(tasks, _wins, level, resamples, seed))


def performance_profile(scores: Scores, thresholds: Sequence[float] | np.ndarray) -> np.ndarray:
    """[T]: the share of all runs whose score is above each threshold."""
    pooled = np.concatenate(_tasks("scores", scores))
    return (pooled[:, None] > np.asarray(thresholds, dtype=np.float64)).mean(0)


def profile_interval(scores: Scores, thresholds: Sequence[float] | np.ndarray, *, level: float = LEVEL,
                     resamples: int = 2_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The pointwise bounds [T] of a performance profile."""
    tasks, bounds = _tasks("scores", scores), []
    for threshold in np.asarray(thresholds, dtype=np.float64):
        above = [(task > threshold).astype(np.float64) for task in tasks]
        # One seed for all thresholds: the same resamples, so the bounds fall with the threshold as the profile does.
        bounds.append(_percentiles(above, _pooled_mean, level, resamples, seed))
    low, high = np.array(bounds).T
    return low, high


def prediction_interval(values: Sequence[float] | np.ndarray, *, level: float = LEVEL) -> tuple[float, float]:
    """Where one more run would fall, if runs are normally distributed.

    mean ± t_{n-1} s √(1 + 1/n),   t Student's quantile at (1 + level)/2

    Raises:
        ValueError: fewer than two values.
    """
    from scipy.stats import t

    runs = _finite("values", values)
    if len(runs) < 2:
        raise ValueError(f"values: expected at least two runs, got {len(runs)}")
    half = t.ppf((1 + level) / 2, len(runs) - 1) * runs.std(ddof=1) * math.sqrt(1 + 1 / len(runs))
    return float(runs.mean() - half), float(runs.mean() + half)


def _wins(*tasks: np.ndarray, axis: int = -1) -> np.ndarray:
    """The probability of improvement of the first half of the tasks' runs over the second; runs on the last axis."""
    half = len(tasks) // 2
    shares = []
    for x, y in zip(tasks[:half], tasks[half:], strict=True):
        difference = np.sign(x[..., :, None] - y[..., None, :])
        shares.append((difference.mean((-2, -1)) + 1) / 2)
    return np.mean(shares, axis=0)


def _pooled_mean(*drawn: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.concatenate(drawn, axis=axis).mean(axis)


def _percentiles(tasks: Sequence[np.ndarray], statistic: Callable[..., np.ndarray], level: float, resamples: int,
                 seed: int) -> tuple[float, float]:
    """Percentile bootstrap of a statistic of independent samples."""
    from scipy.stats import bootstrap

    checks.number("level", level, above=0, below=1)
    if min(map(len, tasks)) < 2:
        return math.nan, math.nan
    found = bootstrap(tasks, statistic, n_resamples=resamples, confidence_level=level, method="percentile",
                      vectorized=True, rng=np.random.default_rng(seed)).confidence_interval
    return float(found.low), float(found.high)


def _pair(x: Scores, y: Scores) -> list[np.ndarray]:
    first, second = _tasks("x", x), _tasks("y", y)
    if len(first) != len(second):
        raise ValueError(f"y: expected the {len(first)} tasks of x, got {len(second)}")
    return [*first, *second]


def _tasks(name: str, scores: Scores) -> list[np.ndarray]:
    """The runs of each task."""
    if isinstance(scores, np.ndarray):
        if scores.ndim not in (1, 2):
            raise ValueError(f"{name}: expected runs [N] or runs by tasks [N, M], got {list(scores.shape)}")
        columns = list(scores.T) if scores.ndim == 2 else [scores]
    else:
        columns = list(scores) if len(scores) and np.ndim(scores[0]) else [scores]
    if not columns:
        raise ValueError(f"{name}: expected at least one task, got none")
    return [_finite(name, column) for column in columns]


def _finite(name: str, values: object) -> np.ndarray:
    runs = np.asarray(values, dtype=np.float64)
    if runs.ndim != 1 or not len(runs):
        raise ValueError(f"{name}: expected at least one run of every task, got {list(runs.shape)}")
    if not np.isfinite(runs).all():
        raise ValueError(f"{name}: expected finite numbers, got NaN or inf (a run that failed has no score: leave it "
                         f"out and say so)")
    return runs
