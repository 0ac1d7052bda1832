"""Columns that are no log-probs of the same tokens: no numbers, other units, padding, tokens or
completions that do not belong together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from trcheck.diagnose import thresholds as C
from trcheck.diagnose.exact import summed
from trcheck.diagnose.groups import interval
from trcheck.diagnose.messages import say
from trcheck.diagnose.rollouts import Rollouts
from trcheck.diagnose.sample import (
    Cause,
    Sample,
    at_most,
    cause,
    correlation,
    deviation,
    fisher,
    listed,
    logits,
    unsure,
)


def finite(r: Rollouts, causes: list[Cause]) -> Rollouts:
    """NaN and infinity where the mask is True: named, and masked; rewards with one are left out."""
    bad, messages = np.zeros(len(r.mask), dtype=bool), []
    for name, values in (*_columns(r), ("advantage", r.advantage)):
        here = r.mask & ~np.isfinite(values)
        if here.any():
            messages.append(say("cause.non_finite_column", column=name, count=here.sum()))
        bad |= here
    owners = np.unique(r.completion[bad])
    if r.reward is not None:
        counted = np.unique(r.completion[r.mask])
        odd = counted[~np.isfinite(r.reward[counted])]
        if len(odd):
            messages.append(say("cause.non_finite_column", column="reward", count=len(odd)))
            owners, r = np.union1d(owners, odd), replace(r, reward=None)
    if not messages:
        return r
    causes += cause(
        "non-finite", "non_finite", columns=", ".join(messages), completions=listed(owners)
    )
    return _masked(r, bad)


def nats(r: Rollouts, causes: list[Cause]) -> Rollouts:
    """Probabilities and losses as log-probs; tokens above 0 otherwise masked. A little above 0 may
    be noise."""
    bad = np.zeros(len(r.mask), dtype=bool)
    for name, values in _columns(r):
        inside = values[r.mask]
        if summed(inside, r.completion[r.mask]):
            causes += cause("unit", "summed", column=name)
            r = _with(r, name, _steps(r, values))
        above = inside > C.ABOVE
        if not above.any():
            continue
        if inside.min() >= 0 and inside.max() <= 1 + C.ABOVE:
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
            bad |= r.mask & (values > C.ABOVE)
    return _masked(r, bad)


def _steps(r: Rollouts, values: np.ndarray) -> np.ndarray:
    """Each counted token's own part of sums over its completion."""
    at = np.flatnonzero(r.mask)
    made, same = values.copy(), np.diff(r.completion[at], prepend=-1) == 0
    made[at] = np.where(same, np.diff(values[at], prepend=0.0), values[at])
    return made


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
        columns = ", ".join(
            name
            for name, values in (*_columns(r), ("advantage", r.advantage))
            if not np.isfinite(values[r.mask]).any()
        )
        raise ValueError(
            "columns: expected a token whose log-probs and advantage are all numbers, got none"
            + (f"; {columns} has none at all" if columns else "")
        )
    return replace(r, mask=r.mask & ~bad)


def overflow(s: Sample) -> list[Cause]:
    """A ratio that is infinite in float32."""
    wide = s.d > C.OVERFLOW
    if not wide.any():
        return []
    return cause("non-finite", "overflow", count=wide.sum(), largest=s.d.max())


def padding(r: Rollouts, s: Sample) -> tuple[np.ndarray, list[Cause]]:
    """[n] tokens of padding: one constant at the ends of rows that all end at the same length.

    A model that is certain of a token gives it a log-prob of 0 to the last bit, too. It does so in
    the middle of a text as well, so zeros are padding only where they stand at the ends in
    stretches several times as long.
    """
    first, lengths = s.first, s.lengths
    last = first + lengths - 1
    padded = np.zeros(len(s.x), dtype=bool)
    for values in (s.x, s.y):
        constants, counts = np.unique(values[last], return_counts=True)
        same = values == constants[counts.argmax()]
        # Where the last token that differs stands, from which the run at the row's end follows.
        before = np.maximum.accumulate(np.where(same, -1, np.arange(len(values))))[last]
        run = last - np.maximum(before, first - 1)
        rows = (run >= 2) & (lengths == lengths.max())
        others = int((run >= 2).sum() - rows.sum())
        inside = (same.sum() - run.sum()) / max(len(values) - run.sum(), 1)
        stretch = 1.0
        if constants[counts.argmax()] > C.CERTAIN:
            middle = same & (np.arange(len(values)) <= np.repeat(last - run, lengths))
            begins = int((middle & ~np.append(False, middle[:-1])).sum())
            stretch = C.STRETCHES * max(middle.sum() / max(begins, 1), 1)
        if (
            rows.sum() >= max(3, 0.1 * len(last))
            and others <= 0.1 * rows.sum()
            and inside**2 * len(last) * 5 < rows.sum()
            and run[rows].mean() >= stretch
        ):
            ends = np.repeat(np.where(rows, last - run, last), lengths)
            padded |= np.arange(len(values)) > ends
    pieces = None if r.pieces is None else r.counted(r.pieces)
    ends = last[padded[last]]
    if pieces is not None and len(pieces) == len(padded) and len(ends):  # padding is one token
        names, counts = np.unique(pieces[ends], return_counts=True)
        padded &= (pieces == names[counts.argmax()]) & bool(counts.max() > 0.9 * len(ends))
    if not padded.any():
        return padded, []
    completions = len(np.unique(s.owner[padded]))
    return padded, cause("padding", "padding", tokens=padded.sum(), completions=completions)


def end(s: Sample) -> tuple[np.ndarray, list[Cause]]:
    """[n] the last tokens, where many of them are one number in one column and the other column
    tells them apart."""
    last = s.ends
    rest = s.of(~last)
    for column, values, others in (("logp_rollout", s.x, s.y), ("logp", s.y, s.x)):
        constants, counts = np.unique(values[last], return_counts=True)
        constant, count = constants[counts.argmax()], int(counts.max())
        at = last & (values == constant)
        inside = int((values == constant).sum()) - count
        far = deviation(s.d[at])
        if (
            count >= max(3, (0.1 if constant else 0.6) * last.sum())
            and constant == round(constant)
            and inside <= 0.05 * max(len(rest.x), 1)
            and (constant or len(np.unique(others[at])) > 0.5 * count)
            and far > 0.01
            and s.of(at).size > 5 * rest.size
            and len(rest.x)
        ):
            return at, cause(
                "end", "end", count=count, column=column, value=constant, far=far,
                rest=deviation(rest.d),
            )  # fmt: skip
    return np.zeros(len(s.x), dtype=bool), []


def filled(s: Sample) -> tuple[np.ndarray, list[Cause]]:
    """[n] tokens that the sampler is certain of, to the last bit, and the learner is not, in both
    of its passes."""
    odd = (s.x == 0) & (s.y < -3) & (np.abs(s.now - s.y) < -0.5 * s.y)
    completions = len(np.unique(s.owner[odd]))
    if odd.sum() < max(5, 0.002 * len(s.x)) or completions < 3:
        return np.zeros(len(s.x), dtype=bool), []
    return (s.x == 0) & (s.y < -0.05), cause(
        "foreign-tokens", "filled", count=odd.sum(), completions=completions, value=0.0
    )


def shift(r: Rollouts) -> list[Cause]:
    """A neighbour agrees better than the token itself does."""
    first = np.flatnonzero(r.mask[:-1] & r.mask[1:] & (r.completion[:-1] == r.completion[1:]))
    x, y = r.logp_rollout, r.learner
    same = correlation(y[r.mask], x[r.mask])
    if len(first) < C.LEAST_PAIRS or same is None:
        return []
    before, after = correlation(y[first], x[first + 1]), correlation(y[first + 1], x[first])
    best, where = max((before or 0.0, "cause.before"), (after or 0.0, "cause.after"))
    error = math.sqrt(2 / (len(first) - 3))
    if best <= C.ALIGNED or fisher(best) - fisher(same) <= 4 * error:
        return []
    return cause("shift", "shift", where=say(where), best=best, same=same)


def late(r: Rollouts, s: Sample) -> tuple[np.ndarray, list[Cause]]:
    """[n] last tokens that are padding, where the mask leaves out the first token of completions,
    on which the two columns agree, and counts one behind their end, on which they do not."""
    last, none = s.ends, np.zeros(len(s.x), dtype=bool)
    places = np.flatnonzero(r.mask)
    first = places[np.flatnonzero(np.diff(r.completion[places], prepend=-1))]
    x, y = r.logp_rollout[first - 1], r.learner[first - 1]
    starts = np.searchsorted(r.completion, r.completion[first])
    ahead = (first - 1 == starts) & np.isfinite(x) & np.isfinite(y)
    if ahead.mean() < 0.9 or len(np.unique(x[ahead])) < 3:
        return none, []
    rest = s.of(~last)
    size = rest.size
    here = logits((y - x)[ahead], unsure(x, y)[ahead])

    def odd(t: Sample) -> np.ndarray:
        far, filled = max(1.0, C.APART + 5 * size), (t.x == 0) | (t.y == 0)
        return np.abs(t.d) > np.where(filled, C.UNSURE, far)

    # Two zeros are padding, unless the model is as certain of other tokens.
    certain = ((rest.x == 0) & (rest.y == 0)).mean() > 0.05
    padded = ((s.x == 0) & (s.y == 0))[last] & (not certain)
    behind = odd(s)[last]
    known = (behind.sum() >= 5 and behind.mean() >= 0.1) or (behind | padded).mean() >= 0.3
    if here > 3 * size + 0.05 or not known or odd(rest).mean() > 0.05:
        return none, []
    count = int((behind | padded).sum())
    return last, cause("shift", "late", count=count, completions=last.sum())


def unit(s: Sample) -> list[Cause]:
    """y/x is the same factor for likely and for unlikely tokens, and it is one between units."""
    parts = [s.x + s.y < -1, (s.x + s.y >= -1) & (s.x + s.y < -0.04)]
    if min(int(part.sum()) for part in parts) < 10:
        return []
    found = [float(s.y[part].sum() / s.x[part].sum()) if s.x[part].sum() else 0.0 for part in parts]
    for name, in_nats in C.UNITS.items():
        for column, factor in (("logp_rollout", in_nats), ("logp", 1 / in_nats)):
            if all(abs(ratio / factor - 1) < C.RELATIVE for ratio in found):
                return cause("unit", "unit", column=column, unit=name, low=found[0], high=found[1])
    return []


def clipped(s: Sample) -> list[Cause]:
    """Many tokens lie at exactly the least log-prob of one column, while the other column tells
    them apart."""
    for column, values, others in (("logp_rollout", s.x, s.y), ("logp", s.y, s.x)):
        least = values.min()
        at = values == least
        near = int((values <= least + 1).sum())
        # A prompt's rare token is one number in every completion of its group.
        told_apart = len(np.unique(others[at].round(2)))
        enough = min(0.5 * at.sum(), 20)
        if at.sum() >= max(8, 0.03 * near) and told_apart > enough and least < -0.5:
            return cause("unit", "clipped", column=column, count=at.sum(), least=least)
    return []


def pairing(r: Rollouts, s: Sample) -> tuple[list[Cause], np.ndarray]:
    """Completions whose log-probs lie far apart while others' do not; or all, where nothing agrees.
    No cause, where a few edited tokens may be what lies apart, or the completions' age is. And [n]
    whose."""
    far, total, whole = _far(r, s)
    wrong = np.isin(s.owner, far)
    same = correlation(s.x[~wrong], s.y[~wrong])
    error = C.ERRORS / math.sqrt(max(len(s.x) - 3, 1))
    alike = np.abs(s.now - s.y).sum() <= 0.5 * np.abs(s.d).sum()  # else the learner is noisy
    if alike and same is not None and at_most(same, error) < C.UNRELATED:
        return cause("pairing", "unrelated", same=same), np.ones(len(s.x), dtype=bool)
    if not whole or not r.newest[far].any():
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


def early(s: Sample) -> float:
    """The most that the correlation of the two columns may be in the first tokens of completions,
    where a prompt matters most; 1 where there are too few."""
    here = s.place < C.EARLY
    same = correlation(s.x[here], s.y[here])
    if same is None or here.sum() < C.FEWEST_TOKENS:
        return 1.0
    return at_most(same, C.Z / math.sqrt(here.sum() - 3))


def _far(r: Rollouts, s: Sample) -> tuple[np.ndarray, int, bool]:
    """The outliers among the completions by their difference in nats of a logit, how many
    completions were compared, and whether the outliers differ throughout."""
    free_of = s.free
    open_ = free_of > C.UNSURE
    apart = open_ & (np.abs(s.d) > C.APART * free_of)
    counts, size, free, open_count, apart_count, moved = (
        np.bincount(s.owner, weights=values, minlength=r.count)
        for values in (np.ones(len(s.x)), np.abs(s.d), free_of, open_, apart, np.abs(s.now - s.y))
    )
    there = np.flatnonzero(counts >= 4)
    if len(there) < C.FEWEST_COMPLETIONS:
        return there[:0], len(there), False
    each = size[there] / (free[there] + C.UNSURE)
    low, middle = np.quantile(np.log(np.maximum(each, 1e-6)), (0.05, 0.25))
    spread = min(max(math.log(5), C.FAR * (middle - low)), math.log(C.FARTHEST))
    # Beyond the others, and beyond what two passes of the learner differ by.
    passes = C.FAR_PASSES * float(moved.sum() / max(free.sum(), 1e-12))
    limit = max(C.FAR_LOGITS, passes, math.exp(middle + spread))
    # Another text differs at most tokens, an edited logit at one; and in two passes alike.
    whole = (apart_count >= 2) & (apart_count >= 0.5 * open_count) & (moved <= 0.5 * size)
    far = (each > limit) & (size[there] > C.LEAST_FAR * counts[there]) & whole[there]
    # Another text has moved the tokens before the last one that it moved; an edit has not.
    last = np.full(r.count, -1)
    np.maximum.at(last, s.owner[apart], np.flatnonzero(apart))
    before = open_ & np.isin(s.owner, there[far]) & (np.arange(len(s.x)) < last[s.owner])
    n = int(before.sum())
    throughout = n > 0 and interval(int((before & apart).sum()), n, 1.0)[0] > C.WHOLE
    # Another text costs a completion some nats in all; a few large errors do not.
    return there[far], len(there), throughout and size[there[far]].mean() > C.FAR_IN_ALL
