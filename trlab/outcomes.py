"""What a chapter shows of a recorded sweep: comparisons with one variant, and what was predicted beside
what happened as a table.

    against("reuse", "ppo", at={"uses": "16"})

Both are computed from the record, so they stay true when it changes; `trlab.verdicts` decides every
comparison. For a sweep without a record a note says so.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from trlab import record
from trlab.comparison import Comparison, Side
from trlab.drawing.recorded import draw, figure
from trlab.findings import at as runs_at
from trlab.findings import finished
from trlab.record import is_recorded
from trlab.statistics import difference, interval
from trlab.verdicts import NOT_SEEN, SEEN, Finding, Verdict, decide, predicted
from trlib.evaluation import Estimate

MEASURES = {"sampled": "accuracy", "take_off": "early reward", "kl": "nats per token and batch"}
"""What a chapter calls the measures that it compares."""


@dataclass(frozen=True)
class Against:
    """A variant beside another one, at one point of a sweep's axes.

    `f"{row:.2f}"` is the difference with its interval, and *not significant* in its bracket where it is.
    """

    label: str
    value: Estimate
    """Its interquartile mean."""
    control: Estimate
    """The other's."""
    difference: Estimate
    """The first mean less the other."""
    outcome: Verdict
    """The comparison as it was decided."""

    @property
    def verdict(self) -> str:
        """`above` or `below` if the comparison is decided, else `not significant`, or `description of 4
        of 12 seeds`."""
        words = {SEEN: "above", NOT_SEEN: "below"}
        return words.get(self.outcome.verdict, self.outcome.short)

    def __format__(self, spec: str) -> str:
        digits = int(spec[1:-1]) if spec else 2
        return self.outcome.marked(_signed(self.difference, digits))


class Note(str):
    """Markdown that a notebook shows as text."""

    def _repr_markdown_(self) -> str:
        return str(self)


def judged(name: str) -> tuple[Finding, ...]:
    """What came of a sweep's predictions."""
    return tuple(predicted(name))


def runs_of(
    name: str, label: str, measure: str = "sampled", at: Mapping[str, str] | None = None
) -> np.ndarray:
    """A measure of every finished run of one arm."""
    runs = finished(runs_at(record.read(name)[1], at or {}))
    return runs[runs["label"] == label][measure].to_numpy(float)


def against(
    name: str,
    control: str,
    *,
    at: Mapping[str, str] | None = None,
    only: Sequence[str] = (),
) -> list[Against]:
    """Every other variant (or those of `only`) beside `control`, in the sweep's order.

    Raises:
        ValueError: no finished run of the control there.
    """
    if not len(runs_of(name, control, at=at)):
        raise ValueError(
            f"control: expected finished runs of {control!r} at {dict(at or {})}, got none"
        )
    labels = [label for label in dict.fromkeys(record.read(name)[1]["label"]) if label != control]
    return [
        gap(name, label, control, at=at)
        for label in labels
        if (not only or label in only) and len(runs_of(name, label, at=at))
    ]


def gap(
    name: str,
    label: str,
    control: str,
    *,
    at: Mapping[str, str] | None = None,
) -> Against:
    """One variant beside another."""
    place = dict(at or {})
    (verdict,) = decide(name, Comparison(Side(label, place), Side(control, place)))
    values, others = (runs_of(name, side, at=place) for side in (label, control))
    return Against(
        label,
        interval(values),
        interval(others),
        verdict.difference or difference(values, others),
        verdict,
    )


def not_run(name: str) -> Note:
    """What is shown in place of a sweep without a record."""
    return Note(f"*Not run yet: `trlib sweep {name}` runs it.*")


def foretold(name: str) -> Note:
    """The predictions of a sweep, folded under a line that counts their results."""
    return folded(judged(name)) if is_recorded(name) else not_run(name)


def folded(findings: Sequence[Finding]) -> Note:
    """Predictions and their results: a line that counts, and a table to unfold."""
    outcomes = Counter(finding.plain()[0].partition(",")[0] for finding in findings)
    counts = ", ".join(f"{count} {words}" for words, count in outcomes.most_common())
    lines = (
        _row("td", came, finding.prediction.in_full, measured)
        for finding in findings
        for came, measured in [finding.plain(MEASURES)]
    )
    # As HTML: a page reads no Markdown inside of a fold.
    return Note(
        "\n".join(
            [
                '<details class="predictions">',
                f"<summary>{len(findings)} predictions from before the runs: {counts}</summary>",
                '<table class="table">',
                f"<thead>{_row('th', 'result', 'predicted', 'measured')}</thead>",
                "<tbody>",
                *lines,
                "</tbody>",
                "</table>",
                "</details>",
            ]
        )
    )


def _row(tag: str, *cells: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def drawn(name: str) -> Any:
    """A figure of `trlab.drawing.recorded`, from the record that it shows."""
    shown = figure(name)
    if not is_recorded(shown.sweep):
        return not_run(shown.sweep)
    return draw(shown, *record.read(shown.sweep))


def _signed(estimate: Estimate, digits: int) -> str:
    rounded = [round(number, digits) for number in (estimate.value, estimate.low, estimate.high)]
    value, low, high = (
        f"{number or 0:{'+' if number else ''}.{digits}f}".replace("-", "\N{MINUS SIGN}")
        for number in rounded
    )
    return value if math.isnan(estimate.low) else f"{value} [{low}, {high}]"  # of one run
