"""Columns that are no log-probs of the same tokens: no numbers, other units, padding, tokens or
completions that do not belong together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from trlab.diagnose.alignment import Alignment, align, correlation
from trlab.diagnose.cause import (
    ERRORS,
    FEWEST_COMPLETIONS,
    Cause,
    Sample,
    cause,
    deviation,
    listed,
    sizes,
)
from trlab.diagnose.rollouts import Rollouts
from trlab.diagnose.texts import say

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


def finite(r: Rollouts, causes: list[Cause]) -> Rollouts:
    """NaN and infinity where the mask is True: named, and masked; rewards with one are left out."""
    bad, told = np.zeros(len(r.mask), dtype=bool), []
    for name, values in (*_columns(r), ("advantage", r.advantage)):
        here = r.mask & ~np.isfinite(values)
        if here.any():
            told.append(say("cause.non_finite_column", column=name, count=here.sum()))
        bad |= here
    owners = np.unique(r.completion[bad])
    if r.reward is not None:
        counted = np.unique(r.completion[r.mask])
        odd = counted[~np.isfinite(r.reward[counted])]
        if len(odd):
            told.append(say("cause.non_finite_column", column="reward", count=len(odd)))
            owners, r = np.union1d(owners, odd), replace(r, reward=None)
    if not told:
        return r
    causes += cause("non-finite", "non_finite", columns=", ".join(told), completions=listed(owners))
    return _masked(r, bad)


def nats(r: Rollouts, causes: list[Cause]) -> Rollouts:
    """Probabilities and losses as log-probs; tokens above 0 otherwise masked. A little above 0 may
    be noise."""
    bad = np.zeros(len(r.mask), dtype=bool)
    for name, values in _columns(r):
        inside = values[r.mask]
        above = inside > ABOVE
        if not above.any():
            continue
        if inside.min() >= 0 and inside.max() <= 1 + ABOVE:
            causes += cause("unit", "probabilities", column=name)
            with np.errstate(divide="ignore", invalid="ignore"):
                r = _with(r, name, np.log(np.maximum(values, 1e-30)))
        elif inside.min() >= 0:
            causes += cause("unit", "losses", column=name)
            r = _with(r, name, -values)
        # Noise that no softmax makes: `noise` names it.
        elif above.mean() < 0.5 and inside.max() < 2:
            r = _with(r, name, np.minimum(values, 0))
        else:
            causes += cause("unit", "above", column=name, count=above.sum(), largest=inside.max())
            bad |= r.mask & (values > ABOVE)
    return _masked(r, bad)


def _columns(r: Rollouts) -> Iterator[tuple[str, np.ndarray]]:
    for name in ("logp", "logp_rollout", "logp_old"):
        values = getattr(r, name)
        if values is not None:
            yield name, values


def _with(r: Rollouts, name: str, values: np.ndarray) -> Rollouts:
    changed: dict[str, Any] = {name: values}
    return replace(r, **changed)


def _masked(r: Rollouts, bad: np.ndarray) -> Rollouts:
    if not (r.mask & ~bad).any():
        raise ValueError("columns: expected a token whose values are all log-probs, got none")
    return replace(r, mask=r.mask & ~bad)


def overflow(s: Sample) -> list[Cause]:
    """A ratio that float32 cannot hold."""
    wide = np.abs(s.d) > OVERFLOW
    if not wide.any():
        return []
    return cause("non-finite", "overflow", count=wide.sum(), largest=np.abs(s.d).max())


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
    return padded, cause("padding", "padding", tokens=padded.sum(), completions=completions)


def shift(r: Rollouts, s: Sample) -> list[Cause]:
    """A neighbour agrees better than the token itself does."""
    found: Alignment = align(r)
    if not found.shift:
        return []
    best = found.before if found.shift < 0 else found.after
    where = say("cause.before" if found.shift < 0 else "cause.after")
    return cause("shift", "shift", where=where, best=best, same=found.same)


def unit(s: Sample) -> list[Cause]:
    """y/x is the same factor for likely and for unlikely tokens, and it is one between units."""
    parts = [s.x + s.y < -1, (s.x + s.y >= -1) & (s.x + s.y < -0.04)]
    if min(int(part.sum()) for part in parts) < 10:
        return []
    found = [float(s.y[part].sum() / s.x[part].sum()) if s.x[part].sum() else 0.0 for part in parts]
    for name, in_nats in UNITS.items():
        for column, factor in (("logp_rollout", in_nats), ("logp", 1 / in_nats)):
            if all(abs(ratio / factor - 1) < RELATIVE for ratio in found):
                return cause("unit", "unit", column=column, unit=name, low=found[0], high=found[1])
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
            return cause("unit", "clipped", column=column, count=at.sum(), least=least)
    return []


def pairing(r: Rollouts, s: Sample) -> tuple[list[Cause], np.ndarray]:
    """Completions whose log-probs lie far apart while others' do not; or all, where nothing agrees.
    And [n] whose."""
    far, total = _far(r, s)
    wrong = np.isin(s.owner, far)
    same = correlation(s.x[~wrong], s.y[~wrong])
    error = ERRORS / math.sqrt(max(len(s.x) - 3, 1))
    if same is not None and math.tanh(math.atanh(min(same, 0.999)) + error) < UNRELATED:
        return cause("pairing", "unrelated", same=same), np.ones(len(s.x), dtype=bool)
    if not len(far):
        return [], wrong
    return cause(
        "pairing",
        "pairing",
        count=len(far),
        total=total,
        completions=listed(far),
        far=deviation(s.d[wrong]),
        rest=deviation(s.d[~wrong]),
    ), wrong


def _far(r: Rollouts, s: Sample) -> tuple[np.ndarray, int]:
    """The outliers among the completions by mean |d|, and how many completions were compared."""
    counts, size = sizes(r, s)
    there = np.flatnonzero(counts >= 4)
    if len(there) < FEWEST_COMPLETIONS:
        return there[:0], len(there)
    each = size[there] / counts[there]
    low, middle = np.quantile(np.log(np.maximum(each, 1e-6)), (0.05, 0.25))
    limit = max(LEAST_FAR, math.exp(middle + max(math.log(5), FAR * (middle - low))))
    return there[each > limit], len(there)
