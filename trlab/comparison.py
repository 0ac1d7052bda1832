"""What a comparison of recorded runs is, and which ones the book prints.

`comparisons.json` lists, for each sweep, every comparison that a page, a notebook or a claims card
prints beside the sweep's own predictions. Whoever prints a new one adds its line: a page or a card
that is ahead of the list cannot be written, a notebook that is warns, and is not stored. A line stays
when a sentence goes: a question that was asked counts for ever. The list ships with the package
because a verdict depends on how many other questions are asked of the same runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from trlab.sweep import Prediction, Sweep

PRINTED = Path(__file__).parent / "comparisons.json"
"""The comparisons that the book prints, by sweep."""


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
    """Every comparison that is made within a sweep: its predictions, then what the book prints
    beside them."""
    # A file of the same name is another.
    shipped = printed().get(sweep.name, []) if sweep.source == sweep.name else []
    return [*map(of_prediction, sweep.predictions), *shipped]


def unlisted(sweep: Sweep, comparisons: Iterable[Comparison]) -> list[Comparison]:
    """Those that nobody has asked of a sweep before: each joins its family for this once."""
    known = {one.question(sweep) for one in asked(sweep)}
    return [one for one in comparisons if one.question(sweep) not in known]


def how_to_list(sweep: Sweep, comparison: Comparison) -> str:
    """What to do about one that the book prints and that is not listed."""
    line = json.dumps(as_json(comparison), ensure_ascii=False)
    return (
        f"expected a comparison of {PRINTED.name}, got one that it lacks of {sweep.name!r}: {line}"
    )


@lru_cache(maxsize=1)
def printed() -> dict[str, list[Comparison]]:
    """What the book prints, by sweep."""
    return {
        name: [from_json(one) for one in some]
        for name, some in json.loads(PRINTED.read_bytes()).items()
    }


def as_json(comparison: Comparison) -> dict[str, Any]:
    """A comparison as `comparisons.json` holds it."""

    def side(one: Side | float) -> Any:
        return [one.label, dict(sorted(one.at.items()))] if isinstance(one, Side) else one

    within = {} if comparison.within is None else {"within": comparison.within}
    return {
        "higher": side(comparison.higher),
        "lower": side(comparison.lower),
        "measure": comparison.measure,
        **within,
    }


def from_json(entry: Mapping[str, Any]) -> Comparison:
    """A comparison that `comparisons.json` holds."""
    higher, lower = (
        Side(*side) if isinstance(side, list) else float(side)
        for side in (entry["higher"], entry["lower"])
    )
    return Comparison(higher, lower, entry["measure"], entry.get("within"))
