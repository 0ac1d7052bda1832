"""Every recorded comparison of two methods in which nothing but the method differs.

A sentence that says what a method does speaks for all of these cells, and not for the one that it
cites. The counts are descriptions: each cell's p-value is its own, without correction, and a cell
has at least `LEAST` runs of either method.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from trlab import questions
from trlab.files import DONE, RUNS
from trlib.algorithms import ALGORITHMS
from trlib.algorithms.method import Method
from trlib.errors import unknown
from trlib.relatives import RELATIVES

RETIRED = questions.RECORDS / "retired.csv.xz"
"""The runs of sweeps whose record is no longer kept: they still count."""
KINDS = {**ALGORITHMS, **RELATIVES}
LEAST = 8
"""Runs of either method in a cell."""
ALPHA = 0.05
"""p below which a cell's difference is significant, without correction."""
ABOVE, BELOW, NOT_SIGNIFICANT = "above", "below", "not significant"
SAME = ("sweep", "task", "others", "steps")
"""What the two have in common in a cell, beside the point of every axis; `others` holds sampler, age and
completions too, and leaves the anchor out: where a method's ratio is to is part of the method."""
SAMPLER, RECOMPUTED = "rollout", "recomputed"
"""What a ratio is to: log-probs of the sampler, or those that the learner recomputes."""
DIFFERS = ("lag", "sampler", "logit_noise")
"""Settings with which the sampler is not the learner, so that the two anchors differ."""
COLUMNS = [
    "sweep",
    "task",
    "train",
    "runs",
    "difference",
    "p",
    "verdict",
    "collapsed",
    "collapsed_against",
    "recomputed",
]


def comparisons(method: str, against: str = "ppo", *, measure: str = "sampled") -> pd.DataFrame:
    """All recorded cells in which only the method differs.

    Args:
        method, against: a method at its defaults (`quatro`), or the label of a variant that has
            settings of its own (`clip-higher`). Where it was recorded around both anchors, its
            ratio is to the sampler, as in its paper; `ppo@recomputed` asks for the other, and
            `ppo@rollout` for no other.
        measure: a column of the runs.

    Returns:
        A row for each cell: `sweep`, `task`, `train` (JSON each), `runs` (of the smaller side),
        `difference` (of interquartile means, method - against), `p` (Brunner and Munzel's test,
        two-sided, uncorrected), `verdict` (above, below, not significant), and how many runs of
        each `collapsed`.

    Raises:
        ValueError: a name that no record has, or a measure.
    """
    runs = recorded_runs()
    for name, value in (("method", method), ("against", against)):
        if value.partition("@")[0] not in {*runs["label"], *runs["method"]}:
            raise unknown(name, value, [one for one in {*runs["method"]} if ":" not in one])
    if measure not in runs:
        raise unknown("measure", measure, [*runs.select_dtypes("number")])
    one, other = (_of(runs, name) for name in (method, against))
    others, found = dict([*other.groupby("place")]), []
    for place, mine in one.groupby("place", sort=False):
        if place not in others:
            continue
        cell, theirs = mine.iloc[0], others[place]
        mine, theirs = (side[side[measure].notna()] for side in (mine, theirs))
        if min(len(mine), len(theirs)) < LEAST:
            continue
        x, y = (side[measure].to_numpy(dtype=float) for side in (mine, theirs))
        gap, p = float(stats.trim_mean(x, 0.25) - stats.trim_mean(y, 0.25)), p_value(x, y)
        found.append(
            {
                **{name: cell[name] for name in ("sweep", "task", "train")},
                "runs": min(len(x), len(y)),
                "difference": gap,
                "p": p,
                "verdict": NOT_SIGNIFICANT if p >= ALPHA else ABOVE if gap > 0 else BELOW,
                "collapsed": mine["collapsed"].sum(min_count=1),
                "collapsed_against": theirs["collapsed"].sum(min_count=1),
                "recomputed": "@" not in against
                and bool(theirs["uncorrected"].all() and not mine["uncorrected"].any()),
            }
        )
    return pd.DataFrame(found, columns=COLUMNS)


def p_value(x: np.ndarray, y: np.ndarray) -> float:
    """Brunner and Munzel's two-sided p; where no two runs of the two overlap, which leaves it without
    a variance, the share of deals that are as extreme."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        p = float(stats.brunnermunzel(x, y).pvalue)
    apart = x.max() < y.min() or y.max() < x.min()
    if apart:
        return 2 / math.comb(len(x) + len(y), len(x))
    return 1.0 if math.isnan(p) else p


@dataclass(frozen=True)
class Counts:
    """How many of the cells say what."""

    above: int
    below: int
    not_significant: int
    tasks: int
    tasks_above: int
    """Tasks of which some cell is above."""
    recomputed: int = 0
    """Cells in which the other alone takes its ratio to recomputed log-probs (`comparisons`)."""

    @property
    def cells(self) -> int:
        return self.above + self.below + self.not_significant

    def __str__(self) -> str:
        if not self.cells:
            return "no recorded cell"
        several = self.cells > 1
        return (
            f"{self.cells} cell{'s' * several} on {self.tasks} task{'s' * (self.tasks > 1)}: above "
            f"in {self.above}, below in {self.below}, not significant in {self.not_significant}"
            + f" (in {self.recomputed} the other's ratio is to recomputed log-probs)"
            * bool(self.recomputed)
        )


def counts(rows: pd.DataFrame) -> Counts:
    """The verdicts of a table of `comparisons`."""
    verdicts = rows["verdict"].tolist()
    tasks = [json.loads(task)["name"] for task in rows["task"]]
    return Counts(
        above=verdicts.count(ABOVE),
        below=verdicts.count(BELOW),
        not_significant=verdicts.count(NOT_SIGNIFICANT),
        tasks=len({*tasks}),
        tasks_above=len(
            {task for task, found in zip(tasks, verdicts, strict=True) if found == ABOVE}
        ),
        recomputed=int(rows["recomputed"].sum()),
    )


def k_of_n(happened: Iterable[bool]) -> tuple[int, int, float, float]:
    """How many runs did something, of how many, and the exact 95 % interval of the share (Clopper
    and Pearson 1934): for whether a run learns, collapses or solves its task."""
    known = [bool(one) for one in happened]
    k, n = sum(known), len(known)
    if not n:
        return 0, 0, 0.0, 1.0
    interval = stats.binomtest(k, n).proportion_ci(method="exact")
    return k, n, float(interval.low), float(interval.high)


@lru_cache(maxsize=1)
def recorded_runs() -> pd.DataFrame:
    """Every run of every record that has ended, and those of `RETIRED`; those of one `place` differ
    in their method and seed alone."""
    paths = [questions.RECORDS / question / RUNS for question in questions.all_questions()]
    tables = [pd.read_csv(path, low_memory=False) for path in [*paths, RETIRED]]
    axes = dict.fromkeys(axis for table in tables for axis in _axes([*table]))
    runs = pd.concat(tables, ignore_index=True)
    runs = runs[runs["status"] == DONE].copy()
    arms = runs[["method", "settings", "train"]].drop_duplicates()
    runs = runs.merge(arms.join(arms.apply(_anchored, axis=1, result_type="expand")), how="left")
    return runs.assign(place=runs.groupby([*SAME, *axes], dropna=False, sort=False).ngroup())


def _anchored(arm: pd.Series) -> dict[str, Any]:
    """What an arm's ratio is to, its other settings, and whether the first leaves out how far the
    sampler is from the learner."""
    train, kind = json.loads(arm["train"]), KINDS.get(arm["method"], Method)
    preset = {**getattr(kind, "keywords", {}), **json.loads(arm["settings"])}
    anchor = train.pop("anchor", getattr(kind, "func", kind).anchor)
    apart = not train.keys().isdisjoint(DIFFERS)
    return {
        "anchor": anchor,
        "others": json.dumps(train),
        "uncorrected": apart and anchor == RECOMPUTED and not preset.get("correction"),
    }


def _axes(columns: list[str]) -> list[str]:
    """A table's axes, which stand between what a run is called and its seed."""
    return columns[columns.index("label") + 1 : columns.index("seed")]


def _of(runs: pd.DataFrame, name: str) -> pd.DataFrame:
    """The runs of a method at its defaults, or of a variant's label, around one anchor in each place."""
    name, _, anchor = name.partition("@")
    plain = (runs["method"] == name) & (runs["settings"] == json.dumps({}))
    found = runs[plain] if plain.any() else runs[runs["label"] == name]
    if anchor:
        return found[found["anchor"] == anchor]
    around = found["anchor"] == SAMPLER
    return found[around | ~around.groupby(found["place"]).transform("any")]
