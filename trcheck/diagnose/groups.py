"""A batch that cannot teach what it could: groups without a difference, completions that were cut,
groups that are not whole."""

from __future__ import annotations

import math

import numpy as np

from trcheck.diagnose.messages import say
from trcheck.diagnose.rollouts import Rollouts
from trcheck.diagnose.sample import CONSTANTS as C
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
    if groups < C["LEAST_GROUPS"] or count < C["DEAD"] * groups:
        return []
    low, high = (100 * x for x in interval(count, groups, 2.0))
    half = say("cause.dead_half" if count == C["DEAD"] * groups else "cause.dead_more")
    return cause(
        "dead-groups", "dead", dead=round(count), groups=round(groups), half=half,
        share=100 * count / groups, low=low, high=high,
    )  # fmt: skip


def cut(r: Rollouts) -> tuple[int, int, int, str | None]:
    """How many completions end at the longest length, of how many, that length, and the end token
    if there is one: completions that it ends do not count."""
    lengths = np.bincount(r.completion[r.mask], minlength=r.count)
    there = np.flatnonzero(lengths)
    longest = int(lengths.max())
    at = there[lengths[there] == longest]
    if r.pieces is not None:
        places = np.flatnonzero(r.mask)
        last = places[np.flatnonzero(np.diff(r.completion[places], append=-1))]
        ids, each = np.unique(r.pieces[last], return_inverse=True)
        counts = np.bincount(each)
        end = ids[counts.argmax()]
        # The end token stands at the end of most completions, and nowhere else.
        if counts.max() >= max(C["FEWEST_COMPLETIONS"], 0.3 * len(last)) and (
            (r.pieces[places] == end).sum() == counts.max()
        ):
            ended = np.isin(there, r.completion[last[r.pieces[last] == end]])
            return int((~ended & (lengths[there] == longest)).sum()), len(there), longest, end
    if len(at) > C["ONE_LENGTH"] * len(there):  # a task's, or a limit's
        return 0, len(there), longest, None
    return (len(at) if longest >= C["SHORT"] else 0), len(there), longest, None


def truncation(found: tuple[float, float, int, str | None]) -> list[Cause]:
    """Too many completions end at exactly the longest length; `found` as `cut` says."""
    count, total, longest, end = found
    least = C["LONGEST" if end is None else "CUT"]  # without an end token, lengths may be a task's
    if total < C["FEWEST_COMPLETIONS"] or interval(count, total, 2.0)[0] < least:
        return []
    values = {"count": round(count), "total": round(total), "share": 100 * count / total}
    if end is None:
        return cause("truncation", "truncation", longest=longest, **values)
    return cause("truncation", "cut", longest=longest, end=end, **values)


def baseline(r: Rollouts) -> str | None:
    """What advantages are relative to: "group"; "critic", where they differ within a completion;
    "batch", where one baseline serves all groups; "baseline": not a group, as far as can be seen;
    None: there are no groups, or nothing is left over."""
    if r.group is None:
        return None
    counted, mean = _advantages(r)
    total, size = (np.bincount(r.group, weights=x) for x in (mean, np.abs(mean)))
    uneven = np.abs(total) > C["UNEVEN"] * size
    live = int((size > 0).sum())
    if uneven.sum() < max(1, C["UNEVEN"] * live):
        return "group" if live else None
    places = np.flatnonzero(r.mask)
    owner = r.completion[places]
    within = (np.diff(owner) == 0) & (np.abs(np.diff(r.advantage[places])) > 1e-6)
    if len(np.unique(owner[1:][within])) > 0.1 * (counted > 0).sum():
        return "critic"
    if abs(mean.sum()) < 1e-3 * np.abs(mean).sum():
        return "batch"
    there = counted > 0
    rounded = np.round(mean[there], 6)
    told = False
    if r.reward is not None:
        # One baseline: completions of equal rewards have equal advantages, whatever their group;
        # one for each group: within it.
        rewards = np.round(r.reward[there], 6)
        one = _distinct(rewards, rounded) == len(np.unique(rewards))
        cells = _distinct(r.group[there], rewards)
        told = cells < len(rewards) and _distinct(r.group[there], rewards, rounded) == cells
    else:
        one = len(np.unique(rounded)) <= 3
    if one:
        return "batch"
    whole = int((~uneven & (size > 0)).sum())
    sizes = np.bincount(r.group[there])
    told |= len(np.unique(rounded)) < 0.5 * there.sum() or len(np.unique(sizes[sizes > 0])) > 1
    return "group" if told or whole >= 0.2 * live else "baseline"


def _distinct(*columns: np.ndarray) -> int:
    """How many rows differ."""
    return np.unique(np.stack(columns), axis=1).shape[1]


def half_groups(r: Rollouts) -> list[Cause]:
    """Advantages relative to a group sum to 0 over the whole of it."""
    if baseline(r) != "group":
        return []
    assert r.group is not None
    _, mean = _advantages(r)
    total, size = (np.bincount(r.group, weights=x) for x in (mean, np.abs(mean)))
    uneven = np.flatnonzero(np.abs(total) > C["UNEVEN"] * size)
    live = int((size > 0).sum())
    if len(uneven) < max(1, C["UNEVEN"] * live):
        return []
    shown = C["SHOWN"]
    names = ", ".join(f"“{short(r.group_names[i])}”" for i in uneven[:shown])
    more = say("cause.more", count=len(uneven) - shown) if len(uneven) > shown else ""
    return cause("half-groups", "half", uneven=len(uneven), groups=live, names=names + more)


def short(name: str) -> str:
    """A group's name on one line."""
    line = " ".join(name.split())
    return line if len(line) <= 60 else f"{line[:60]}…"
