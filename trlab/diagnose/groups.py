"""A batch that cannot teach what it could: groups without a difference, completions that were cut,
groups that are not whole."""

from __future__ import annotations

import math

import numpy as np

from trlab.diagnose.cause import FEWEST_COMPLETIONS, SHOWN, Cause, cause
from trlab.diagnose.rollouts import Rollouts
from trlab.diagnose.texts import say

DEAD, LONGEST, UNEVEN = 0.5, 0.2, 0.05
"""Shares of groups without a difference, of completions at the longest length, and what a group's
sum may be off by."""


def _lower(share: float, n: float, z: float) -> float:
    """Wilson's lower bound at z standard errors."""
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (share + z * z / (2 * n) - spread) / (1 + z * z / n)


def _advantages(r: Rollouts) -> tuple[np.ndarray, np.ndarray]:
    """Per completion the number of unmasked tokens and their mean advantage."""
    counted = r.sums(r.mask)
    return counted, r.sums(r.advantage) / np.maximum(counted, 1)


def dead_groups(r: Rollouts) -> list[Cause]:
    """More than half of the groups have no advantage at all."""
    counted, _ = _advantages(r)
    largest = np.maximum.reduceat(
        np.where(r.mask, np.abs(r.advantage), 0.0),
        np.flatnonzero(np.diff(r.completion, prepend=-1)),
    )
    if r.group is None:
        return cause("dead-groups", "no_advantage") if not largest.any() else []
    there = counted > 0
    groups = np.unique(r.group[there])
    alive = np.unique(r.group[np.unique(r.completion)[largest > 0]])
    dead = len(groups) - len(alive)
    share = dead / len(groups)
    if share < 1 and (len(groups) < 4 or _lower(share, len(groups), 3) < DEAD):
        return []
    return cause("dead-groups", "dead", dead=dead, groups=len(groups), share=100 * share)


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
    return cause(
        "truncation",
        "truncation",
        count=count,
        total=total,
        share=100 * count / total,
        longest=longest,
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
    more = say("cause.more", count=len(uneven) - SHOWN) if len(uneven) > SHOWN else ""
    return cause("half-groups", "half", uneven=len(uneven), groups=live.sum(), names=names + more)


def short(name: str, longest: int = 60) -> str:
    """A group's name on one line."""
    line = " ".join(name.split())
    return line if len(line) <= longest else f"{line[:longest]}…"
