"""The one place where a comparison of recorded runs is decided, whoever prints it.

    verdict = decide("reuse", above("ppo", "pg_is", at={"uses": "8"}))
    verdict.verdict                      # reproduced, not reproduced, not significant or description

A comparison is decided if three things agree on a side: its p-value (`trlab.significance`) is below
0.05 after Holm's correction, the 95 % interval of the difference of interquartile means excludes 0,
and that of the probability of improvement excludes ½. So no printed interval ever contradicts a
verdict. Everything else is *not significant*; *not reproduced* is said only if the opposite is decided.

`trlab.rule` says which test that is, how many seeds it takes, and which sweeps share a family. The
family holds their predictions and every comparison that a page, notebook or claims card prints
(`trlab.comparison.asked`). A question of a reader's own joins it. Where a side names no point of an
axis, its points are tasks: one test for all of them, runs dealt out within each.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from trlab import record
from trlab.basin import AT_EDGE, OVER_RATES, over_rates
from trlab.comparison import (
    Comparison,
    Side,
    asked,
    how_to_list,
    of_prediction,
    unlisted,
)
from trlab.findings import at, finished, scores
from trlab.measures import derive, matched
from trlab.rule import BEFORE, TODAY_S_TEST, Rule, beside, description, rule_of
from trlab.significance import ALPHA, alike_p, holm, improvement_p, line_p, paired_p
from trlab.statistics import difference, improvement, interval, iqm
from trlab.sweep import Sweep, load_sweep
from trlab.verdict_wording import (
    BELOW,
    DESCRIBED,
    INCOMPLETE,
    NOT_MEASURED,
    NOT_RUN,
    NOT_SEEN,
    SEEN,
    SOLVED,
    UNDECIDED,
    Finding,
    Greedy,
    Verdict,
)
from trlib.evaluation import Estimate

if TYPE_CHECKING:
    import pandas as pd

    import trlab.verdict_wording  # its full name in signatures: a task has a `Verdict` too


def decide(name: str, *comparisons: Comparison) -> list[Verdict]:
    """Comparisons within a sweep that ships with the package. One that the book does not print joins
    its family for once, with a warning.

    Raises:
        RecordError: it has no record.
    """
    sweep = record.read(name)[0]
    if new := unlisted(sweep, comparisons):
        family = len(asked(sweep))
        warnings.warn(
            f"{name}: corrected over {family + len(new)} questions, {len(new)} more than the book "
            f"asks ({how_to_list(sweep, new[0])})",
            stacklevel=2,
        )
    return list(_decided(name, comparisons, tuple(map(record.stamp, (name, *beside(sweep))))))


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
    return _findings(
        sweep, compare(sweep, runs, history, list(map(of_prediction, sweep.predictions)))
    )


def compare(
    sweep: Sweep,
    runs: pd.DataFrame,
    history: pd.DataFrame | None,
    comparisons: Sequence[Comparison],
) -> list[trlab.verdict_wording.Verdict]:
    """Comparisons of a sweep's runs, each decided by the rule above.

    Args:
        history: of the runs; None if no measure follows from it.
        comparisons: those that are wanted. All others that are asked of the sweep count in the
            correction.
    """
    runs = runs if history is None else derive(runs, history, sweep.every)
    return corrected(sweep, comparisons, partial(measure, sweep, runs, history))


def corrected(sweep: Sweep, comparisons: Sequence[Comparison], measured: Any) -> list[Verdict]:
    """Comparisons by the rule of their sweep, and beside it what today's test says where it says
    something else.

    Args:
        measured: gives the `Verdict` of a comparison by its intervals alone, under a rule.
    """
    rule = rule_of(sweep)
    verdicts = _corrected(sweep, comparisons, rule, measured)
    if rule != BEFORE or sweep.budget.common is None:  # without pairs the tests are the same
        return verdicts
    again = _corrected(sweep, comparisons, TODAY_S_TEST, measured)
    return [
        replace(one, today=new.verdict if new.verdict != one.verdict else "")
        for one, new in zip(verdicts, again, strict=True)
    ]


def _corrected(
    sweep: Sweep, comparisons: Sequence[Comparison], rule: Rule, measured: Any
) -> list[Verdict]:
    """Comparisons after Holm's correction over the family of the sweep.

    This is the one place where a verdict is made; `measure` gives the p-value and the intervals.
    """
    family: dict[Any, float] = {}
    for comparison in [*asked(sweep), *comparisons]:
        key = sweep.name, comparison.question(sweep)
        if key not in family:
            family[key] = measured(comparison, rule).p
    for name in beside(sweep):
        other = record.read(name)[0] if record.is_recorded(name) else load_sweep(name)
        for comparison in asked(other):
            p = (
                _of_record(name, record.stamp(name), comparison, rule_of(other)).p
                if record.is_recorded(name)
                else math.nan
            )
            family[name, comparison.question(other)] = p
    p_values = dict(zip(family, holm(list(family.values())), strict=True))
    verdicts = []
    for comparison in comparisons:
        one = measured(comparison, rule)
        if one.difference is not None and one.verdict != DESCRIBED:
            p = p_values[sweep.name, comparison.question(sweep)]
            verdict = one.verdict if p < ALPHA else UNDECIDED
            one = replace(one, corrected=p, family=len(family), verdict=verdict)
        verdicts.append(one)
    return verdicts


def measure(
    sweep: Sweep,
    runs: pd.DataFrame,
    history: pd.DataFrame | None,
    comparison: Comparison,
    rule: Rule,
) -> trlab.verdict_wording.Verdict:
    """One comparison by its own p-value and intervals, before any correction."""
    paired = rule.pairs and sweep.budget.common is not None
    sides = both_sides(sweep, runs, history, comparison, paired=paired)
    if isinstance(sides, Verdict):
        return sides
    one = _estimated(comparison, sides.tasks, sides.paired, stratified=not rule.pairs)
    greedy = _greedily(sweep, runs, comparison, sides)
    one = replace(one, note=sides.note, edge=sides.edge, greedy=greedy)
    if few := description(sweep, rule):
        return replace(one, verdict=DESCRIBED, seeds=few, p=math.nan)
    return one


def _greedily(
    sweep: Sweep, runs: pd.DataFrame, comparison: Comparison, sampled: BothSides
) -> Greedy | None:
    """How the two arms of a comparison of sampled answers answer greedily; None: it is none, or it was
    not measured."""
    if comparison.measure != "sampled" or len(comparison.sides) < 2 or GREEDY not in runs:
        return None
    asked = replace(comparison, measure=GREEDY)
    sides = both_sides(sweep, runs, None, asked, paired=False)
    if isinstance(sides, Verdict):
        return None
    higher, lower = (task for task in sides.tasks if task is not None)
    least = min(iqm(higher), iqm(lower))
    if least > SOLVED:
        return Greedy(least, NO_GAP)
    leader, right = max(
        (iqm(drawn), iqm(right))
        for drawn, right in zip(sampled.tasks, sides.tasks, strict=True)
        if drawn is not None and right is not None
    )
    gap = difference(higher, lower, stratified=True)
    return Greedy(least, gap, blunt=right < leader - BELOW)


@dataclass(frozen=True)
class BothSides:
    """The runs of a comparison."""

    tasks: tuple[list[np.ndarray] | None, list[np.ndarray] | None]
    """The higher and the lower side, an array for each task; None for a number."""
    paired: bool
    edge: bool
    """See `Verdict.edge`."""
    note: str


def both_sides(
    sweep: Sweep,
    runs: pd.DataFrame,
    history: pd.DataFrame | None,
    comparison: Comparison,
    *,
    paired: bool,
) -> BothSides | trlab.verdict_wording.Verdict:
    """The runs that a comparison is between, or the verdict that something is missing.

    Args:
        paired: two runs with the same seed make a pair.
    """
    if comparison.measure in OVER_RATES:
        sweep, runs = over_rates(sweep, finished(runs), comparison.measure)
    tuned_to_an_edge = {variant.name for variant in sweep.variants if variant.edges}
    edge = False
    by_side: list[dict[tuple[Any, ...], np.ndarray] | None] = []
    present, expected, left_out, failed = 0, 0, 0, 0
    for side in (comparison.higher, comparison.lower):
        if not isinstance(side, Side):
            by_side.append(None)
            continue
        part = at(runs, side.at)
        part = part[part["label"] == side.label] if len(part) else part
        if not len(part):
            return Verdict(comparison, NOT_RUN)
        part = part.sort_values("seed", kind="stable") if paired else part
        edge = (
            edge
            or side.label in tuned_to_an_edge
            or (AT_EDGE in part and bool(part[AT_EDGE].any()))
        )
        values, never = _measured(finished(part), history, comparison.measure)
        paired = paired and not never
        points = math.prod(1 if axis.name in side.at else len(axis.points()) for axis in sweep.axes)
        expected += points * len(sweep.seeds)
        present += len(finished(part))
        failed += len(part) - len(finished(part))
        left_out += never
        pooled = [axis.name for axis in sweep.axes if axis.name not in side.at]
        by_side.append(scores(values, side.label, VALUE, pooled) if len(values) else {})
    if present < expected:
        return Verdict(
            comparison,
            INCOMPLETE,
            note=f"{present} of {expected} runs" + (f", {failed} failed" if failed else ""),
        )
    places = next((list(side) for side in by_side if side is not None), [])
    if any(side.keys() != set(places) or not places for side in by_side if side is not None):
        return Verdict(comparison, NOT_MEASURED, note=f"a run without {comparison.measure}")
    tasks = [None if side is None else [side[place] for place in places] for side in by_side]
    if any(not np.isfinite(task).all() for side in tasks if side is not None for task in side):
        return Verdict(comparison, NOT_MEASURED, note=f"a run without {comparison.measure}")
    note = f"{left_out} runs never reach the reward and are left out" if left_out else ""
    return BothSides((tasks[0], tasks[1]), paired, edge, note)


GREEDY = "greedy"
NO_GAP = Estimate(0.0, 0.0, 0.0)
"""Of two arms that both solve their task: nobody asks."""
VALUE = "_value"
"""The column that holds the measure of a comparison."""


def _measured(
    runs: pd.DataFrame, history: pd.DataFrame | None, name: str
) -> tuple[pd.DataFrame, int]:
    """The runs with a column `VALUE`, and how many never reach the reward of `column@reward` and
    have none."""
    column, _, level = name.partition("@")
    if not level:
        return runs.assign(**{VALUE: runs[column].astype(float) if column in runs else math.nan}), 0
    if history is None or column not in history:
        return runs.assign(**{VALUE: math.nan}), 0
    every = matched(runs, history, column, float(level))
    reached = every[every["reached"]]
    return reached.assign(**{VALUE: reached["matched"]}), len(every) - len(reached)


def _estimated(
    comparison: Comparison,
    tasks: tuple[list[np.ndarray] | None, list[np.ndarray] | None],
    paired: bool,
    stratified: bool,
) -> Verdict:
    """The estimates, the p-value, and the verdict of the intervals alone."""
    higher, lower = tasks
    apart_by = {"stratified": stratified}
    sides = (
        None if higher is None else interval(higher, **apart_by),
        None if lower is None else interval(lower, **apart_by),
    )
    if higher is None or lower is None:
        return _beside_a_number(comparison, higher, lower, sides)
    gap = difference(higher, lower, paired=paired, **apart_by)
    pairs = sum(map(len, higher)) if paired else 0
    if comparison.within is not None:
        alike, apart = alike_p(higher, lower, within=comparison.within, paired=paired)
        inside = max(-gap.low, gap.high) < comparison.within
        outside = gap.low > comparison.within or gap.high < -comparison.within
        p = alike if abs(gap.value) < comparison.within else apart
        return Verdict(comparison, _seen(inside, outside), sides, gap, p=p, pairs=pairs)
    better = improvement(higher, lower, paired=paired)
    above, below = gap.low > 0 and better.low > 0.5, gap.high < 0 and better.high < 0.5
    p = paired_p(higher, lower) if paired else improvement_p(higher, lower)
    return Verdict(comparison, _seen(above, below), sides, gap, better, p, pairs=pairs)


def _beside_a_number(
    comparison: Comparison,
    higher: list[np.ndarray] | None,
    lower: list[np.ndarray] | None,
    sides: tuple[Estimate | None, Estimate | None],
) -> Verdict:
    """The same where one side is a number."""
    values, line = (higher, comparison.lower) if higher is not None else (lower, comparison.higher)
    estimate = sides[0] or sides[1]
    assert values is not None and estimate is not None and not isinstance(line, Side)
    gap = Estimate(estimate.value - line, estimate.low - line, estimate.high - line)
    above, below = gap.low > 0, gap.high < 0
    verdict = _seen(above, below) if higher is not None else _seen(below, above)
    return Verdict(comparison, verdict, sides, gap, p=line_p(values, line))


def _seen(claimed: bool, opposite: bool) -> str:
    """The verdict of intervals that show what is claimed, or the opposite, or neither."""
    return SEEN if claimed else NOT_SEEN if opposite else UNDECIDED


def _findings(sweep: Sweep, verdicts: Sequence[Verdict]) -> list[Finding]:
    return [
        Finding(**vars(verdict), prediction=prediction)
        for prediction, verdict in zip(sweep.predictions, verdicts, strict=True)
    ]


@lru_cache(maxsize=512)
def _decided(
    name: str, comparisons: tuple[Comparison, ...], stamps: tuple[int, ...]
) -> tuple[Verdict, ...]:
    sweep = record.read(name)[0]
    return tuple(corrected(sweep, comparisons, partial(_of_record, name, stamps[0])))


MEASURED: dict[tuple[str, int, Comparison, Rule], Verdict] = {}
"""What this process has measured of records; a build of the book adds what others have."""


def _of_record(name: str, stamp: int, comparison: Comparison, rule: Rule) -> Verdict:
    key = name, stamp, comparison, rule
    if key not in MEASURED:
        MEASURED[key] = measure(*record.read(name), comparison, rule)
    return MEASURED[key]
