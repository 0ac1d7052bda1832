"""Learner and sampler that are not one distribution: another support, another temperature, an
older policy, noise."""

from __future__ import annotations

import math

import numpy as np

from trlab.diagnose.cause import (
    ERRORS,
    FEWEST_TOKENS,
    Cause,
    Sample,
    cause,
    deviation,
    mean_ratio,
    sizes,
)
from trlab.diagnose.rollouts import Rollouts
from trlab.diagnose.texts import say

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

ENGINES = {"bf16": 0.0105, "fp8": 0.27, "int4": 1.0}
"""Mean |d|, nats: bf16 and fp8 of real engines (radixark/miles, issue 1678), int4 of SmolLM2-135M
(`scale`)."""


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
        return cause("support", "support_said", details=r.sampling.details)
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
    share = 100 * float((s.d * side > 0).mean())
    return cause("support", key, share=share, mean=mean)


def temperature(r: Rollouts, s: Sample) -> list[Cause]:
    """d rises or falls with x and with y alike: one distribution is the other at another
    temperature."""
    if r.sampling.holds is False:
        return cause("temperature", "temperature_said", details=r.sampling.details)
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
        "slope": slope,
        "explained": 100 * explained,
        "factor": 1 + slope,
    }
    key = "temperature_learner" if right else "temperature_sampler"
    return cause("temperature", key, **values, mean=mean)


def _slope(d: np.ndarray, x: np.ndarray) -> tuple[float, float]:
    """The least-squares slope of d on x, and the share of the variance of d that it explains."""
    a, b = x - x.mean(), d - d.mean()
    xx, dd, xd = float(a @ a), float(b @ b), float(a @ b)
    return (xd / xx, xd * xd / (xx * dd)) if xx > 0 and dd > 0 else (0.0, 0.0)


def staleness(r: Rollouts, s: Sample) -> list[Cause]:
    """Mean |d| of a completion grows with its age."""
    if r.version is None:
        return []
    counts, size = sizes(r, s)
    there = counts > 0
    each = size[there] / counts[there]
    age = (r.version.max() - r.version)[there]
    oldest = float(each[age == age.max()].mean())
    slope, explained = _slope(each, age.astype(float))
    if slope <= 0 or explained * len(age) < ERRORS**2 or oldest < NOISE:
        return []
    newest = float(each[age == age.min()].mean())
    values = {
        "newest": newest,
        "oldest": oldest,
        "age": age.max() - age.min(),
    }
    return cause("staleness", "staleness", **values)


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
    return cause("dropout", "dropout", count=count, share=100 * share)


def noise(r: Rollouts, s: Sample) -> list[Cause]:
    """Tokens that are all but certain differ as much as the others: no softmax makes such noise."""
    size = deviation(s.d)
    certain = s.x > -0.02
    if size < NOISE / 2 or certain.sum() < LEAST_MOVED or (~certain).sum() < LEAST_MOVED:
        return []
    sure, rest = deviation(s.d[certain]), deviation(s.d[~certain])
    if sure < SHAPED * rest:
        return []
    return cause("noise", "noise", sure=sure, rest=rest)


def precision(r: Rollouts, s: Sample) -> list[Cause]:
    """Flat noise between learner and sampler; where there is one pass of the learner only, it may
    be dropout."""
    size = deviation(s.d)
    count, share = _against(s.d, s.advantage)
    if size < NOISE or (count >= LEAST_MOVED and share + 3 * math.sqrt(0.25 / count) < HALF):
        return []  # little, or what learning does
    found = cause("precision", "precision", deviation=size, like=_like(size))
    if size >= MUCH and np.array_equal(s.now, s.y):
        found += cause("dropout", "dropout_alone", deviation=size)
    return found


def _like(size: float) -> str:
    """The recorded precision whose mismatch is nearest, on a logarithmic scale."""
    return min(ENGINES, key=lambda name: abs(math.log(size / ENGINES[name])))


def unexplained(s: Sample) -> str | None:
    """The mean ratio is not 1, and no cause was found."""
    if not _off(s):
        return None
    mean = mean_ratio(s.d)
    return say("unclear.mean", mean=mean)
