"""What the records say of a claim.

A test that a sweep predicted, in the paper's direction or against it, has that prediction's p-value, corrected by Holm
over the sweep's predictions. A test without a prediction is corrected over the sweep's predictions and all such tests
of the cards on that sweep, and is marked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from trlab import record
from trlab.claims.card import Card, Claim, Side, Test
from trlab.findings import (
    INCOMPLETE,
    NOT_MEASURED,
    NOT_RUN,
    NOT_SEEN,
    SEEN,
    UNDECIDED,
    Finding,
    compared,
    judge,
    scores,
)
from trlab.measures import derive, matched
from trlab.significance import LEVEL, holm
from trlab.statistics import difference, interval
from trlab.sweep import Prediction, Sweep, load_sweep
from trlib.evaluation import Estimate

if TYPE_CHECKING:
    import pandas as pd

NOT_TESTABLE = "not testable at this size"


@dataclass(frozen=True)
class Answer:
    """What the runs say to a test."""

    test: Test
    verdict: str
    """`seen`, `not seen` (the opposite is), `undecided`, `not run`, `incomplete` or `not measured`."""
    sides: tuple[Estimate | None, Estimate | None] = (None, None)
    """The interquartile means of the higher and of the lower runs; None for a number."""
    difference: Estimate | None = None
    """The higher less the lower, or less the number."""
    corrected: float = math.nan
    """The p-value after Holm's correction."""
    predicted: str = ""
    """What the sweep predicted before it was run; empty: nothing was written down."""
    agreed: bool = True
    """Whether the prediction was the paper's claim, and not the opposite."""
    note: str = ""
    """What is missing, or how many runs were left out."""


@dataclass(frozen=True)
class Told:
    """A claim with what the runs say to it."""

    claim: Claim
    verdict: str
    answers: Sequence[Answer]


def tell(card: Card, every: Sequence[Card]) -> list[Told]:
    """The outcome of each claim of a card.

    Args:
        every: all cards, whose tests on a sweep are corrected together.
    """
    answers: dict[Test, Answer] = {}
    for sweep in dict.fromkeys(test.sweep for claim in card.claims for test in claim.tests):
        asked = dict.fromkeys(
            test for other in every for claim in other.claims for test in claim.tests if test.sweep == sweep
        )
        answers |= zip(asked, answered(sweep, tuple(asked)), strict=True)
    return [
        Told(
            claim,
            _verdict([answers[test] for test in claim.tests]) if claim.tests else NOT_TESTABLE,
            [answers[test] for test in claim.tests],
        )
        for claim in card.claims
    ]


def _verdict(answers: Sequence[Answer]) -> str:
    """Of a claim: seen where each of its tests is, not seen where the opposite is in some test and the claim in none,
    else undecided. What has not been run says nothing of the others."""
    known = {answer.verdict for answer in answers if answer.verdict in (SEEN, NOT_SEEN, UNDECIDED)}
    if not known:
        return answers[0].verdict
    return SEEN if known == {SEEN} else NOT_SEEN if NOT_SEEN in known and SEEN not in known else UNDECIDED


def answered(name: str, tests: tuple[Test, ...]) -> list[Answer]:
    """Every test on a sweep beside its outcome."""
    table = record.RECORDS / name / "runs.csv"
    if not table.is_file():
        return [Answer(test, NOT_RUN) for test in tests]
    return _answered(name, tests, (table, table.stat().st_mtime_ns))


@lru_cache(maxsize=64)  # eight cards ask of the same records
def _answered(name: str, tests: tuple[Test, ...], stamp: object) -> list[Answer]:
    sweep, (runs, history) = load_sweep(name), record.recorded(name)
    runs = derive(runs, history)
    judged = judge(sweep, runs)
    found = [_answer(sweep, runs, history, test) for test in tests]
    predicted = [_predicted(sweep, test, judged) for test in tests]
    later = [p for (_, p), match in zip(found, predicted, strict=True) if match is None]
    corrected = iter(holm([*(finding.p for finding in judged), *later])[len(judged) :])
    answers = []
    for (answer, _), match in zip(found, predicted, strict=True):
        if match is None:
            p = next(corrected)
            answers.append(replace(answer, corrected=p) if answer.difference is not None else answer)
        else:
            answers.append(
                replace(answer, corrected=match[0].corrected, predicted=match[0].prediction.text, agreed=match[1])
            )
    return [
        one if one.difference is None or one.corrected < LEVEL else replace(one, verdict=UNDECIDED) for one in answers
    ]


def _predicted(sweep: Sweep, test: Test, judged: Sequence[Finding]) -> tuple[Finding, bool] | None:
    """The sweep's prediction of the same comparison, and whether it has the paper's direction."""
    several = {axis.name for axis in sweep.axes if len(axis.points()) > 1}

    def place(at: Mapping[str, str]) -> dict[str, str]:
        return {axis: point for axis, point in at.items() if axis in several}

    sides = [side.label if isinstance(side, Side) else side for side in (test.higher, test.lower)]
    places = [place(side.at) for side in (test.higher, test.lower) if isinstance(side, Side)]
    if places[0] != places[-1]:
        return None
    for finding in judged:
        p = finding.prediction
        same = (p.measure, place(p.at), p.within) == (test.measure, places[0], test.within)
        if same and [p.higher, p.lower] in (sides, sides[::-1]):
            return finding, [p.higher, p.lower] == sides or test.within is not None
    return None


def _answer(sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, test: Test) -> tuple[Answer, float]:
    """The answer of the intervals alone, and the p-value."""
    values: list[list[np.ndarray] | None] = []
    left_out = 0
    for side in (test.higher, test.lower):
        if not isinstance(side, Side):
            values.append(None)
            continue
        part, never = _measured(_at(runs, side), history, test.measure)
        left_out += never
        tasks = scores(part, side.label, "_value", [a.name for a in sweep.axes]) if len(part) else {}
        asked = math.prod(1 if axis.name in side.at else len(axis.points()) for axis in sweep.axes)
        whole = sum(map(len, tasks.values())) + never
        if whole < asked * len(sweep.seeds) or not tasks:
            return Answer(
                test, INCOMPLETE if len(part) else NOT_RUN, note=f"{whole} of {asked * len(sweep.seeds)} runs"
            ), math.nan
        values.append([np.asarray(tasks[place], dtype=np.float64) for place in tasks])
    if any(not np.isfinite(task).all() for side in values if side is not None for task in side):
        return Answer(test, NOT_MEASURED, note=f"a run without {test.measure}"), math.nan
    return _of(test, values, f"{left_out} runs never reach the reward and are left out" if left_out else "")


def _of(test: Test, values: Sequence[list[np.ndarray] | None], note: str) -> tuple[Answer, float]:
    higher, lower = (None if side is None else interval(side) for side in values)
    labels = [side.label if isinstance(side, Side) else side for side in (test.higher, test.lower)]
    claim = Prediction("", higher=labels[0], lower=labels[1], within=test.within)
    finding = compared(claim, [side for side in values if side is not None])
    if higher is not None and lower is not None:
        assert values[0] is not None and values[1] is not None
        gap = difference(values[0], values[1])
    elif higher is not None:
        gap = _less(higher, float(str(labels[1])))
    else:
        assert lower is not None
        gap = _less(lower, float(str(labels[0])))
    return Answer(test, finding.verdict, (higher, lower), gap, note=note), finding.p


def _less(estimate: Estimate, number: float) -> Estimate:
    return Estimate(estimate.value - number, estimate.low - number, estimate.high - number)


def _at(runs: pd.DataFrame, side: Side) -> pd.DataFrame:
    for axis, label in side.at.items():
        runs = runs[runs[axis].astype(str) == label]
    return runs[runs["label"] == side.label]


def _measured(runs: pd.DataFrame, history: pd.DataFrame, measure: str) -> tuple[pd.DataFrame, int]:
    """The runs with `_value`, and how many never reach the reward of `column@reward` and have none."""
    column, _, level = measure.partition("@")
    if not level:
        return runs.assign(_value=runs.get(column, math.nan)), 0
    if column not in history:
        return runs.assign(_value=math.nan), 0
    found = matched(runs, history, column, float(level))
    reached = found[found["reached"]]
    return reached.assign(_value=reached["matched"]), len(found) - len(reached)
