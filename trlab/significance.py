"""Which of a sweep's predictions survive each other: a two-sided p-value for each kind of them, and
Holm's correction.

An interval that is right 95 times in a hundred is wrong once in twenty, and a sweep asks twenty
questions. Besides, its percentile bootstrap is a little too narrow at eight runs, most of all far
out, where a correction for many questions looks. So a verdict needs both: an interval on one side
of the line, and a p-value that Holm's correction leaves below .05.

- Two variants: `improvement_p`, a permutation test. It keeps its level exactly where the two are
  alike; from nine runs and nine on it looks at 20,000 random ways to deal the runs out, not at all.
  Its statistic is divided by its own standard error, so that it keeps its level where they only
  spread differently (a method that works or collapses).
- A variant and a number: `line_p`, the larger p of two tests. One is the t test of the
  interquartile mean, which alone finds a difference too often if runs are skewed (8 in 100 instead
  of 5 at eight runs). From twelve runs on, the other is the signed-rank test, exact by all ways to
  flip the signs. It alone would not do: it tests the middle of all means of two runs, and where
  runs are skewed or some collapse this is not the interquartile mean, so that it is wrong the more
  often the more runs there are (8 in 100 at 24). With fewer runs its p can never be small (2/256
  with eight: no claim among seven could be seen); for them the other is the t test of the mean, in
  which the runs that are furthest out on the winning side are moved in, so that no single run fails
  a claim by bearing it out too well. In the t test of the interquartile mean several still can:
  they widen the spread of the middle half.
- Two variants whose runs come in pairs (same seed, same evaluation prompts): `paired_p`, of their
  differences. Where nothing differs these are as far above 0 as below, whatever the runs look like,
  so from twelve pairs on signed ranks are enough.
- Two variants that are claimed to be alike: `alike_p`, two such t tests, one for each end of the
  margin.

Sources: Neubert and Brunner 2007 (the studentised permutation test), Wilcoxon 1945 (signed ranks),
Yuen 1974 (t tests of trimmed means), Schuirmann 1987 (two one-sided tests), Holm 1979.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from itertools import combinations

import numpy as np

from trlab.statistics import Scores, by_task, differences, paired_tasks
from trlib import checks

ALPHA = 0.05
"""How often a sweep in which nothing differs may say, anywhere, that something does."""
ENOUGH = 12
"""Runs from which on the smallest p of flipped signs, 2^(1-n), leaves room for Holm's
correction."""
DRAWS = 20_000
"""How many ways to deal the runs out are looked at: all of them where there are no more (12,870 for
eight and eight), else so many at random. Twelve and twelve have 2,704,156. There p hangs on the
seed of the draw a little: of 93 comparisons of recorded sweeps, drawn with six seeds, one of .0026
came out at .0036, none moved by more than .01, and no verdict changed."""


def improvement_p(x: Scores, y: Scores, *, draws: int = DRAWS, seed: int = 0) -> float:
    """Two-sided p-value of "a run of X is above a run of Y as often as below", tasks taken
    together.

    T = Σ_m (P_m - ½) / √(Σ_m V_m),
        P_m the probability of improvement in task m, V_m its estimated variance

    p is the share of all ways to deal the runs of each task out to X and Y, as many to each as now,
    whose |T| is at least the one observed. Of more than `draws` ways that many are drawn, and the
    observed one is counted among them. NaN where some task has fewer than two runs of either.

    V_m = s²(a)/N + s²(b)/K, a_i the share of Y's runs below X's run i and b_j the share of X's runs
    above Y's run j, ties counting half (Brunner and Munzel 2000).

    Raises:
        ValueError: X and Y have different numbers of tasks; what
            `trlab.statistics.improvement` refuses.
    """
    tasks = paired_tasks(x, y)
    draws = checks.whole("draws", draws, least=1)
    half = len(tasks) // 2
    if min(map(len, tasks)) < 2:
        return math.nan
    rng, lone = np.random.default_rng(checks.whole("seed", seed, least=0)), half == 1
    gains, spreads = np.zeros(1), np.zeros(1)
    every = lone and math.comb(len(tasks[0]) + len(tasks[1]), len(tasks[0])) <= draws
    for a, b in zip(tasks[:half], tasks[half:], strict=True):
        deals = _every_deal(len(a), len(b)) if every else _some_deals(len(a), len(b), draws, rng)
        gain, spread = _won(np.concatenate([a, b]), deals, len(a))
        gains, spreads = gains + gain, spreads + spread
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(np.abs(gains) < 1e-12, 0.0, np.abs(gains) / np.sqrt(spreads))
    return float((size >= size[0] * (1 - 1e-9)).mean())


@cache
def _every_deal(n: int, k: int) -> np.ndarray:
    """All ways to deal n + k runs out, [C, n + k]: the first n are X's. The first row leaves them
    as they are."""
    chosen = np.array(list(combinations(range(n + k), n)))
    rest = np.array(
        [[i for i in range(n + k) if i not in row] for row in map(set, chosen.tolist())]
    )
    return np.concatenate([chosen, rest], 1)


def _some_deals(n: int, k: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """The runs as they are, and `draws` ways to deal them out at random."""
    order = np.tile(np.arange(n + k), (draws + 1, 1))
    rng.permuted(order[1:], axis=1, out=order[1:])
    return order


def _won(pooled: np.ndarray, deals: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """P - ½ and its estimated variance for every deal."""
    above = np.sign(pooled[:, None] - pooled[None, :]) / 2 + 0.5
    mine = np.zeros(deals.shape)
    np.put_along_axis(mine, deals[:, :n], 1.0, axis=1)
    # Sums of halves are exact, so one product counts for every run what all the pairs would say.
    below, over = (1 - mine) @ above.T, mine @ above
    rows = np.take_along_axis(below, deals[:, :n], 1) / (len(pooled) - n)
    columns = np.take_along_axis(over, deals[:, n:], 1) / n
    spread = rows.var(1, ddof=1) / rows.shape[1] + columns.var(1, ddof=1) / columns.shape[1]
    return rows.mean(1) - 0.5, np.where(spread < 1e-15, 0.0, spread)


def line_p(scores: Scores, line: float) -> float:
    """Two-sided p-value of "the runs' interquartile mean is `line`": the larger of Yuen's t test
    and, from `ENOUGH` runs on, `signed_rank_p`, with fewer Student's t test.

    t = (mean of the middle h runs - line) / √(Σ_i (w_i - w̄)² / (h (h - 1))),
        h = n - 2⌊n/4⌋, h - 1 degrees of freedom

    w_i the runs with those that were cut moved to the nearest that was not. Student's cuts none and
    asks on the same side of the line: if two runs of eight collapse, the mean is not where the
    middle is. It moves in only the ⌊n/4⌋ runs that are furthest beyond the line on the side of the
    middle, which lowers the mean and its spread: a run that lies far out in the direction of the
    claim cannot make the claim fail.

    Over normal, log-normal and t_3 runs, and runs of which a quarter collapse, around their
    interquartile mean, p < .05 in 1.6 to 3.4 of 100 and p < .005 in at most 6 of 1,000, at 8, 12,
    16 and 24 runs (ours, by 5,000 draws of each; `test_a_line_is_crossed_by_chance_no_oftener`
    repeats it with 1,000).

    Runs of several tasks are pooled as the interquartile mean pools them; what separates the tasks
    then counts as spread, which makes p larger. NaN for one run. Runs that are all alike leave no
    doubt: 0, or 1 on the line.
    """
    runs, line = np.concatenate(by_task("scores", scores)), checks.number("line", line)
    cut = len(runs) // 4
    middle = _trimmed(runs, cut)
    side = math.copysign(1.0, middle[0] - line)
    yuen = _twice(_beyond(side * (middle[0] - line), *middle[1:]))
    if len(runs) >= ENOUGH:
        return max(yuen, signed_rank_p(runs - line))
    beyond = np.sort(side * (runs - line))
    moved_in = np.minimum(beyond, beyond[len(runs) - cut - 1])
    return max(yuen, _twice(_beyond(*_trimmed(moved_in, 0))))


def signed_rank_p(values: np.ndarray) -> float:
    """Two-sided p-value of Wilcoxon's signed-rank test: are the values as far above 0 as below?

    W = Σ_{v_i > 0} rank |v_i|,   p = P(a W of random signs is as far from its mean)

    Exact: the sums of all 2^n ways to flip the signs are counted. Values that are equal in size
    share their ranks, and zeros take ranks and count on neither side (Pratt 1959). 1 if all are 0.
    """
    sizes = np.abs(values)
    order = np.sort(sizes)
    # Twice the rank.
    doubled = np.searchsorted(order, sizes, "left") + np.searchsorted(order, sizes, "right") + 1
    signed, ranks = doubled[values > 0].sum(), doubled[values != 0]
    ways = np.zeros(ranks.sum() + 1)
    ways[0] = 1
    for rank in ranks:  # how many of the ways have each sum
        ways[rank:] += ways[: len(ways) - rank].copy()
    further = max(signed, ranks.sum() - signed)
    return min(1.0, 2 * float(ways[further:].sum() / ways.sum()))


def paired_p(x: Scores, y: Scores) -> float:
    """Two-sided p-value of "X and Y are alike" from runs in pairs, by `zero_p` of their
    differences.

    Raises:
        ValueError: a task in which X and Y have different numbers of runs.
    """
    return zero_p(differences(x, y))


def zero_p(gaps: Scores) -> float:
    """Two-sided p-value of "the differences of pairs are as far above 0 as below": from `ENOUGH`
    pairs on `signed_rank_p`, else `line_p`."""
    pooled = np.concatenate(by_task("gaps", gaps))
    return signed_rank_p(pooled) if len(pooled) >= ENOUGH else line_p(gaps, 0.0)


def alike_p(x: Scores, y: Scores, *, within: float, paired: bool = False) -> tuple[float, float]:
    """Two-sided p-values that the interquartile means of X and Y differ by `within` or more, and by
    `within` or less.

    Small, the first says that they are alike, the second that they are not. Each is twice that of
    Yuen and Welch's one-sided t test at an end of the margin: the first takes the end that is
    nearer to passing, so it is below .05 where both bounds of the 95 % interval of the difference
    lie inside.

    Args:
        paired: run i of X and run i of Y share a seed: Yuen's test of their differences.

    Raises:
        ValueError: more than one task, a margin that is not above 0.
    """
    tasks = paired_tasks(x, y)
    if len(tasks) != 2:
        raise ValueError(f"x: expected runs of one task, got {len(tasks) // 2}")
    margin = checks.number("within", within, above=0)
    if paired:
        gaps = differences(x, y)[0]
        mean, variance, degrees = _trimmed(gaps, len(gaps) // 4)
    else:
        (mean_a, variance_a, degrees_a), (mean_b, variance_b, degrees_b) = (
            _trimmed(part, len(part) // 4) for part in tasks
        )
        mean, variance = mean_a - mean_b, variance_a + variance_b
        parts = variance_a**2 / max(degrees_a, 1) + variance_b**2 / max(degrees_b, 1)
        degrees = variance**2 / parts if parts > 0 else min(degrees_a, degrees_b)
    away = abs(mean)
    inside, outside = (
        _twice(_beyond(distance, variance, degrees)) for distance in (margin - away, away - margin)
    )
    return inside, outside


def _twice(p: float) -> float:
    return p if math.isnan(p) else min(1.0, 2 * p)


def _trimmed(runs: np.ndarray, cut: int) -> tuple[float, float, float]:
    """The mean without `cut` runs at either end, its squared standard error and the degrees of
    freedom (0 for one)."""
    n = len(runs)
    ordered, middle = np.sort(runs), n - 2 * cut
    if middle < 2:
        return float(ordered.mean()), math.nan, 0
    kept = np.clip(ordered, ordered[cut], ordered[n - cut - 1])
    squares = float(((kept - kept.mean()) ** 2).sum())
    return float(ordered[cut : n - cut].mean()), squares / (middle * (middle - 1)), middle - 1


def _beyond(distance: float, variance: float, degrees: float) -> float:
    """The one-sided p-value of a mean so far on the right side of a line (below 0: on the wrong
    one)."""
    from scipy.stats import t

    if math.isnan(variance):
        return math.nan
    if variance <= 1e-24:
        return 0.5 if abs(distance) < 1e-12 else float(distance < 0)
    return float(t.sf(distance / math.sqrt(variance), degrees))


def holm(values: Sequence[float]) -> list[float]:
    """The p-values of several questions, corrected for their number: below .05 a question is
    answered, and in all of them together one answer is wrong at most five times in a hundred.

    p'_(i) = max_{j <= i} min(1, (m - j + 1) p_(j)),   p_(1) <= ... <= p_(m)

    A question without a p-value (NaN) counts as one that found nothing. In the
    book: :eq:`shootout-holm`.
    """
    filled = [1.0 if math.isnan(p) else checks.number("values", p, least=0, most=1) for p in values]
    corrected, most = [1.0] * len(filled), 0.0
    for rank, i in enumerate(sorted(range(len(filled)), key=filled.__getitem__)):
        most = max(most, min(1.0, (len(filled) - rank) * filled[i]))
        corrected[i] = most
    return corrected
