"""What is wrong with a dump, by name: each cause has a statistic, a threshold and a sentence.

Per unmasked token: x = log μ as the sampler recorded it, y = the learner's log-prob before its
updates (or now, where the file has no `logp_old`), d = y - x. Tokens that μ drew have E[exp d] = 1
whatever the learner is, and E[d] <= 0.

Every test asks for a significance far beyond one in a thousand *and* for a size that would matter,
so that all of them together accuse few healthy dumps; `python tests/trlab/power.py` measures both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trlab.diagnose.alignment import Alignment, align, correlation
from trlab.diagnose.rollouts import Rollouts
from trlab.diagnose.texts import say

NAMES = (
    "non-finite",
    "unit",
    "padding",
    "shift",
    "pairing",
    "support",
    "temperature",
    "staleness",
    "dropout",
    "noise",
    "precision",
    "dead-groups",
    "truncation",
    "half-groups",
)
FEWEST_TOKENS, FEWEST_COMPLETIONS = 100, 8
"""Fewer cannot be judged."""
ERRORS = 5.0
"""Standard errors that a mean must be off by."""
ABOVE = 1e-3
"""A log-prob may lie this far above 0."""
OVERFLOW = 88.0
"""exp of more is infinite in float32."""
UNITS = {"log10": math.log(10), "log2": math.log(2)}
"""Nats in one unit."""
RELATIVE = 0.06
"""How far a factor of units may be off."""
UNRELATED = 0.5
"""Two passes over the same tokens correlate more than this."""
FAR, LEAST_FAR = 6.0, 0.3
"""A completion is an outlier this many spreads of log mean |d| above the first quartile, and above
this many nats."""
ONE_SIDED, BOUND, ALL = 0.3, 1.5, 0.05
"""Under top-p and top-k the rarer sign of d has at most this share of the other's sum, and |d| this
bound, unless d has all but one sign: then the rarer has at most this share."""
EXPLAINED, SLOPE = 0.2, 0.05
"""A temperature explains this share of the variance of d, by x and by y, and by at least this
slope."""
NOISE, MUCH = 0.13, 0.3
"""Mean |d|, nats, that int8 and eight versions of staleness do not reach; from which on it may be
dropout."""
SHAPED = 0.4
"""Noise of logits is smaller than this share at tokens that are all but certain."""
AGAINST, HALF = 0.33, 0.45
"""Share of the tokens outside the window that a learner moves against their advantage; noise: a
half."""
WINDOW = 0.2
LEAST_MOVED = 30
DEAD, LONGEST, UNEVEN = 0.5, 0.2, 0.05
"""Shares of groups without a difference, of completions at the longest length, and what a group's
sum may be off by."""
SHOWN = 6
"""Most completions or groups that are listed."""


@dataclass(frozen=True)
class Cause:
    """A cause that was found."""

    name: str
    """One of `NAMES`."""
    evidence: str
    advice: str


@dataclass(frozen=True)
class Judgement:
    """The verdict on a dump."""

    verdict: str
    """"healthy", "found" or "unclear"."""
    headline: str
    """One sentence: the same at the top of the terminal, of the JSON and of the page."""
    causes: tuple[Cause, ...]
    unseen: tuple[str, ...]
    """What no test could look at, and which column would let it."""


@dataclass(frozen=True)
class Sample:
    """The unmasked tokens: the arrays that the tests work on, each [n]."""

    owner: np.ndarray
    """The completion."""
    x: np.ndarray
    y: np.ndarray
    now: np.ndarray
    """The learner's log-prob after its updates: y where there is no `logp_old`."""
    advantage: np.ndarray

    @property
    def d(self) -> np.ndarray:
        return self.y - self.x

    def of(self, keep: np.ndarray) -> Sample:
        """Some of the tokens."""
        if keep.all():
            return self
        return Sample(
            *(getattr(self, name)[keep] for name in ("owner", "x", "y", "now", "advantage"))
        )


def sample(r: Rollouts) -> Sample:
    return Sample(r.completion, r.logp_rollout, r.learner, r.logp, r.advantage).of(r.mask)


def judge(r: Rollouts) -> tuple[Judgement, Rollouts]:
    """The verdict, and the rollouts as a diagnosis can use them: in nats, without tokens that are
    no numbers.

    Raises:
        ValueError: no token is left.
    """
    causes: list[Cause] = []
    r = _finite(r, causes)
    r = _nats(r, causes)
    s = sample(r)
    causes += overflow(s)
    s = s.of(np.abs(s.d) <= OVERFLOW)
    owners, tokens = len(np.unique(s.owner)), len(s.x)
    reason = None
    if owners < FEWEST_COMPLETIONS or tokens < FEWEST_TOKENS:
        reason = say("unclear.few", completions=f"{owners:,}", tokens=f"{tokens:,}")
    elif s.x.min() == s.x.max() or s.y.min() == s.y.max():
        reason = say("unclear.constant")
    else:
        padded, fill = padding(r, s)
        causes += fill
        s = s.of(~padded)
        causes += [
            *_of_log_probs(r, s),
            *dead_groups(r),
            *truncation(r, bool(fill)),
            *half_groups(r),
        ]
        reason = None if causes else _unexplained(s)
    causes.sort(key=lambda cause: NAMES.index(cause.name))
    unique = tuple({cause.name: cause for cause in reversed(causes)}.values())[::-1]
    if unique:
        names = ", ".join(cause.name for cause in unique)
        return Judgement("found", say("headline.found", causes=names), unique, _unseen(r)), r
    if reason:
        return Judgement("unclear", say("headline.unclear", reason=reason), (), _unseen(r)), r
    return Judgement(
        "healthy", say("headline.healthy", completions=f"{r.count:,}"), (), _unseen(r)
    ), r


def _of_log_probs(r: Rollouts, s: Sample) -> list[Cause]:
    """What is wrong between the learner's and the sampler's log-probs: the first cause that
    explains it."""
    shifted = shift(r, s)
    if shifted:
        return shifted
    causes = unit(s) or clipped(s)
    if causes:
        return causes
    causes, wrong = pairing(r, s)
    s = s.of(~wrong)
    if not len(s.x):
        return causes
    for test in (support, temperature, staleness, dropout, noise, precision):
        found = test(r, s)
        if found:
            return [*causes, *found]
    return causes


def _cause(name: str, key: str, **values: str) -> list[Cause]:
    return [Cause(name, say(f"cause.{key}", **values), say(f"advice.{key}"))]


# -- values that are no log-probs
# -------------------------------------------------------------------------------------


def _columns(r: Rollouts) -> Iterator[tuple[str, np.ndarray]]:
    for name in ("logp", "logp_rollout", "logp_old"):
        values = getattr(r, name)
        if values is not None:
            yield name, values


def _finite(r: Rollouts, causes: list[Cause]) -> Rollouts:
    """NaN and infinity where the mask is True: named, and masked; rewards with one are left out."""
    bad, told = np.zeros(len(r.mask), dtype=bool), []
    for name, values in (*_columns(r), ("advantage", r.advantage)):
        here = r.mask & ~np.isfinite(values)
        if here.any():
            told.append(say("cause.non_finite_column", column=name, count=f"{int(here.sum()):,}"))
        bad |= here
    owners = np.unique(r.completion[bad])
    if r.reward is not None:
        counted = np.unique(r.completion[r.mask])
        odd = counted[~np.isfinite(r.reward[counted])]
        if len(odd):
            told.append(say("cause.non_finite_column", column="reward", count=f"{len(odd):,}"))
            owners, r = np.union1d(owners, odd), replace(r, reward=None)
    if not told:
        return r
    causes += _cause(
        "non-finite", "non_finite", columns=", ".join(told), completions=_listed(owners)
    )
    return _masked(r, bad)


def _masked(r: Rollouts, bad: np.ndarray) -> Rollouts:
    if not (r.mask & ~bad).any():
        raise ValueError("columns: expected a token whose values are all log-probs, got none")
    return replace(r, mask=r.mask & ~bad)


def _with(r: Rollouts, name: str, values: np.ndarray) -> Rollouts:
    changed: dict[str, Any] = {name: values}
    return replace(r, **changed)


def overflow(s: Sample) -> list[Cause]:
    """A ratio that float32 cannot hold."""
    wide = np.abs(s.d) > OVERFLOW
    if not wide.any():
        return []
    largest = float(np.abs(s.d).max())
    return _cause("non-finite", "overflow", count=f"{int(wide.sum()):,}", largest=f"{largest:.3g}")


def _nats(r: Rollouts, causes: list[Cause]) -> Rollouts:
    """Probabilities and losses as log-probs; tokens above 0 otherwise masked. A little above 0 may
    be noise."""
    bad = np.zeros(len(r.mask), dtype=bool)
    for name, values in _columns(r):
        inside = values[r.mask]
        above = inside > ABOVE
        if not above.any():
            continue
        if inside.min() >= 0 and inside.max() <= 1 + ABOVE:
            causes += _cause("unit", "probabilities", column=name)
            with np.errstate(divide="ignore", invalid="ignore"):
                r = _with(r, name, np.log(np.maximum(values, 1e-30)))
        elif inside.min() >= 0:
            causes += _cause("unit", "losses", column=name)
            r = _with(r, name, -values)
        elif (
            above.mean() < 0.5 and inside.max() < 2
        ):  # noise that no softmax makes: `noise` names it
            r = _with(r, name, np.minimum(values, 0))
        else:
            count, largest = f"{int(above.sum()):,}", f"{inside.max():.3g}"
            causes += _cause("unit", "above", column=name, count=count, largest=largest)
            bad |= r.mask & (values > ABOVE)
    return _masked(r, bad)


# -- columns that do not belong together
# ------------------------------------------------------------------------------


def padding(r: Rollouts, s: Sample) -> tuple[np.ndarray, list[Cause]]:
    """[n] tokens of padding: one constant at the ends of rows that all end at the same length."""
    last = np.flatnonzero(np.diff(s.owner, append=-1))
    first = np.concatenate([[0], last[:-1] + 1])
    longest = int((last - first).max()) + 1
    padded = np.zeros(len(s.x), dtype=bool)
    for values in (s.x, s.y):
        constants, counts = np.unique(values[last], return_counts=True)
        same = values == constants[counts.argmax()]
        # Where the last token that differs stands, from which the run at the row's end follows.
        before = np.maximum.accumulate(np.where(same, -1, np.arange(len(values))))[last]
        run = last - np.maximum(before, first - 1)
        rows = (run >= 2) & (last - first + 1 == longest)
        others = int((run >= 2).sum() - rows.sum())
        inside = (same.sum() - run.sum()) / max(len(values) - run.sum(), 1)
        if (
            rows.sum() >= max(3, 0.1 * len(last))
            and others <= 0.1 * rows.sum()
            and inside**2 * len(last) * 5 < rows.sum()
        ):
            ends = np.repeat(np.where(rows, last - run, last), last - first + 1)
            padded |= np.arange(len(values)) > ends
    if not padded.any():
        return padded, []
    completions = len(np.unique(s.owner[padded]))
    return padded, _cause(
        "padding", "padding", tokens=f"{int(padded.sum()):,}", completions=f"{completions:,}"
    )


def shift(r: Rollouts, s: Sample) -> list[Cause]:
    """A neighbour agrees better than the token itself does."""
    found: Alignment = align(r)
    if not found.shift:
        return []
    best = found.before if found.shift < 0 else found.after
    where = say("cause.before" if found.shift < 0 else "cause.after")
    return _cause("shift", "shift", where=where, best=f"{best:.2f}", same=f"{found.same:.2f}")


def unit(s: Sample) -> list[Cause]:
    """y/x is the same factor for likely and for unlikely tokens, and it is one between units."""
    parts = [s.x + s.y < -1, (s.x + s.y >= -1) & (s.x + s.y < -0.04)]
    if min(int(part.sum()) for part in parts) < 10:
        return []
    found = [float(s.y[part].sum() / s.x[part].sum()) if s.x[part].sum() else 0.0 for part in parts]
    for name, nats in UNITS.items():
        for column, factor in (("logp_rollout", nats), ("logp", 1 / nats)):
            if all(abs(ratio / factor - 1) < RELATIVE for ratio in found):
                return _cause(
                    "unit",
                    "unit",
                    column=column,
                    unit=name,
                    low=f"{found[0]:.3f}",
                    high=f"{found[1]:.3f}",
                )
    return []


def clipped(s: Sample) -> list[Cause]:
    """Many tokens lie at exactly the least log-prob of one column, while the other column tells
    them apart."""
    for column, values, others in (("logp_rollout", s.x, s.y), ("logp", s.y, s.x)):
        least = values.min()
        at = values == least
        near = int((values <= least + 1).sum())
        told_apart = len(np.unique(others[at]))
        if at.sum() >= max(5, 0.3 * near) and told_apart > 0.5 * at.sum() and least < -0.5:
            return _cause(
                "unit", "clipped", column=column, count=f"{int(at.sum()):,}", least=f"{least:.4g}"
            )
    return []


def pairing(r: Rollouts, s: Sample) -> tuple[list[Cause], np.ndarray]:
    """Completions whose log-probs lie far apart while others' do not; or all, where nothing agrees.
    And [n] whose."""
    far, total = _far(r, s)
    wrong = np.isin(s.owner, far)
    same = correlation(s.x[~wrong], s.y[~wrong])
    error = ERRORS / math.sqrt(max(len(s.x) - 3, 1))
    if same is not None and math.tanh(math.atanh(min(same, 0.999)) + error) < UNRELATED:
        return _cause("pairing", "unrelated", same=f"{same:.2f}"), np.ones(len(s.x), dtype=bool)
    if not len(far):
        return [], wrong
    values = {"count": f"{len(far):,}", "total": f"{total:,}", "completions": _listed(far)}
    sizes = {"far": f"{_deviation(s.d[wrong]):.2g}", "rest": f"{_deviation(s.d[~wrong]):.2g}"}
    return _cause("pairing", "pairing", **values, **sizes), wrong


def _far(r: Rollouts, s: Sample) -> tuple[np.ndarray, int]:
    """The outliers among the completions by mean |d|, and how many completions were compared."""
    counts, size = _sizes(r, s)
    there = np.flatnonzero(counts >= 4)
    if len(there) < FEWEST_COMPLETIONS:
        return there[:0], len(there)
    each = size[there] / counts[there]
    low, middle = np.quantile(np.log(np.maximum(each, 1e-6)), (0.05, 0.25))
    limit = max(LEAST_FAR, math.exp(middle + max(math.log(5), FAR * (middle - low))))
    return there[each > limit], len(there)


def _sizes(r: Rollouts, s: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Per completion of the file: how many of these tokens it has, and their sum of |d|."""
    counts = np.bincount(s.owner, minlength=r.count)
    return counts, np.bincount(s.owner, weights=np.abs(s.d), minlength=r.count)


def _listed(numbers: np.ndarray) -> str:
    more = say("cause.more", count=f"{len(numbers) - SHOWN:,}") if len(numbers) > SHOWN else ""
    return ", ".join(str(int(i)) for i in numbers[:SHOWN]) + more


# -- distributions that differ
# ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mean:
    """The mean of exp(d) over tokens, which is 1 if x is log μ and the learner's support is the
    sampler's."""

    value: float
    error: float


def mean_ratio(d: np.ndarray) -> Mean:
    with np.errstate(over="ignore"):
        ratio = np.exp(d)
    return Mean(float(ratio.mean()), float(np.sqrt(np.square(ratio - 1).sum()) / len(ratio)))


def _off(s: Sample) -> int:
    """-1 or 1 where the mean ratio lies below or above 1 even over the tokens that updates move the
    other way."""
    for sign in (-1, 1):
        half = s.d[s.advantage * sign <= 0]
        if len(half) < FEWEST_TOKENS:
            half = s.d
        mean = mean_ratio(half)
        if sign * (mean.value - 1) > max(ERRORS * mean.error, 0.005):
            return sign
    return 0


def support(r: Rollouts, s: Sample) -> list[Cause]:
    """The learner gives every token less (or more) than the sampler does, and never by much: a mass
    is missing."""
    if r.sampling.holds is False and r.sampling.temperature in (None, 1):
        return _cause("support", "support_said", details=r.sampling.details)
    up, down = float(np.maximum(s.d, 0).sum()), float(np.maximum(-s.d, 0).sum())
    side = _off(s)
    rarer, other = (up, down) if side < 0 else (down, up)
    strict = rarer < ALL * other
    if (
        not side
        or rarer > ONE_SIDED * other
        or not (strict or (np.abs(s.d) > BOUND).mean() <= 0.01)
    ):
        return []
    if side < 0 and r.sampling.top_p not in (None, 1):
        return []  # said, and so expected
    mean = mean_ratio(s.d)
    key = "support" if side < 0 else "support_raw"
    share = float((s.d * side > 0).mean())
    return _cause(
        "support",
        key,
        share=f"{100 * share:.0f}",
        mean=f"{mean.value:.3f}",
        error=f"{mean.error:.2g}",
    )


def temperature(r: Rollouts, s: Sample) -> list[Cause]:
    """d rises or falls with x and with y alike: one distribution is the other at another
    temperature."""
    if r.sampling.holds is False:
        return _cause("temperature", "temperature_said", details=r.sampling.details)
    d = s.d
    slopes = [_slope(d, x) for x in (s.x, s.y)]
    (slope, explained), (other, also) = slopes
    n = len(np.unique(s.owner))  # tokens of one completion are alike
    if slope * other <= 0 or min(explained, also) < EXPLAINED or abs(slope) < SLOPE:
        return []
    if explained / (1 - min(explained, 0.999)) * n < ERRORS:
        return []
    mean = mean_ratio(d)
    right = abs(mean.value - 1) <= max(ERRORS * mean.error, 0.02)
    values = {
        "slope": f"{slope:+.2f}",
        "explained": f"{100 * explained:.0f}",
        "factor": f"{1 + slope:.2f}",
    }
    key = "temperature_learner" if right else "temperature_sampler"
    return _cause("temperature", key, **values, mean=f"{mean.value:.3f}", error=f"{mean.error:.2g}")


def _slope(d: np.ndarray, x: np.ndarray) -> tuple[float, float]:
    """The least-squares slope of d on x, and the share of the variance of d that it explains."""
    a, b = x - x.mean(), d - d.mean()
    xx, dd, xd = float(a @ a), float(b @ b), float(a @ b)
    return (xd / xx, xd * xd / (xx * dd)) if xx > 0 and dd > 0 else (0.0, 0.0)


def staleness(r: Rollouts, s: Sample) -> list[Cause]:
    """Mean |d| of a completion grows with its age."""
    if r.version is None:
        return []
    counts, size = _sizes(r, s)
    there = counts > 0
    each = size[there] / counts[there]
    age = (r.version.max() - r.version)[there]
    oldest = float(each[age == age.max()].mean())
    slope, explained = _slope(each, age.astype(float))
    if slope <= 0 or explained * len(age) < ERRORS**2 or oldest < NOISE:
        return []
    newest = float(each[age == age.min()].mean())
    values = {
        "newest": f"{newest:.2g}",
        "oldest": f"{oldest:.2g}",
        "age": f"{age.max() - age.min():g}",
    }
    return _cause("staleness", "staleness", **values)


def _deviation(d: np.ndarray) -> float:
    return float(np.abs(d).mean())


def _against(moved: np.ndarray, advantage: np.ndarray) -> tuple[int, float]:
    """Tokens that have left PPO's window, and the share of them that moved against their
    advantage."""
    with np.errstate(over="ignore"):
        outside = (np.abs(np.expm1(moved)) > WINDOW) & (advantage != 0)
    count = int(outside.sum())
    return count, float((moved * advantage < 0)[outside].mean()) if count else 0.5


def dropout(r: Rollouts, s: Sample) -> list[Cause]:
    """Two passes of the learner differ by noise: a half of what it moves goes against the
    advantage."""
    count, share = _against(s.now - s.y, s.advantage)
    if count < max(LEAST_MOVED, 0.02 * len(s.x)) or share - 3 * math.sqrt(0.25 / count) < AGAINST:
        return []
    return _cause("dropout", "dropout", count=f"{count:,}", share=f"{100 * share:.0f}")


def noise(r: Rollouts, s: Sample) -> list[Cause]:
    """Tokens that are all but certain differ as much as the others: no softmax makes such noise."""
    size = _deviation(s.d)
    certain = s.x > -0.02
    if size < NOISE / 2 or certain.sum() < LEAST_MOVED or (~certain).sum() < LEAST_MOVED:
        return []
    sure, rest = _deviation(s.d[certain]), _deviation(s.d[~certain])
    if sure < SHAPED * rest:
        return []
    return _cause("noise", "noise", sure=f"{sure:.2g}", rest=f"{rest:.2g}")


def precision(r: Rollouts, s: Sample) -> list[Cause]:
    """Flat noise between learner and sampler; where there is one pass of the learner only, it may
    be dropout."""
    size = _deviation(s.d)
    count, share = _against(s.d, s.advantage)
    if size < NOISE or (count >= LEAST_MOVED and share + 3 * math.sqrt(0.25 / count) < HALF):
        return []  # little, or what learning does
    found = _cause("precision", "precision", deviation=f"{size:.2g}", like=_like(size))
    if size >= MUCH and np.array_equal(s.now, s.y):
        found += _cause("dropout", "dropout_alone", deviation=f"{size:.2g}")
    return found


def _like(size: float) -> str:
    """The recorded precision whose mismatch is nearest, on a logarithmic scale."""
    return min(ENGINES, key=lambda name: abs(math.log(size / ENGINES[name])))


ENGINES = {"bf16": 0.0105, "fp8": 0.27, "int4": 1.0}
"""Mean |d|, nats: bf16 and fp8 of real engines (radixark/miles, issue 1678), int4 of SmolLM2-135M
(`scale`)."""


def _unexplained(s: Sample) -> str | None:
    """The mean ratio is not 1, and no cause was found."""
    if not _off(s):
        return None
    mean = mean_ratio(s.d)
    return say("unclear.mean", mean=f"{mean.value:.3f}", error=f"{mean.error:.2g}")


# -- the batch
# --------------------------------------------------------------------------------------------------


def _lower(share: float, n: float, z: float) -> float:
    """Wilson's lower bound at z standard errors."""
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (share + z * z / (2 * n) - spread) / (1 + z * z / n)


def _advantages(r: Rollouts) -> tuple[np.ndarray, np.ndarray]:
    """Per completion the number of unmasked tokens and their mean advantage."""
    counted = np.bincount(r.completion, weights=r.mask, minlength=r.count)
    total = np.bincount(r.completion, weights=np.where(r.mask, r.advantage, 0.0), minlength=r.count)
    return counted, total / np.maximum(counted, 1)


def dead_groups(r: Rollouts) -> list[Cause]:
    """More than half of the groups have no advantage at all."""
    counted, _ = _advantages(r)
    largest = np.maximum.reduceat(
        np.where(r.mask, np.abs(r.advantage), 0.0),
        np.flatnonzero(np.diff(r.completion, prepend=-1)),
    )
    if r.group is None:
        return _cause("dead-groups", "no_advantage") if not largest.any() else []
    there = counted > 0
    groups = np.unique(r.group[there])
    alive = np.unique(r.group[np.unique(r.completion)[largest > 0]])
    dead = len(groups) - len(alive)
    share = dead / len(groups)
    if share < 1 and (len(groups) < 4 or _lower(share, len(groups), 3) < DEAD):
        return []
    return _cause(
        "dead-groups",
        "dead",
        dead=f"{dead:,}",
        groups=f"{len(groups):,}",
        share=f"{100 * share:.0f}",
    )


def truncation(r: Rollouts, padded: bool) -> list[Cause]:
    """Too many completions end at exactly the longest length."""
    lengths = np.bincount(r.completion[r.mask], minlength=r.count)
    lengths = lengths[lengths > 0]
    longest = int(lengths.max())
    count, total = int((lengths == longest).sum()), len(lengths)
    if (
        padded
        or longest < 16
        or total < FEWEST_COMPLETIONS
        or _lower(count / total, total, 2) < LONGEST
    ):
        return []
    share = f"{100 * count / total:.0f}"
    return _cause(
        "truncation",
        "truncation",
        count=f"{count:,}",
        total=f"{total:,}",
        share=share,
        longest=f"{longest:,}",
    )


def half_groups(r: Rollouts) -> list[Cause]:
    """Advantages relative to a group sum to 0 over the whole of it."""
    if r.group is None:
        return []
    _, mean = _advantages(r)
    total, size = (np.bincount(r.group, weights=x) for x in (mean, np.abs(mean)))
    live = size > 0
    uneven = np.flatnonzero(np.abs(total) > UNEVEN * size)
    whole = abs(mean.sum()) < 1e-3 * np.abs(mean).sum()  # relative to the batch, not to a group
    if len(uneven) < max(1, UNEVEN * live.sum()) or whole:
        return []
    names = ", ".join(f"“{short(r.group_names[i])}”" for i in uneven[:SHOWN])
    more = say("cause.more", count=f"{len(uneven) - SHOWN:,}") if len(uneven) > SHOWN else ""
    return _cause(
        "half-groups",
        "half",
        uneven=f"{len(uneven):,}",
        groups=f"{int(live.sum()):,}",
        names=names + more,
    )


def short(name: str, longest: int = 60) -> str:
    """A group's name on one line."""
    line = " ".join(name.split())
    return line if len(line) <= longest else f"{line[:longest]}…"


def _unseen(r: Rollouts) -> tuple[str, ...]:
    """What a missing column hides."""
    missing = [
        ("logp_old", r.logp_old is None),
        ("group", r.group is None),
        ("version", r.version is None),
        ("copied", np.array_equal(r.learner[r.mask], r.logp_rollout[r.mask])),
        ("sampling", r.sampling.holds is None),
    ]
    return tuple(say(f"unseen.{name}") for name, is_missing in missing if is_missing)
