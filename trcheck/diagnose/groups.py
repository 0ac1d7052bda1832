"""A batch that cannot teach what it could: groups without a difference, completions that were cut,
groups that are not whole."""

from __future__ import annotations

import math

import numpy as np

from trcheck.diagnose import thresholds as C
from trcheck.diagnose.messages import say
from trcheck.diagnose.rollouts import Rollouts
from trcheck.diagnose.sample import Cause, cause


def interval(count: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's, of a share, at z standard errors."""
    share = count / n
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    middle, size = share + z * z / (2 * n), 1 + z * z / n
    return (middle - spread) / size, (middle + spread) / size


def _advantages(r: Rollouts) -> tuple[np.ndarray, np.ndarray]:
    """Per completion the number of unmasked tokens and their mean advantage."""
    counted = r.sums(r.mask)
    return counted, r.sums(r.advantage) / np.maximum(counted, 1)


def advantages_of(r: Rollouts) -> np.ndarray:
    """[B] each completion's."""
    return _advantages(r)[1]


def _rows(r: Rollouts) -> tuple[np.ndarray, np.ndarray]:
    """[B] each completion's mean advantage, over its masked tokens where it has no others, and which
    completions are wholly masked: a filter of overlong ones leaves them in the file."""
    counted, mean = _advantages(r)
    hidden, known = counted == 0, np.isfinite(r.advantage)
    total = np.bincount(r.completion, np.where(known, r.advantage, 0.0), r.count)
    count = np.bincount(r.completion, known, r.count)
    return np.where(hidden, total / np.maximum(count, 1), mean), hidden


def _largest(r: Rollouts) -> np.ndarray:
    """[B] |A| of each completion that has an unmasked token, at most; else 0."""
    made = np.zeros(r.count)
    np.maximum.at(made, r.completion[r.mask], np.abs(r.advantage[r.mask]))
    return made


def dead(r: Rollouts) -> tuple[int, int]:
    """How many groups have no advantage at all, and how many there are."""
    if r.group is None:
        return 0, 0
    there, largest = _advantages(r)[0] > 0, _largest(r)
    groups = len(np.unique(r.group[there]))
    return groups - len(np.unique(r.group[largest > 0])), groups


def dead_groups(r: Rollouts, counted: tuple[float, float]) -> list[Cause]:
    """Half of the groups or more; `counted` as `dead` says, with what earlier batches had."""
    if not _largest(r).any():
        return cause("dead-groups", "no_advantage")
    count, groups = counted
    if groups < C.LEAST_GROUPS or count < C.DEAD * groups:
        return []
    low, high = (100 * x for x in interval(count, groups, 2.0))
    half = say("cause.dead_half" if count == C.DEAD * groups else "cause.dead_more")
    return cause(
        "dead-groups", "dead", dead=round(count), groups=round(groups), half=half,
        share=100 * count / groups, low=low, high=high,
    )  # fmt: skip


def cut(r: Rollouts) -> tuple[int, int, int, str | None]:
    """How many completions end at the longest length, of how many, that length, and the end tokens
    if there are any: completions that one of them ends do not count."""
    lengths = np.bincount(r.completion[r.mask], minlength=r.count)
    there = np.flatnonzero(lengths)
    longest = int(lengths.max())
    at = there[lengths[there] == longest]
    last = None
    if r.pieces is not None:
        places = np.flatnonzero(r.mask)
        last = places[np.flatnonzero(np.diff(r.completion[places], append=-1))]
        below = lengths[r.completion[last]] < longest
        # An end token stands at ends and nowhere else, also before the longest length.
        ids, ends = np.unique(r.pieces[last[below]], return_counts=True)
        inside, everywhere = np.unique(r.pieces[places], return_counts=True)
        only = dict(zip(inside, everywhere, strict=True))
        stops = [i for i in ids[ends > 1] if only[i] == (r.pieces[last] == i).sum()]
        own = np.isin(r.pieces[last], stops)
        if own[below].sum() >= max(C.FEWEST_COMPLETIONS, 0.3 * len(last)):
            names = ", ".join(f"“{short(str(i))}”" for i in stops[: C.SHOWN])
            return int((~own & ~below).sum()), len(there), longest, names
    # A task's length, or a limit's: a limit leaves some completions that end before it.
    if len(at) > (C.ONE_LENGTH if last is None else 1 - 1e-9) * len(there):
        return 0, len(there), longest, None
    below = np.bincount(lengths[there])[max(longest - 3, 1) : longest]
    sudden = len(at) > C.SUDDEN * below.max(initial=0)
    return (len(at) if longest >= C.SHORT and sudden else 0), len(there), longest, None


def truncation(found: tuple[float, float, int, str | None]) -> list[Cause]:
    """Too many completions end at exactly the longest length; `found` as `cut` says."""
    count, total, longest, end = found
    if total < C.FEWEST_COMPLETIONS or interval(count, total, 2.0)[0] < C.CUT:
        return []
    values = {"count": round(count), "total": round(total), "share": 100 * count / total}
    if end is None:
        return cause("truncation", "truncation", longest=longest, **values)
    return cause("truncation", "cut", longest=longest, end=end, **values)


def baseline(r: Rollouts, one: bool) -> str | None:
    """What advantages are relative to: "group"; "critic", where they differ within a completion;
    "batch", where `one` baseline fits every one of them; "baseline": no group's; None: there are
    no groups, or nothing is left over."""
    if r.group is None:
        return None
    odd, live, _ = _uneven(r)
    if odd.sum() < max(1, C.UNEVEN * live.sum()):
        return "group" if live.any() else None
    if critic(r):
        return "critic"
    return "batch" if one else "group" if missing(r).any() else "baseline"


def uneven(group: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which groups' advantages do not sum to 0, and which have any."""
    total, size = totals(group, mean)
    return np.abs(total) > C.UNEVEN * size, size > 0


def _uneven(r: Rollouts, digits: int = 9) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same of a file's groups, and which cannot be summed. A wholly masked completion may count
    in its group's baseline or not; where its advantage is masked as well (0, NaN), a group that does
    not sum to 0 without it may be whole."""
    assert r.group is not None
    mean, hidden = _rows(r)
    mean = np.round(mean, digits)
    odd, live = uneven(r.group, mean)
    without = uneven(r.group, np.where(hidden, 0.0, mean))[0]
    odd &= without
    lost = np.bincount(r.group, hidden & (mean == 0), len(odd)) > 0
    return odd & ~lost, live, odd & lost


def totals(group: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each group's sum, and that of absolute values."""
    return np.bincount(group, values), np.bincount(group, np.abs(values))


def critic(r: Rollouts) -> bool:
    """Whether advantages differ within more than a few completions."""
    places = np.flatnonzero(r.mask)
    owner = r.completion[places]
    within = (np.diff(owner) == 0) & (np.abs(np.diff(r.advantage[places])) > 1e-6)
    return len(np.unique(owner[1:][within])) > 0.1 * len(np.unique(owner))


def missing(r: Rollouts) -> np.ndarray:
    """[groups] bool: the file lacks some of the group, and its numbers of completions say so.

    A wholly masked completion is one of its group. Either the groups that have the most completions
    sum to 0, closer than by chance, and smaller ones do not. Or, where each group has two different
    advantages, as rewards of 0 and 1 give: the share of right answers that they are relative to,
    low / (low - high), is a whole number of Nths, with one N for all groups, and the file has fewer
    of the group."""
    assert r.group is not None
    group, (mean, hidden) = r.group, _rows(r)
    mean = np.round(mean, 6)
    sizes = np.bincount(group)
    odd, live, unknown = _uneven(r, 6)
    most, none = sizes.max(), np.zeros(len(sizes), dtype=bool)
    whole = live & (sizes == most) & ~unknown
    total, size = totals(group, mean)
    near = np.abs(total) < C.EVEN * size
    total, size = totals(group, np.where(hidden, 0.0, mean))
    near |= np.abs(total) < C.EVEN * size
    if whole.sum() > 1 and near[whole].all():
        return odd & (sizes < most)
    if sizes[live].min(initial=most) == most or critic(r):
        return none
    known = ~hidden | (mean != 0)
    low, high = np.zeros(len(sizes)), np.zeros(len(sizes))
    np.minimum.at(low, group[known], mean[known])
    np.maximum.at(high, group[known], mean[known])
    if not ((mean == low[group]) | (mean == high[group]))[live[group] & known].all():
        return none
    two = (low < 0) & (high > 0)
    share = low[two] / (low - high)[two]
    right, seen = (np.bincount(group, which)[two] for which in (known & (mean > 0), known))
    if len(np.unique(share.round(3))) < C.SHARES:
        return none
    for n in range(most, 4 * most + 1):
        k = np.round(share * n)
        if (np.abs(share * n - k) < 0.02).all() and ((right <= k) & (seen - right <= n - k)).all():
            return odd & (sizes < n)
    return none


def half_groups(r: Rollouts) -> list[Cause]:
    """Groups that the file holds a part of."""
    if r.group is None:
        return []
    lacking = np.flatnonzero(missing(r))
    live = int(_uneven(r)[1].sum())
    if len(lacking) < max(1, C.UNEVEN * live):
        return []
    shown = C.SHOWN
    names = ", ".join(f"“{short(r.group_names[i])}”" for i in lacking[:shown])
    more = say("cause.more", count=len(lacking) - shown) if len(lacking) > shown else ""
    return cause("half-groups", "half", uneven=len(lacking), groups=live, names=names + more)


def short(name: str) -> str:
    """A group's name on one line."""
    line = " ".join(name.split())
    return line if len(line) <= 60 else f"{line[:60]}…"
