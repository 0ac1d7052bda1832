"""Tests without a threshold on a size: what no sampler, no learner and no estimator of advantages can
have made."""

from __future__ import annotations

import math

import numpy as np

from trcheck.diagnose import thresholds as C
from trcheck.diagnose.groups import short, totals, uneven
from trcheck.diagnose.messages import say
from trcheck.diagnose.rollouts import Rollouts
from trcheck.diagnose.sample import (
    Cause,
    Sample,
    at_most,
    cause,
    correlation,
    listed,
    logits,
    unsure,
)


def copied(r: Rollouts) -> list[Cause]:
    """The learner's passes differ, and one of them is the sampler's to the last bit: then neither is
    noisy, and `logp_old` is another policy's."""
    if r.logp_old is None:
        return []
    now, old, sampler = (r.counted(x) for x in (r.logp, r.logp_old, r.logp_rollout))
    apart = np.abs(old - now)
    if not np.array_equal(now, sampler) or apart.mean() < C.COPIED:
        return []
    return cause("column", "copied", apart=apart.mean())


def other_old(s: Sample) -> list[Cause]:
    """The learner as it is agrees with the sampler, and `logp_old` goes with neither."""
    now, old = logits(s.now - s.x, unsure(s.x, s.now)), s.size
    same = correlation(s.x, s.y)
    if same is None or now > C.HEALTHY or old < 5 * now + C.HEALTHY:
        return []
    if at_most(same, C.ERRORS / math.sqrt(max(len(s.x) - 3, 1))) > C.UNRELATED:
        return []
    return cause("pairing", "old", now=now, old=old, same=same)


def summed(values: np.ndarray, owner: np.ndarray) -> bool:
    """Whether a column [n] falls from token to token in every completion: sums of log-probs."""
    long = np.bincount(owner)[owner] > 4  # of two tokens the second may be the rarer one everywhere
    steps = np.diff(values)[(np.diff(owner) == 0) & long[1:]]
    if len(steps) < C.FEWEST_TOKENS:
        return False
    return bool((steps <= 0).all() and (steps < 0).mean() > 0.5)


def top_ones(s: Sample) -> list[Cause]:
    """The sampler's column holds the likeliest token's log-prob in place of the drawn one's: both
    columns agree on a share of the tokens that the column itself foretells, at likely and at
    unlikely ones, and on the others the drawn token is far less likely than any cut leaves it."""
    s = s.of(s.x < C.SURE)
    x, d = s.x, s.d
    same = np.abs(d) < C.NEAR * (0.5 + s.free)
    if len(x) < C.FEWEST_TOKENS or same.all() or np.mean(d > C.APART) > 0.01:
        return []
    parts = [x < np.median(x), x >= np.median(x)]
    for part in parts:
        p = np.exp(x[part])
        error = C.ERRORS * math.sqrt((p * (1 - p)).sum()) + 0.05 * len(p)  # near ties
        if abs(float(same[part].sum() - p.sum())) > error:
            return []
    if np.median(d[~same]) >= -0.5 or same.mean() >= 0.95:
        return []
    return cause("column", "top_ones", mean=float(np.exp(d).mean()))


def prompt_counted(r: Rollouts) -> list[Cause]:
    """All completions of a group begin with the same counted tokens, which they would do once in
    e^N draws."""
    if r.pieces is None or r.group is None:
        return []
    place = np.flatnonzero(r.mask)
    first = place[np.flatnonzero(np.diff(r.completion[place], prepend=-1))]
    group, piece = r.group[r.completion[first]], r.pieces[first].astype(str)
    sampler = np.where(r.logp_rollout == 0, r.learner, r.logp_rollout)[first]
    likely = np.minimum(np.maximum(sampler, r.learner[first]), 0)
    which, sizes = np.unique(group, return_inverse=True, return_counts=True)[1:]
    pieces = np.unique(np.stack([which.astype(str), piece]), axis=1)[0].astype(int)
    alike = (np.bincount(pieces, minlength=len(sizes)) == 1) & (sizes > 1)
    nats = -np.bincount(which, likely) * (sizes - 1) / sizes
    several, sure = int((sizes > 1).sum()), float(nats[alike].sum())
    if several < C.LEAST_GROUPS or alike.sum() < 0.9 * several or sure < C.CHANCE:
        return []
    return cause("foreign-tokens", "prompt_counted", alike=alike.sum(), groups=several, nats=sure)


def repeated_string(r: Rollouts, length: int = 4) -> list[Cause]:
    """The same tokens in a row stand in many completions although the sampler hardly draws them.

    Among the T places of a completion the sum of 1/μ(string) over those where the string stands is T
    in expectation, whatever was drawn before; so (1 + sum / T) / 2 is 1 in expectation, and so is
    its product over completions. That the string was chosen costs the logarithm of how many there
    are. The larger of the two sides' log-probs counts."""
    if r.pieces is None:
        return []
    at = np.flatnonzero(r.mask)
    owner, piece = r.completion[at], np.unique(r.pieces[at].astype(str), return_inverse=True)[1]
    likely = np.minimum(np.maximum(r.logp_rollout, r.learner)[at], 0)
    row = np.arange(max(len(at) - length + 1, 0))
    row = row[owner[row] == owner[row + length - 1]]
    if not len(row):
        return []
    key = np.zeros(len(row), dtype=int)
    for i in range(length):
        key = np.unique(key * (piece.max() + 1) + piece[row + i], return_inverse=True)[1]
    nats = -sum(likely[row + i] for i in range(length))
    cell, where = np.unique([key, owner[row]], axis=1, return_inverse=True)
    most = np.full(cell.shape[1], -np.inf)
    np.logaddexp.at(most, where.ravel(), nats)
    half, total = math.log(2), np.bincount(owner)
    gain = np.logaddexp(0, most - np.log(total[cell[1]])) - half
    count = np.bincount(cell[0])
    owners = len(np.unique(owner))
    sure = np.bincount(cell[0], gain) - half * (owners - count)
    best = int(sure.argmax())
    nats = float(sure[best]) - length * math.log(r.vocabulary or C.VOCABULARY)
    if nats < C.CHANCE:
        return []
    first = at[row[np.flatnonzero(key == best)[0]]]
    tokens = " ".join(f"“{short(str(x))}”" for x in r.pieces[first : first + length])
    return cause(
        "foreign-tokens", "repeated_string", length=length, tokens=tokens, count=int(count[best]),
        completions=owners, nats=nats,
    )  # fmt: skip


def advantages(r: Rollouts, each: np.ndarray) -> tuple[list[Cause], list[str], bool]:
    """Completions of one group with equal rewards have equal advantages, whatever function of the
    group's rewards these are. What is named, what is amber, and whether one baseline for the whole
    batch fits every advantage.

    Args:
        each: [B] of each completion.
    """
    there = np.bincount(r.completion[r.mask], minlength=r.count) > 0
    if r.reward is None or r.group is None:
        return [], [], len(np.unique(each[there].round(6))) <= 3
    a, reward = each[there], r.reward[there]
    group = np.unique(r.group[there], return_inverse=True)[1]
    key = np.unique(np.stack([group, reward.round(9)]), axis=1, return_inverse=True)[1].ravel()
    most, least = np.full(key.max() + 1, -np.inf), np.full(key.max() + 1, np.inf)
    np.maximum.at(most, key, a)
    np.minimum.at(least, key, a)
    unlike = most - least > 1e-4 * np.abs(a).max(initial=1e-12)
    of_key = np.zeros(key.max() + 1, dtype=int)
    of_key[key] = group
    odd = len(np.unique(of_key[unlike]))
    values_of = np.unique(np.stack([reward.round(9), a.round(6)]), axis=1).shape[1]
    one = values_of == len(np.unique(reward.round(9)))
    # What goes with the rewards within groups.
    made, own = reward - _mean(reward, group), a - _mean(a, group)
    varies = np.sqrt(_mean(made**2, group))
    at = varies > 1e-6
    free = int(at.sum()) - len(np.unique(group[at]))
    same = correlation(made[at], own[at])
    if same is None or free < C.LEAST_FREE:
        return [], [], one
    most_same = at_most(same, C.Z / math.sqrt(free))
    facts = {"same": same, "completions": int(at.sum()), "odd": odd, "groups": int(group.max()) + 1}
    if same < -0.5 and most_same < 0:
        return cause("advantages", "turned", **facts), [], one
    expected = made, made / np.where(at, varies, 1)
    moved = [correlation(np.sort(a), np.sort(each_)) or 0.0 for each_ in expected]
    if most_same < 0.9 and max(moved) > C.REORDERED:
        return cause("advantages", "reordered", **facts), [], one
    if odd > 1 and _tiled(a, group):
        return cause("advantages", "tiled", **facts), [], one
    if same > 0.9 and _drifts(reward - a):  # a baseline that moves from row to row
        return [], [], one
    if odd > 1 and most_same < 0.9:
        return cause("advantages", "unequal", **facts), [], one
    if odd > 1 or (same < C.UNRELATED and most_same < 0.9):
        return [], [say("unusual.advantages", **facts)], one
    return [], [], one


def _tiled(a: np.ndarray, group: np.ndarray) -> bool:
    """Advantages sum to 0 over other rows than a group's: those that lie one group's size or one
    number of groups apart."""
    sizes = np.bincount(group)
    if len(np.unique(sizes)) != 1 or len(sizes) < 2:
        return False
    rows = np.arange(len(a))
    for other in (rows % len(sizes), rows // sizes[0]):
        total, size = totals(other, a)
        live = size > 0
        if live.sum() > 3 and (np.abs(total) < C.EVEN * size)[live].all():
            return bool(uneven(group, a)[0].any())
    return False


def _drifts(baseline: np.ndarray) -> bool:
    """Whether a baseline changes little from row to row, beside how much it changes in all."""
    return bool(np.square(np.diff(baseline)).mean() < baseline.var())


def _mean(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Of each one's group."""
    return (np.bincount(group, values) / np.maximum(np.bincount(group), 1))[group]


def _falls(s: Sample) -> tuple[np.ndarray, np.ndarray]:
    """[n] the tokens that the learner holds unlikely and the sampler does not, and those close
    behind one that are open."""
    place = s.place
    falls = (s.d < -C.TAIL) & (place >= C.EARLY)
    behind = np.zeros(len(s.x), dtype=bool)
    for step in range(1, C.BEHIND + 1):
        behind[step:] |= falls[:-step] & (place[step:] >= step)
    return falls, behind & ~falls & (s.free > C.UNSURE)


def echo(s: Sample) -> float:
    """How many times as far the two columns are apart behind a token that fell as elsewhere, in nats
    of a logit. Another text is heard in every token behind it; an edit of the logits is not."""
    falls, behind = _falls(s)
    return s.of(behind).size / max(s.of(~behind & ~falls).size, 1e-12)


def middle(r: Rollouts, s: Sample) -> tuple[np.ndarray, list[Cause]]:
    """[n] tokens of completions in whose text the learner reads another token from some place on:
    before it both columns agree, it is unlikely there, and the tokens behind it differ."""
    first, (falls, behind) = s.first, _falls(s)
    of = np.repeat(np.arange(len(first)), s.lengths)

    def size(where: np.ndarray) -> np.ndarray:
        """[C] in nats of a logit, over some tokens."""
        d, u = (np.bincount(of, np.where(where, x, 0), len(first)) for x in (np.abs(s.d), s.free))
        return d / np.maximum(u, 1e-12)

    fallen = np.bincount(of, falls) > 0
    start = np.full(len(first), len(s.x))
    np.minimum.at(start, of[falls], np.flatnonzero(falls))
    before = (np.arange(len(s.x)) < start[of]) & ~falls
    rest = float(np.median(size(before))) if fallen.all() else s.of(~fallen[of]).size
    heard = size(behind)
    far = fallen & (heard > max(C.FAR_LOGITS, C.FAR * rest))
    # A prompt that differs shows from the first token on, and an edit in no token behind it.
    far &= size(before) < 0.5 * heard
    if (
        far.sum() < 2
        or rest > C.ALIKE
        or echo(s) < C.ECHO
        or not r.newest[s.owner[first][far]].any()
    ):
        return np.zeros(len(s.x), dtype=bool), []
    return far[of], cause(
        "pairing", "middle", count=far.sum(), total=len(first), far=float(heard[far].mean()),
        rest=rest, completions=listed(s.owner[first][far]),
    )  # fmt: skip


def biased(r: Rollouts, s: Sample) -> float:
    """1 where the word alone says which way a token moved, likely or not, as behind a logit bias: a
    temperature moves a word up where it is unlikely and down where it is likely."""
    if r.pieces is None:
        return 0.0
    import pandas as pd

    free = s.free
    moved = (free > C.UNSURE) & (np.abs(s.d) > C.STILL * free)
    pieces = r.counted(r.pieces)
    if moved.sum() < C.FEWEST_TOKENS or len(pieces) != len(moved):
        return 0.0
    word, up = pd.factorize(pieces[moved])[0], (s.d > 0)[moved]
    counts = np.bincount(word)
    rises = np.bincount(word, up) / np.maximum(counts, 1)
    many = counts >= C.OFTEN
    if many.sum() < C.WORDS:
        return 0.0
    agree = np.average(np.maximum(rises, 1 - rises)[many], weights=counts[many])
    few = np.minimum((rises > 0.5)[many].sum(), (rises < 0.5)[many].sum())
    return float(agree > 0.98 and 0 < few < 0.25 * many.sum())


def worded(r: Rollouts, s: Sample) -> float:
    """Of the words that a token far less likely to the learner is one of, the share of their other
    open tokens that the learner holds less likely too: a logit bias lifts a word wherever it stands,
    and another expert of a mixture lifts it there alone. NaN: too few of them, or no tokens."""
    if r.pieces is None or len(pieces := r.counted(r.pieces)) != len(s.x):
        return math.nan
    import pandas as pd

    word, tail = pd.factorize(pieces)[0], s.d < -C.TAIL
    others = np.isin(word, word[tail]) & ~tail & (s.free > C.UNSURE)
    if others.sum() < C.OFTEN:
        return math.nan
    return float((s.d < -C.STILL * s.free)[others].mean())
