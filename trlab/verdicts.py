"""Which of two arms of a sweep is above: the one rule by which everything that is printed is decided.

Two arms are compared by Brunner and Munzel's test, an arm and a number by Wilcoxon's signed ranks, both of
scipy and two-sided. Holm's correction goes over the question (`Sweep.question`, else the sweep): its
predictions, and every comparison that a page, a notebook or a claims card prints
(`trlab.comparison.asked`). A verdict takes `LEAST` seeds; fewer are a description. That two arms are alike
within a margin is read off the 95 % interval of their difference. A side that names no point of an axis
pools the runs of all of them.

*Not reproduced* is said only if the opposite is decided; else a comparison is *not significant*.

Sources: Brunner and Munzel 2000, Wilcoxon 1945, Holm 1979.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from trlab import record
from trlab.basin import AT_EDGE, OVER_RATES, over_rates
from trlab.comparison import Comparison, Side, asked, how_to_list, of_prediction, unlisted
from trlab.counted import ALPHA, p_value
from trlab.findings import at, finished
from trlab.measures import derive
from trlab.statistics import difference, interval, iqm
from trlab.sweep import Prediction, Sweep, declared, load_sweep
from trlib import checks
from trlib.evaluation import Estimate

if TYPE_CHECKING:
    import pandas as pd

LEAST = 12
"""Seeds that a verdict takes; fewer are a description."""
EDGE = " at the edge of what was tried"
"""What stands behind a verdict over a point at the edge of a grid."""
SEEN, NOT_SEEN, UNDECIDED = "reproduced", "not reproduced", "not significant"
NOT_RUN = "not run"
INCOMPLETE, NOT_MEASURED, DESCRIBED = "incomplete", "not measured", "description"
SOLVED = 0.98
"""Greedy accuracy above which an arm solves its task: sampled answers then tell how sharp it is."""
BOTH, SHARPER, BLUNT = "both solve the task", "sharper", "in samples only"
BELOW = 0.05
"""How far an arm's greedy accuracy may lie below its sampled one before a lead of it counts as
one in samples only."""
PLAIN = {SEEN: "as predicted", NOT_SEEN: "the opposite"}
"""The verdicts on a prediction as a page words them; the others are printed as they are."""


@dataclass(frozen=True)
class Verdict:
    """A comparison beside what the runs say."""

    comparison: Comparison
    verdict: str
    """`reproduced` or `not reproduced` (the opposite is) if the comparison is decided, else `not significant`;
    `description` of too few seeds for either; `not run`; `incomplete` if a run is missing or has
    failed (the rest would speak for it); `not measured` if a run has no such number."""
    sides: tuple[Estimate | None, Estimate | None] = (None, None)
    """Interquartile means of the higher and of the lower runs; None for a number."""
    difference: Estimate | None = None
    """The higher minus the lower, or minus the number."""
    p: float = math.nan
    """Two-sided p-value; NaN of a margin, which has none."""
    corrected: float = math.nan
    """The same after Holm's correction; NaN of a description."""
    family: int = 0
    """How many questions it was corrected over."""
    edge: bool = False
    """Whether a side stands at the edge of a grid: its settings were tuned only as far as that
    (`Variant.edges`), or its curve over learning rates had not ended where the rates did. Beyond it
    the verdict may be different."""
    note: str = ""
    """What is missing."""
    seeds: str = ""
    """A description's seeds: how many of how many."""
    ends: str = ""
    """What sampled answers alone do not say: *both solve the task*; or of a lead that greedy answers do
    not have, that it is *sharper* (its most probable completion was right already) or one *in samples
    only* (its most probable completion is right much less often than its samples); else empty."""

    @property
    def decided(self) -> bool:
        """Whether the runs say which side is above."""
        return self.verdict in (SEEN, NOT_SEEN)

    @property
    def short(self) -> str:
        """The verdict in a few words."""
        return f"{self.verdict} of {self.seeds}" if self.seeds else self.verdict

    @property
    def p_in_words(self) -> str:
        """The corrected p-value with its family; empty if there is none."""
        if math.isnan(self.corrected):
            return ""
        value = "below 0.001" if self.corrected < 0.001 else f"{self.corrected:.3f}"
        return f"p {value} (Holm over {self.family})"

    def marked(self, number: str) -> str:
        """A difference with its interval, and inside its bracket what a reader must know:
        `[−0.02, +0.03; not significant]`."""
        here = "" if self.decided else self.short if self.seeds else UNDECIDED
        words = "; ".join(filter(None, (here, "edge" if self.edge else "")))
        if not words:
            return number
        opened, bracket, _ = number.rpartition("]")  # one run has no interval
        return f"{opened}; {words}]" if bracket else f"{number} [{words}]"


@dataclass(frozen=True)
class Finding(Verdict):
    """A prediction beside what the runs say: the verdict on what it compares."""

    prediction: Prediction = field(kw_only=True)
    """What was written down before the runs."""

    def __str__(self) -> str:
        measured = self._measured(self.prediction.measure)
        return f"{self.short}: {self.prediction.text}" + (f"; {measured}" if measured else "")

    def plain(self, words: dict[str, str] | None = None) -> tuple[str, str]:
        """The verdict and what was measured, in words for a page.

        Args:
            words: what the page calls the measures.
        """
        verdict = PLAIN.get(self.verdict, self.short) + (EDGE if self.edge else "")
        verdict += f", {self.ends}" if self.ends else ""
        measure = self.prediction.measure
        return verdict, self._measured((words or {}).get(measure, measure))

    def _measured(self, measure: str) -> str:
        p, gap = self.prediction, self.difference
        if gap is None:
            return self.note
        after = f"; {self.p_in_words}" if self.p_in_words else ""
        margin = f", alike within {p.within:g}" if p.within is not None else ""
        return f"{measure}: {p.higher} less {p.lower} is {gap:.3f}{margin}{after}"


# -- deciding


def decide(name: str, *comparisons: Comparison) -> list[Verdict]:
    """Comparisons within a sweep that ships with the package. One that the book does not print joins
    its family for once, with a warning.

    Raises:
        RecordError: it has no record.
    """
    sweep, runs, _ = record.read(name)
    if new := unlisted(sweep, comparisons):
        family = len(asked(sweep))
        warnings.warn(
            f"{name}: corrected over {family + len(new)} questions, {len(new)} more than the book "
            f"asks ({how_to_list(sweep, new[0])})",
            stacklevel=2,
        )
    return _corrected(sweep, runs, comparisons, dict(_p_values(name, record.stamp(name))))


def predicted(name: str) -> list[Finding]:
    """What came of the predictions of a sweep that ships with the package."""
    sweep = record.read(name)[0]
    return _findings(sweep, decide(name, *map(of_prediction, sweep.predictions)))


def family(name: str) -> list[float]:
    """The p-values of every question that is asked of a sweep of the package: what Holm's
    correction goes over."""
    return [verdict.p for verdict in decide(name, *asked(record.read(name)[0]))]


def judge(sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame | None = None) -> list[Finding]:
    """Every prediction of a sweep beside its outcome in these runs.

    Args:
        history: of the runs; without it what is predicted of `trlab.measures.DERIVED` is not
            measured, unless the runs have it as columns.
    """
    wanted = [of_prediction(prediction) for prediction in sweep.predictions]
    return _findings(sweep, compare(sweep, runs, history, wanted))


def compare(
    sweep: Sweep,
    runs: pd.DataFrame,
    history: pd.DataFrame | None,
    comparisons: Sequence[Comparison],
) -> list[Verdict]:
    """Comparisons of a sweep's runs, as `judge`. All others that are asked of the sweep count in the
    correction."""
    runs = runs if history is None else derive(runs, history, sweep.every)
    own = {one.question(sweep): _counts(measure(sweep, runs, one)) for one in asked(sweep)}
    return _corrected(sweep, runs, comparisons, own)


def _corrected(
    sweep: Sweep, runs: pd.DataFrame, comparisons: Sequence[Comparison], own: dict[Any, float]
) -> list[Verdict]:
    """Comparisons after Holm's correction over the question: the one place where a verdict is made.

    Args:
        own: the p-values of what is asked of the sweep.
    """
    verdicts = [measure(sweep, runs, one) for one in comparisons]
    own = {**{one.comparison.question(sweep): _counts(one) for one in verdicts}, **own}
    others = [
        _p_values(name, record.stamp(name)).values()
        if record.is_recorded(name)
        else [math.nan] * len(asked(load_sweep(name)))
        for name in beside(sweep)
    ]
    values = holm([*own.values(), *(p for of_sweep in others for p in of_sweep)])
    by_question = dict(zip(own, values, strict=False))
    return [
        one
        if one.difference is None or one.verdict == DESCRIBED
        else _with_p(one, by_question[one.comparison.question(sweep)], len(values))
        for one in verdicts
    ]


def _with_p(one: Verdict, corrected: float, family: int) -> Verdict:
    """A verdict with its corrected p-value, which decides, unless a margin has."""
    if one.comparison.within is not None:
        return replace(one, family=family)
    verdict = UNDECIDED
    if corrected < ALPHA and one.difference is not None:
        verdict = SEEN if one.difference.value > 0 else NOT_SEEN
    ends = one.ends if verdict != UNDECIDED or one.ends == BOTH else ""
    return replace(one, corrected=corrected, family=family, verdict=verdict, ends=ends)


@lru_cache(maxsize=256)
def _p_values(name: str, stamp: int) -> dict[Any, float]:
    """The p-values of what is asked of a recorded sweep, by question."""
    sweep, runs, _ = record.read(name)
    return {one.question(sweep): _counts(measure(sweep, runs, one)) for one in asked(sweep)}


def _counts(one: Verdict) -> float:
    """What a comparison brings to the correction: a description counts as a question without an
    answer."""
    return math.nan if one.verdict == DESCRIBED else one.p


def holm(values: Sequence[float]) -> list[float]:
    """The p-values of several questions, corrected for their number: below .05 a question is
    answered, and in all of them together one answer is wrong at most five times in a hundred.

    p'_(i) = max_{j <= i} min(1, (m - j + 1) p_(j)),   p_(1) <= ... <= p_(m)

    A question without a p-value (NaN) counts as one that found nothing. In the
    book: :eq:`shootout-holm`.
    """
    filled = [1.0 if math.isnan(p) else checks.number("values", p, least=0, most=1) for p in values]
    corrected, most = [1.0] * len(filled), 0.0
    for rank, i in enumerate(sorted(range(len(filled)), key=filled.__getitem__)):
        most = max(most, min(1.0, (len(filled) - rank) * filled[i]))
        corrected[i] = most
    return corrected


# -- measuring


def measure(sweep: Sweep, runs: pd.DataFrame, comparison: Comparison) -> Verdict:
    """One comparison with its own p-value and intervals, before any correction."""
    whole, name = runs, comparison.measure
    if name in OVER_RATES:
        sweep, runs = over_rates(sweep, finished(runs), name)
    parts = [
        part_of(runs, side) if isinstance(side, Side) else None
        for side in (comparison.higher, comparison.lower)
    ]
    known = [part for part in parts if part is not None]
    if not all(map(len, known)):
        return Verdict(comparison, NOT_RUN)
    if missing := _missing(sweep, comparison, known):
        return Verdict(comparison, INCOMPLETE, note=missing)
    if any(name not in part or part[name].isna().any() for part in known):
        return Verdict(comparison, NOT_MEASURED, note=f"a run without {name}")
    values = [None if part is None else part[name].to_numpy(float) for part in parts]
    one = _estimated(comparison, *values)
    tuned = {variant.name for variant in sweep.variants if variant.edges}
    edge = any(side.label in tuned for side in comparison.sides) or any(
        bool(part[AT_EDGE].any()) for part in known if AT_EDGE in part
    )
    one = replace(one, edge=edge, ends=_ends(whole, comparison, one))
    if len(sweep.seeds) >= LEAST:
        return one
    return replace(one, verdict=DESCRIBED, seeds=description(sweep), ends="")


def part_of(runs: pd.DataFrame, side: Side) -> pd.DataFrame:
    """The runs of a side."""
    part = at(runs, side.at)
    return part[part["label"] == side.label] if len(part) else part


def _missing(sweep: Sweep, comparison: Comparison, parts: Sequence[pd.DataFrame]) -> str:
    """What is missing of the runs that a sweep declares; empty: nothing."""
    expected = sum(
        math.prod(1 if axis.name in side.at else len(axis.points()) for axis in sweep.axes)
        for side in comparison.sides
    ) * len(sweep.seeds)
    present = sum(len(finished(part)) for part in parts)
    failed = sum(map(len, parts)) - present
    if present >= expected and not failed:
        return ""
    return f"{present} of {expected} runs" + (f", {failed} failed" if failed else "")


def _estimated(
    comparison: Comparison, higher: np.ndarray | None, lower: np.ndarray | None
) -> Verdict:
    """The estimates and the p-value; of a margin the verdict too."""
    sides = (
        None if higher is None else interval(higher),
        None if lower is None else interval(lower),
    )
    if higher is None or lower is None:
        values, line = (higher, comparison.lower) if lower is None else (lower, comparison.higher)
        assert values is not None and not isinstance(line, Side)
        one, sign = interval(values), 1 if lower is None else -1
        low, high = sorted(sign * (bound - line) for bound in (one.low, one.high))
        gap = Estimate(sign * (one.value - line), low, high)
        return Verdict(comparison, UNDECIDED, sides, gap, line_p(values, line))
    gap = difference(higher, lower)
    if comparison.within is None:
        return Verdict(comparison, UNDECIDED, sides, gap, p_value(higher, lower))
    inside = max(-gap.low, gap.high) < comparison.within
    outside = gap.low > comparison.within or gap.high < -comparison.within
    return Verdict(comparison, SEEN if inside else NOT_SEEN if outside else UNDECIDED, sides, gap)


def line_p(values: np.ndarray, line: float) -> float:
    """Wilcoxon's two-sided p of "the runs lie as far above the line as below"."""
    from scipy.stats import wilcoxon

    return float(wilcoxon(values - line).pvalue) if np.any(values != line) else 1.0


def _ends(runs: pd.DataFrame, comparison: Comparison, sampled: Verdict) -> str:
    """What a comparison of sampled answers does not say (`Verdict.ends`)."""
    sides = comparison.sides
    if comparison.measure != "sampled" or len(sides) < 2 or "greedy" not in runs:
        return ""
    greedy = [finished(part_of(runs, side))["greedy"].to_numpy(float) for side in sides]
    if not all(np.isfinite(values).all() for values in greedy):
        return ""
    means = [iqm(values) for values in greedy]
    if min(means) > SOLVED:
        return BOTH
    gap, lead = difference(*greedy), sampled.difference
    if lead is None or comparison.within is not None:
        return ""
    first = lead.value > 0
    if gap.low > 0 if first else gap.high < 0:
        return ""
    drawn = sampled.sides[0 if first else 1]
    assert drawn is not None
    return BLUNT if means[0 if first else 1] < drawn.value - BELOW else SHARPER


def description(sweep: Sweep) -> str:
    """How many seeds of how many a description is of; empty: there are enough for a verdict."""
    held, awaited = len(sweep.seeds), len(sweep.awaited)
    if held >= LEAST:
        return ""
    return f"{held} of {held + awaited} seeds" if awaited else f"{held} seed{'s' * (held > 1)}"


def beside(sweep: Sweep) -> list[str]:
    """The sweeps of the package that share a sweep's question, recorded or not: a question that is
    declared was asked, and no verdict changes its family when another record arrives."""
    if not sweep.question or sweep.source != sweep.name:  # a file of the same name is another
        return []
    return [name for name in _questions().get(sweep.question, ()) if name != sweep.name]


@lru_cache(maxsize=1)
def _questions() -> dict[str, list[str]]:
    """The sweeps of the package by their question."""
    by_question: dict[str, list[str]] = {}
    for name in declared():
        try:
            question = load_sweep(name).question
        except record.RecordError:  # it rests on a record that has not been made yet
            continue
        if question:
            by_question.setdefault(question, []).append(name)
    return by_question


def _findings(sweep: Sweep, verdicts: Sequence[Verdict]) -> list[Finding]:
    return [
        Finding(**vars(verdict), prediction=prediction)
        for prediction, verdict in zip(sweep.predictions, verdicts, strict=True)
    ]
