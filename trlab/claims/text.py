"""A claims card as Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trlab import record
from trlab.claims.card import TOO_SMALL, Card, Test
from trlab.claims.outcome import IN_ONE_CELL, NOT_TESTABLE, Answer, Told, tell
from trlab.comparison import Side
from trlab.drawing.rates import written_rate
from trlab.findings import at
from trlab.questions import page_of
from trlab.verdicts import (
    DESCRIBED,
    EDGE,
    INCOMPLETE,
    NOT_MEASURED,
    NOT_RUN,
    NOT_SEEN,
    SEEN,
    UNDECIDED,
)
from trlib.evaluation import Estimate
from trlib.loop.settings import RunSettings

if TYPE_CHECKING:
    import pandas as pd

STEPS_BY_RADIUS = "trpo"
"""The method whose radius sets its step: a learning rate plays no part in it."""
MECHANISM = "mechanism "
"""What a verdict begins with on a method's card; on the page of claims it goes without saying."""
VERDICTS = {
    SEEN: f"{MECHANISM}{SEEN}",
    IN_ONE_CELL: f"{MECHANISM}{IN_ONE_CELL}",
    NOT_SEEN: f"{MECHANISM}{NOT_SEEN}",
    UNDECIDED: UNDECIDED,
    NOT_TESTABLE: NOT_TESTABLE,
    NOT_RUN: "not run yet",
    INCOMPLETE: "incomplete",
    NOT_MEASURED: "not measured",
    DESCRIBED: "described by too few seeds for a verdict",
}
"""The verdicts as a page says them."""
HEADINGS = ["claim", "test", "difference", "outcome", "all cells"]
USUAL = "sampled"
"""The measure of a test that names none: accuracy."""
BAR = r"\|"
WORDS = {
    "sampled": "accuracy",
    "kl": "KL",
    "take_off": "early reward",
    "distinct": "different right completions",
    "kl_few": "KL, up to a quarter right",
    "kl_half": "KL, up to three quarters right",
    "kl_many": "KL, nearly solved",
}
AXES = {
    "uses": "{} epochs",
    "updates": "{} updates",
    "reuse": "{} updates",
    "parts": "{}",
    "sampler of": "sampler: {}",
    "threshold": "threshold × {}",
    "expert": "expert {}",
    "moves": "{} moves",
    "lr": "at {}",
    "minibatches": "{} minibatches",
}


def markdown(card: Card) -> str:
    """A card as Markdown: its claims, each with its source and the verdict; below them every test's
    numbers from the record."""
    outcomes = tell(card)
    lines = [f"## {card.title}", ""]
    lines += [card.note, ""] if card.note else []
    for number, outcome in enumerate(outcomes, 1):
        lines += [_claim(number, outcome), ""]
    return "\n".join([*lines, *_folded(outcomes), ""])


def _claim(number: int, outcome: Told) -> str:
    claim = outcome.claim
    source = f"[{claim.where}](https://arxiv.org/abs/{claim.arxiv})"
    if claim.ours:
        source = claim.where.removeprefix("nowhere: ")
    parts = [f"{number}. {claim.text} ({source}) **{printed_verdict(outcome.verdict)}.**"]
    return " ".join([*parts, *filter(None, (claim.untestable.removeprefix(TOO_SMALL), claim.why))])


def printed_verdict(verdict: str) -> str:
    """A verdict as the page of claims prints it, below the mechanism's name."""
    text = VERDICTS[verdict].removeprefix(MECHANISM).removesuffix(" at this size")
    return text[0].upper() + text[1:]


def _folded(outcomes: Sequence[Told]) -> list[str]:
    """The tests of a card's claims with their numbers: a table; a claim's first row has its number."""
    rows = [
        ["" if place else str(number), *_answer(answer)]
        for number, one in enumerate(outcomes, 1)
        for place, answer in enumerate(one.answers)
    ]
    cells = [HEADINGS, ["---"] * len(HEADINGS), *rows]
    return [
        "<details>",
        f"<summary>{len(rows)} tests</summary>",
        "",
        *(f"| {' | '.join(cell.replace('|', BAR) for cell in row)} |" for row in cells),
        "",
        "</details>",
    ]


def _answer(answer: Answer) -> list[str]:
    """The row of a test: what is claimed, by how much the sides differ (or the one side, where a
    number is the other), and what follows. The sweep's page has the rest."""
    test, outcome = answer.test, answer.outcome
    page = f"`{test.sweep}`"
    if record.is_recorded(test.sweep):
        page = f"[{page}](../{page_of(test.sweep)})"
    measure = f", {_measure(test.measure)}" if test.measure != USUAL else ""
    claimed = f"{page}{_place(test)}{measure}: {_claimed(test)}"
    note = f" ({outcome.note})" if outcome.note else ""
    cells = str(answer.cells or "")
    if outcome.difference is None:
        return [claimed, "", f"{VERDICTS[answer.verdict]}{note}", cells]
    higher, lower = outcome.sides
    one = (lower or higher) if not (higher and lower) else None
    gap = _number(one) if one else _number(outcome.difference, "+")
    short = _short(answer) + (EDGE if outcome.edge else "")
    return [claimed, f"{gap}{note}", f"**{short}**", cells]


def _short(answer: Answer) -> str:
    """The verdict of a test in a word or two."""
    outcome = answer.outcome
    if outcome.difference is None:
        return VERDICTS[answer.verdict]
    if answer.ends:
        return answer.ends
    words = {NOT_SEEN: "the opposite" if answer.test.within is None else "they differ"}
    return words.get(answer.verdict, outcome.short)


def _claimed(test: Test) -> str:
    higher, lower = (
        f"`{side.label}`{_own(side, test)}" if isinstance(side, Side) else f"{side:g}"
        for side in (test.higher, test.lower)
    )
    if test.within is not None:
        return f"{higher} = {lower} ± {test.within:g}"
    return f"{lower} < {higher}" if not isinstance(test.higher, Side) else f"{higher} > {lower}"


def _own(side: Side, test: Test) -> str:
    """The points that the other side does not have."""
    return _points({axis: point for axis, point in side.at.items() if axis not in _shared(test)})


def _shared(test: Test) -> dict[str, str]:
    """The points that both sides have."""
    places = [dict(side.at) for side in test.comparison.sides]
    return {
        axis: point
        for axis, point in places[0].items()
        if all(place.get(axis) == point for place in places)
    }


def _place(test: Test) -> str:
    return _points(_shared(test)) + _rate(test)


def _rate(test: Test) -> str:
    """The learning rates of the runs that a test compares, or nothing where an axis names them."""
    if not record.is_recorded(test.sweep):
        return ""
    sweep, runs, _ = record.read(test.sweep)
    if any(axis.name == "lr" for axis in sweep.axes):
        return ""
    rates = {
        f"`{side.label}`{_own(side, test)}": _rates_of(runs, side) for side in test.comparison.sides
    }
    if len({*rates.values()}) == 1:
        only = next(iter(rates.values()))
        return f", at {only}" if only else ""
    return ", at " + " and ".join(f"{rate or 'none'} ({name})" for name, rate in rates.items())


def _rates_of(runs: pd.DataFrame, side: Side) -> str:
    """The learning rates of a side's runs; empty: its method takes none."""
    own = at(runs[runs["label"] == side.label], side.at)
    given = {
        float(json.loads(row).get("lr", RunSettings.lr))
        for row in own.loc[own["method"] != STEPS_BY_RADIUS, "train"]
    }
    return " or ".join(map(written_rate, sorted(given)))


def _points(at: dict[str, str]) -> str:
    shown = {
        axis: written_rate(float(point)) if axis == "lr" else point for axis, point in at.items()
    }
    return "".join(
        ", " + AXES.get(axis, axis + " {}").format(point) for axis, point in shown.items()
    )


def _measure(measure: str) -> str:
    column, _, level = measure.partition("@")
    return WORDS.get(column, column) + (f" at reward {level}" if level else "")


def _number(estimate: Estimate, sign: str = "") -> str:
    """Two significant digits of the larger bound; where it is an accuracy, at most three
    decimals."""
    size = max(abs(estimate.value), abs(estimate.low), abs(estimate.high))
    digits = (
        2
        if not math.isfinite(size) or size >= 0.1 or size == 0
        else 1 - math.floor(math.log10(size))
    )
    return (
        f"{estimate.value:{sign}.{digits}f} [{estimate.low:{sign}.{digits}f}, "
        f"{estimate.high:{sign}.{digits}f}]"
    )
