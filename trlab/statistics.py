"""What a handful of runs says: rliable's aggregates and intervals, computed by numpy and scipy.

Scores are a matrix [N, M], one row per run (a seed) and one column per task (a setting that all
runs share), or one sequence of runs for each task where a task lacks some. Conventions of rliable,
which ours are tested against:

- the interquartile mean pools the runs of all tasks, cuts ⌊n/4⌋ of the n scores off either end and
  averages the rest;
- an interval is the percentile bootstrap, stratified: runs are drawn with replacement within each
  task.

Source: Agarwal et al. 2021, arXiv 2108.13264. A number that no paper defines is in
`trlab.kl_cost`: how far a policy moves for what it learns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, partial

import numpy as np

from trlib import checks
from trlib.evaluation import CONFIDENCE, MOST_RESAMPLES, RESAMPLES, Estimate

Scores = np.ndarray | Sequence[Sequence[float]] | Sequence[np.ndarray]
"""[N, M], or M sequences of runs; a flat sequence is one task."""


def by_task(name: str, scores: Scores) -> list[np.ndarray]:
    """The runs of each task, whatever holds them: an array, a column or a table of pandas, a list,
    a list of lists.

    Args:
        name: what errors call them.

    Raises:
        ValueError: no runs, more than two dimensions, a score that is not finite; TypeError: no
            scores at all.
    """
    if hasattr(scores, "__array__"):
        matrix = np.asarray(scores)
        if matrix.ndim not in (1, 2):
            raise ValueError(
                f"{name}: expected runs [N] or runs by tasks [N, M], got {list(matrix.shape)}"
            )
        columns = list(matrix.T) if matrix.ndim == 2 else [matrix]
    elif isinstance(scores, Sequence) and not isinstance(scores, str):
        columns = list(scores) if len(scores) and np.ndim(scores[0]) else [scores]
    else:
        raise TypeError(f"{name}: expected runs, or runs of each task, got {scores!r}")
    if not columns:
        raise ValueError(f"{name}: expected at least one task, got none")
    return [finite_runs(name, column) for column in columns]


def iqm(scores: Scores) -> float:
    """Interquartile mean: the mean of the middle half of all scores. In the
    book: :eq:`shootout-iqm`."""
    ordered = np.sort(np.concatenate(by_task("scores", scores)))
    cut = len(ordered) // 4
    return float(ordered[cut : len(ordered) - cut].mean())


def interval(scores: Scores, *, resamples: int = RESAMPLES, stratified: bool = False) -> Estimate:
    """The interquartile mean with its stratified bootstrap interval, at 95 %.

    With a single run of some task there is nothing to draw from: the bounds are NaN.

    Args:
        stratified: the mean over tasks of each task's interquartile mean, in place of that of all
            runs in one pool.

    Raises:
        ValueError: no scores, a score that is not finite, fewer than one resample.
        TypeError: scores that are no numbers.
    """
    tasks = by_task("scores", scores)
    # By far the most frequent: ten times as fast without scipy's bootstrap, and the same numbers.
    if len(tasks) == 1:
        _, low, high = band(tasks[0][:, None], resamples=resamples)
        return Estimate(iqm(tasks), float(low[0]), float(high[0]))
    middle = partial(_middle, stratified=stratified)
    return Estimate(float(middle(*tasks)), *percentiles(tasks, middle, resamples))


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


def difference(
    x: Scores,
    y: Scores,
    *,
    resamples: int = RESAMPLES,
    paired: bool = False,
    stratified: bool = False,
) -> Estimate:
    """The interquartile mean of X less that of Y with its interval, runs of X and of Y drawn
    independently.

    Args:
        paired: run i of X and run i of Y share a seed, and are drawn together.
        stratified: as of `interval`: what X and Y differ by in a task, on average over tasks.
    """
    tasks = paired_tasks(x, y)
    if paired:
        differences(x, y)  # the runs of every task come in pairs
    half = len(tasks) // 2

    def statistic(*drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        a, b = (
            _middle(*part, axis=axis, stratified=stratified)
            for part in (drawn[:half], drawn[half:])
        )
        return a - b

    bounds = percentiles(tasks, statistic, resamples, paired=paired)
    return Estimate(float(statistic(*tasks)), *bounds)


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


# -- inside


def _middle(*drawn: np.ndarray, axis: int = -1, stratified: bool = False) -> np.ndarray:
    """The interquartile mean of all runs, or of each task's on average; runs on `axis`."""
    from scipy.stats import trim_mean

    if stratified:
        return np.mean([trim_mean(task, 0.25, axis=axis) for task in drawn], axis=0)
    return trim_mean(np.concatenate(drawn, axis=axis), 0.25, axis=axis)


def _pooled_mean(*drawn: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.concatenate(drawn, axis=axis).mean(axis)


def percentiles(
    tasks: Sequence[np.ndarray],
    statistic: Callable[..., np.ndarray],
    resamples: int,
    *,
    paired: bool = False,
) -> tuple[float, float]:
    """Percentile bootstrap of a statistic of independent samples, or (`paired`) of columns of one;
    NaN where there is nothing to draw from."""
    from scipy.stats import bootstrap

    resamples = checks.whole("resamples", resamples, least=1, most=MOST_RESAMPLES)
    if min(map(len, tasks)) < 2:
        return math.nan, math.nan
    bounds = bootstrap(
        tasks,
        statistic,
        n_resamples=resamples,
        confidence_level=CONFIDENCE,
        method="percentile",
        vectorized=True,
        paired=paired,
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(bounds.low), float(bounds.high)


def paired_tasks(x: Scores, y: Scores) -> list[np.ndarray]:
    """The tasks of X, then as many of Y.

    Raises:
        ValueError: X and Y have different numbers of tasks, and what `by_task` refuses.
    """
    first, second = by_task("x", x), by_task("y", y)
    if len(first) != len(second):
        raise ValueError(f"y: expected the {len(first)} tasks of x, got {len(second)}")
    return [*first, *second]


def differences(x: Scores, y: Scores) -> list[np.ndarray]:
    """X less Y in every task, run by run.

    Raises:
        ValueError: a task in which X and Y have different numbers of runs, and what `paired_tasks`
            refuses.
    """
    tasks = paired_tasks(x, y)
    half, gaps = len(tasks) // 2, []
    for a, b in zip(tasks[:half], tasks[half:], strict=True):
        if len(a) != len(b):
            raise ValueError(f"y: expected {len(a)} runs, one beside each run of x, got {len(b)}")
        gaps.append(a - b)
    return gaps


def finite_runs(name: str, values: object) -> np.ndarray:
    """Runs as numbers [N]; `name` is what errors call them.

    Raises:
        ValueError: none, more than one dimension, one that is not finite; TypeError: no numbers.
    """
    try:
        runs = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name}: expected numbers, as many for every task as it has runs, got {values!r}"
        ) from error
    if runs.ndim != 1 or not len(runs):
        raise ValueError(f"{name}: expected at least one run of every task, got {list(runs.shape)}")
    if not np.isfinite(runs).all():
        raise ValueError(
            f"{name}: expected finite numbers, got NaN or inf (a run that failed has no score: "
            "leave it out and say so)"
        )
    return runs
