"""What a comparison of recorded runs is, and which ones are asked of a sweep.

Beside its predictions a sweep declares every comparison that a page, a notebook or a claims card
prints (`Sweep.comparisons`; of a recorded one in its question's `declared.json`). Whoever prints a new
one adds it there: a page or a card that is ahead cannot be written, a notebook that is warns, and is
not stored. It stays when a sentence goes: a question that was asked counts for ever, because a
verdict depends on how many other questions are asked of the same runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trlab.sweep import Prediction, Sweep


@dataclass(frozen=True)
class Side:
    """Runs of one variant at one place."""

    label: str
    at: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Points of axes; axes that are not named are pooled as tasks."""


@dataclass(frozen=True)
class Comparison:
    """The statement that one side is above the other, or that the two are alike."""

    higher: Side | float
    """The runs that are said to be above, or a number that the others stay below."""
    lower: Side | float
    """The runs that are said to be below, or a number that the others stay above; one of the two is
    a `Side`."""
    measure: str = "sampled"
    """A measure of the record or one that follows from it; `distinct@0.7` is a column of the
    history where a run's reward reaches 0.7."""
    within: float | None = None
    """The two are alike within this margin; None: the one is above the other."""

    @property
    def sides(self) -> list[Side]:
        """Those of the two that are runs."""
        return [side for side in (self.higher, self.lower) if isinstance(side, Side)]

    def question(self, sweep: Sweep) -> frozenset[Any]:
        """What identifies the question, whichever side is said to be above: asked both ways it is
        one question.

        An axis with one point says nothing about a place, so naming it does not make another
        question.
        """
        several = {axis.name for axis in sweep.axes if len(axis.points()) > 1}

        def key(side: Side | float) -> Any:
            if not isinstance(side, Side):
                return float(side)
            return side.label, tuple(
                sorted((axis, point) for axis, point in side.at.items() if axis in several)
            )

        return frozenset(
            [("measure", self.measure), ("within", self.within), key(self.higher), key(self.lower)]
        )


def of_prediction(prediction: Prediction) -> Comparison:
    """What a prediction compares."""
    higher, lower = (
        Side(side, prediction.at) if isinstance(side, str) else float(side)
        for side in (prediction.higher, prediction.lower)
    )
    return Comparison(higher, lower, prediction.measure, prediction.within)


def asked(sweep: Sweep) -> list[Comparison]:
    """Every comparison that is made within a sweep: its predictions, then what is printed beside
    them."""
    return [*map(of_prediction, sweep.predictions), *sweep.comparisons]


def unlisted(sweep: Sweep, comparisons: Iterable[Comparison]) -> list[Comparison]:
    """Those that a sweep does not declare: each joins its family for this once."""
    known = {one.question(sweep) for one in asked(sweep)}
    return [one for one in comparisons if one.question(sweep) not in known]


def how_to_list(sweep: Sweep, comparison: Comparison) -> str:
    """What to do about one that the book prints and that is not declared."""
    line = json.dumps(asdict(comparison), ensure_ascii=False)
    return (
        f"expected a comparison that sweep {sweep.name!r} declares, got one that it lacks: {line}"
    )
