"""What a handful of runs says: rliable's aggregates and intervals, computed by scipy, and two numbers of our own.

Scores are a matrix [N, M], a row a run (a seed) and a column a task (a setting that all runs share), or one sequence of
runs for each task where a task lacks some. Conventions of rliable, which ours are tested against:

- the interquartile mean pools the runs of all tasks, cuts ⌊n/4⌋ of the n scores off either end and averages the rest;
- an interval is the percentile bootstrap, stratified: runs are drawn with replacement within each task;
- the probability of improvement is P(X > Y) + P(X = Y)/2 of two runs drawn at random, averaged over tasks;
- a performance profile is the share of runs whose score is above τ, strictly.

Source: Agarwal et al. 2021, arXiv 2108.13264. Ours, and no convention of anybody's: `staleness_tolerance` (how often a
batch may be used) and `nats_per_point` (how far a policy has to move for what it learns).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trlib import checks
from trlib.evaluation import LEVEL, MOST_RESAMPLES, RESAMPLES, Estimate

Scores = np.ndarray | Sequence[Sequence[float]] | Sequence[np.ndarray]
"""[N, M], or M sequences of runs; a flat sequence is one task."""
DROP = 0.05
"""The fall of accuracy that staleness tolerance speaks of."""
BEYOND = 1e-9
"""How far, in log₂ of updates, "above the most that were measured" is from a fall exactly there: told apart, and no
further, so that a bound between two resamples of which one never falls is where the last measured updates put it."""
POINT = 0.01
"""A point of accuracy."""


@dataclass(frozen=True)
class Tolerance(Estimate):
    """Updates a batch with an interval; inf: above the most that were measured."""

    most: float
    """The most updates a batch that were measured."""

    def __format__(self, spec: str) -> str:
        value, low, high = (self._word(number, spec or ".1f") for number in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]"

    def __str__(self) -> str:
        return format(self, ".1f")

    def _word(self, number: float, spec: str) -> str:
        return f"above {self.most:g}" if math.isinf(number) else f"{number:{spec}}"


@dataclass(frozen=True)
class Price(Estimate):
    """Nats a point with an interval; inf: nothing was gained."""

    runs: int
    without: int
    """Runs that gained nothing. They are not left out: what they moved and what they lost count."""


def by_task(name: str, scores: Scores) -> list[np.ndarray]:
    """The runs of each task, whatever holds them: an array, a column or a table of pandas, a list, a list of lists.

    Args:
        name: what errors call them.

    Raises:
        ValueError: no runs, more than two dimensions, a score that is not finite; TypeError: no scores at all.
    """
    if hasattr(scores, "__array__"):
        matrix = np.asarray(scores)
        if matrix.ndim not in (1, 2):
            raise ValueError(f"{name}: expected runs [N] or runs by tasks [N, M], got {list(matrix.shape)}")
        columns = list(matrix.T) if matrix.ndim == 2 else [matrix]
    elif isinstance(scores, Sequence) and not isinstance(scores, str):
        columns = list(scores) if len(scores) and np.ndim(scores[0]) else [scores]
    else:
        raise TypeError(f"{name}: expected runs, or runs of each task, got {scores!r}")
    if not columns:
        raise ValueError(f"{name}: expected at least one task, got none")
    return [_finite(name, column) for column in columns]


def iqm(scores: Scores) -> float:
    """Interquartile mean: the mean of the middle half of all scores."""
    from scipy.stats import trim_mean

    return float(trim_mean(np.concatenate(by_task("scores", scores)), 0.25))


def interval(scores: Scores, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0) -> Estimate:
    """The interquartile mean with its stratified bootstrap interval.

    With a single run of some task there is nothing to draw from: the bounds are NaN.

    Raises:
        ValueError: no scores, a score that is not finite, a level outside (0, 1), fewer than one resample.
        TypeError: scores that are no numbers.
    """
    from scipy.stats import trim_mean

    tasks = by_task("scores", scores)

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
    pooled = np.concatenate(by_task("scores", scores))
    return (pooled[:, None] > _levels(thresholds)).mean(0)


def profile_interval(scores: Scores, thresholds: Sequence[float] | np.ndarray, *, level: float = LEVEL,
                     resamples: int = 2_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The pointwise bounds [T] of a performance profile.

    Raises:
        ValueError: no thresholds, and what `interval` refuses.
    """
    tasks, bounds = by_task("scores", scores), []
    for threshold in _levels(thresholds):
        above = [(task > threshold).astype(np.float64) for task in tasks]
        # One seed for all thresholds: the same resamples, so the bounds fall with the threshold as the profile does.
        bounds.append(_percentiles(above, _pooled_mean, level, resamples, seed))
    low, high = np.array(bounds).T
    return low, high


def prediction_interval(values: Sequence[float] | np.ndarray, *, level: float = LEVEL) -> tuple[float, float]:
    """Where one more run would fall, if runs are normally distributed.

    mean ± t_{n-1} s √(1 + 1/n),   t Student's quantile at (1 + level)/2

    Raises:
        ValueError: fewer than two values, a level outside (0, 1).
    """
    from scipy.stats import t

    level = checks.number("level", level, above=0, below=1)
    runs = _finite("values", values)
    if len(runs) < 2:
        raise ValueError(f"values: expected at least two runs, got {len(runs)}")
    half = t.ppf((1 + level) / 2, len(runs) - 1) * runs.std(ddof=1) * math.sqrt(1 + 1 / len(runs))
    return float(runs.mean() - half), float(runs.mean() + half)


# -- numbers of our own ------------------------------------------------------------------------------------------------

def staleness_tolerance(accuracy: Mapping[float, Sequence[float] | np.ndarray], *, drop: float = DROP,
                        level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0) -> Tolerance:
    """The updates a batch at which a method's final accuracy has fallen by `drop` below that at one update.

    u* = inf {u > 1 : a(u) ≤ a(1) - drop},   a(u_k) the interquartile mean of the runs at u_k, linear in log₂ u between

    inf, "above" the most updates that were measured, where it never falls that far. A fall between two measured points
    is placed by that line alone: with 1, 8 and 32 measured, read it as "between 1 and 8, nearer to 8". A method that
    learns nothing from one update has nowhere to fall from: read the number beside a(1).

    The interval draws runs with replacement within each number of updates. In a resample that never falls the number
    counts as just beyond the largest measured, so a bound there says "at least", and is given as inf.

    Args:
        accuracy: updates a batch -> final accuracies of the runs, 1 among them.

    Raises:
        ValueError: no runs at one update, no other number of updates, one below 1, an accuracy that is not finite.
    """
    if not isinstance(accuracy, Mapping):
        raise TypeError(f"accuracy: expected runs by updates a batch, got {type(accuracy).__name__}")
    for key in accuracy:
        checks.number("accuracy: updates a batch", key)
    updates = sorted(accuracy)
    if len(updates) < 2 or updates[0] != 1 or not math.isfinite(updates[-1]):
        raise ValueError(f"accuracy: expected runs at 1 update a batch and at more, got {updates}")
    drop = checks.number("drop", drop, above=0)
    runs, logs = [_finite(f"accuracy[{u:g}]", accuracy[u]) for u in updates], np.log2(updates)

    def censored(*drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.minimum(_crossing(drawn, logs, drop), logs[-1] + BEYOND)

    def back(log: float) -> float:
        return math.inf if log > logs[-1] else 2.0**log

    low, high = _percentiles(runs, censored, level, resamples, seed)
    return Tolerance(float(2.0**_crossing(runs, logs, drop)), back(low), back(high), float(updates[-1]))


def _crossing(runs: Sequence[np.ndarray], logs: np.ndarray, drop: float) -> np.ndarray:
    """log₂ of the updates at the first fall; inf where there is none. Runs on the last axis."""
    from scipy.stats import trim_mean

    height = np.stack([trim_mean(part, 0.25, axis=-1) for part in runs], -1)
    floor = height[..., :1] - drop
    fallen = height <= floor + 1e-12  # a fall by exactly so much is one, whatever the rounding
    after = fallen.argmax(-1)[..., None]
    before = np.maximum(after - 1, 0)
    above, below = np.take_along_axis(height, before, -1), np.take_along_axis(height, after, -1)
    with np.errstate(divide="ignore", invalid="ignore"):  # where nothing has fallen, both are the first point
        found = logs[before] + (logs[after] - logs[before]) * (above - floor) / (above - below)
    found = np.minimum(found, logs[after])  # whatever the rounding, no further than where it was measured
    return np.where(fallen.any(-1), found[..., 0], math.inf)


def nats_per_point(nats: Sequence[float] | np.ndarray, accuracy: Sequence[float] | np.ndarray,
                   base: Sequence[float] | np.ndarray, *, level: float = LEVEL, resamples: int = RESAMPLES,
                   seed: int = 0) -> Price:
    """How far the policy was moved for each point (.01) of accuracy that it gained, in nats a token.

    Σ_i nats_i / Σ_i (accuracy_i - base_i)/.01,   nats_i = Σ_b KL(μ_b || π_b), b the batches of run i

    μ_b sampled batch b, π_b is the policy after its updates, and the divergence is the mean over tokens. The sum is the
    length of the way, batch by batch: not the divergence between the base and the end, which KL does not add up to. A
    sampler that lags or computes otherwise is away from π_b before anything is learned, and that distance counts.

    The sums are over all runs, so a run that gains nothing raises the price by what it moved and by what it lost; it is
    counted in `without`. Where all of them together gain nothing there is no price: inf. The interval draws whole runs
    with replacement; resamples without a gain count as inf.

    Args:
        nats: [N] of each run, nats a token.
        accuracy: [N] after it.
        base: [N] before it.

    Raises:
        ValueError: no runs, sizes that differ, a number that is not finite, nats below 0.
    """
    columns = [_finite(name, values) for name, values in (("nats", nats), ("accuracy", accuracy), ("base", base))]
    for name, column in zip(("accuracy", "base"), columns[1:], strict=True):
        if len(column) != len(columns[0]):
            raise ValueError(f"{name}: expected a number for each of the {len(columns[0])} runs, got {len(column)}")
    if columns[0].min() < 0:
        raise ValueError(f"nats: expected numbers of at least 0, got {columns[0].min():g}")
    points = (columns[1] - columns[2]) / POINT
    low, high = _percentiles([columns[0], points], _effort, level, resamples, seed, paired=True)
    return Price(_price(float(_effort(columns[0], points))), _price(low), _price(high), len(points),
                 int((points <= 0).sum()))


def _effort(nats: np.ndarray, points: np.ndarray, axis: int = -1) -> np.ndarray:
    """nats/(nats + points), which grows with the price and is finite where it is not: 1 where nothing is gained."""
    spent, gained = nats.sum(axis), points.sum(axis)
    some = gained > 1e-9  # gains and losses that cancel leave a rounding error
    return np.where(some, spent / np.where(some, spent + gained, 1), 1.0)


def _price(effort: float) -> float:
    return math.inf if effort >= 1 else effort / (1 - effort)


# -- inside ------------------------------------------------------------------------------------------------------------

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
                 seed: int, *, paired: bool = False) -> tuple[float, float]:
    """Percentile bootstrap of a statistic of independent samples, or (`paired`) of columns of one."""
    from scipy.stats import bootstrap

    level = checks.number("level", level, above=0, below=1)
    resamples = checks.whole("resamples", resamples, least=1, most=MOST_RESAMPLES)
    seed = checks.whole("seed", seed, least=0)
    if min(map(len, tasks)) < 2:
        return math.nan, math.nan
    found = bootstrap(tasks, statistic, n_resamples=resamples, confidence_level=level, method="percentile",
                      vectorized=True, paired=paired, rng=np.random.default_rng(seed)).confidence_interval
    return float(found.low), float(found.high)


def _levels(thresholds: Sequence[float] | np.ndarray) -> np.ndarray:
    try:
        levels = np.asarray(thresholds, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"thresholds: expected numbers, got {thresholds!r}") from error
    if levels.ndim != 1 or not len(levels):
        raise ValueError(f"thresholds: expected at least one, in a row [T], got {list(levels.shape)}")
    if np.isnan(levels).any():
        raise ValueError("thresholds: expected numbers that are not NaN, got NaN")
    return levels


def _pair(x: Scores, y: Scores) -> list[np.ndarray]:
    first, second = by_task("x", x), by_task("y", y)
    if len(first) != len(second):
        raise ValueError(f"y: expected the {len(first)} tasks of x, got {len(second)}")
    return [*first, *second]


def _finite(name: str, values: object) -> np.ndarray:
    try:
        runs = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name}: expected numbers, as many for every task as it has runs, got {values!r}") from error
    if runs.ndim != 1 or not len(runs):
        raise ValueError(f"{name}: expected at least one run of every task, got {list(runs.shape)}")
    if not np.isfinite(runs).all():
        raise ValueError(f"{name}: expected finite numbers, got NaN or inf (a run that failed has no score: leave it "
                         f"out and say so)")
    return runs
