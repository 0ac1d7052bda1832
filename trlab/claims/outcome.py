"""What the records say of a claim. Every verdict is `trlab.verdicts`'s."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trlab import record
from trlab.claims.card import Card, Claim, Test
from trlab.comparison import Side
from trlab.counted import Counts, comparisons, counts
from trlab.verdicts import NOT_RUN, NOT_SEEN, SEEN, UNDECIDED, Verdict, decide

NOT_TESTABLE = "not testable at this size"
IN_ONE_CELL = "reproduced in one cell"
"""The verdict on a claim that its own test bears out and the other recorded cells do not: they disagree
as often as they agree, or all that agree are of one task."""


@dataclass(frozen=True)
class Answer:
    """What the runs say about a test."""

    test: Test
    outcome: Verdict
    """The comparison as it was decided."""
    cells: Counts | None = None
    """What all recorded cells say of it (`counted`)."""

    @property
    def ends(self) -> str:
        """That both sides solve the task, or that greedy answers do not have the lead."""
        return self.outcome.ends

    @property
    def verdict(self) -> str:
        """`reproduced`, `not reproduced` (the opposite is), `not significant`, `not run`, `incomplete` or
        `not measured`. Where both sides solve the task, or greedy answers do not have the lead,
        sampled ones decide nothing: `not significant`."""
        return UNDECIDED if self.ends else self.outcome.verdict


@dataclass(frozen=True)
class Told:
    """A claim with what the runs say about it."""

    claim: Claim
    verdict: str
    answers: Sequence[Answer]


def tell(card: Card) -> list[Told]:
    """The outcome of each claim of a card."""
    outcomes = []
    for claim in card.claims:
        answers = [answer(test) for test in claim.tests]
        outcomes.append(Told(claim, _verdict(answers) if answers else NOT_TESTABLE, answers))
    return outcomes


def _verdict(answers: Sequence[Answer]) -> str:
    """Judges a claim: reproduced where each of its tests is and all recorded cells bear it out
    (`borne_out`), in one cell where only its tests do; not reproduced where the opposite is in some test and
    the claim in none; else not significant. What has not been run says nothing about the others."""
    known = {answer.verdict for answer in answers if answer.verdict in (SEEN, NOT_SEEN, UNDECIDED)}
    if not known:
        return answers[0].verdict
    if known == {SEEN}:
        tested = [one for one in answers if one.verdict == SEEN]
        return SEEN if all(borne_out(one.cells) for one in tested) else IN_ONE_CELL
    return NOT_SEEN if NOT_SEEN in known and SEEN not in known else UNDECIDED


def borne_out(cells: Counts | None) -> bool:
    """Whether more cells agree than disagree, on two tasks at least."""
    return cells is not None and cells.above > cells.below and cells.tasks_above > 1


def counted(test: Test) -> Counts | None:
    """What all recorded cells say in which only the two sides' methods differ; None where a test
    does not compare two methods under equal conditions (a number, a margin, two places), or a measure
    that runs have no column of."""
    higher, lower = test.higher, test.lower
    if not isinstance(higher, Side) or not isinstance(lower, Side) or test.within is not None:
        return None
    if higher.label == lower.label or dict(higher.at) != dict(lower.at) or "@" in test.measure:
        return None
    return counts(comparisons(higher.label, lower.label, measure=test.measure))


def answer(test: Test) -> Answer:
    """A test on a sweep beside its outcome."""
    if not record.is_recorded(test.sweep):
        return Answer(test, Verdict(test.comparison, NOT_RUN))
    (outcome,) = decide(test.sweep, test.comparison)
    return Answer(test, outcome, counted(test))
