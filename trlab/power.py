"""Would more seeds decide it? The chance that an undecided prediction is decided with 16 or 24
pairs of runs.

The pairs that were run stand for all that could be: that many are drawn from them with replacement,
and the sweep's own test is asked each time. A draw counts if its p-value, times the number of
questions that the sweep is asked, is below 0.05. That is Bonferroni's bound, a little stricter than
Holm's correction, so the chance is a little too low. An effect that eight pairs show by luck will
look settled here; a chance near 0 is the surer answer. The method is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trlab import record
from trlab.significance import LEVEL, alike_p, zero_p
from trlab.statistics import differences
from trlab.verdict import UNDECIDED, Finding, Verdict
from trlab.verdicts import both_sides, predicted

DRAWS = 200
PAIRS = (16, 24)
"""Pairs that are asked about."""


@dataclass(frozen=True)
class Power:
    """An undecided prediction, and how likely more pairs are to decide it."""

    sweep: str
    finding: Finding
    chances: tuple[float, ...]
    """For each number of `PAIRS`."""


def undecided(name: str) -> list[Power]:
    """The undecided predictions of a recorded sweep whose runs make pairs, the most promising
    first.

    Raises:
        RecordError: it has no record.
    """
    sweep, runs, history = record.read(name)
    found = []
    for finding in predicted(name):
        sides = both_sides(sweep, runs, history, finding.comparison)
        if finding.verdict != UNDECIDED or isinstance(sides, Verdict) or not sides.paired:
            continue
        higher, lower = sides.tasks
        if higher is None or lower is None or len(higher) != 1:
            continue
        gaps = differences(higher, lower)[0]
        within = finding.prediction.within
        chances = [chance(gaps, pairs, finding.family, within=within) for pairs in PAIRS]
        found.append(Power(name, finding, tuple(chances)))
    return sorted(found, key=lambda one: one.chances, reverse=True)


def chance(
    gaps: Sequence[float] | np.ndarray, pairs: int, family: int, *, within: float | None = None
) -> float:
    """The share of draws of this many pairs that a test among `family` questions decides, either
    way.

    Args:
        gaps: [N], a difference for each pair that was run.
        within: the margin within which the two sides are said to be alike; None: one is said to be
            above.
    """
    gaps, rng = np.asarray(gaps, dtype=float), np.random.default_rng(0)
    decided = 0
    for _ in range(DRAWS):
        drawn = rng.choice(gaps, pairs)
        p = (
            zero_p(drawn)
            if within is None
            else min(alike_p(drawn, np.zeros(pairs), within=within, paired=True))
        )
        decided += p * family < LEVEL
    return decided / DRAWS
