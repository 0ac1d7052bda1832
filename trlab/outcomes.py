"""What a chapter says of a recorded sweep: every number with its interval, every comparison corrected, and what was
predicted beside what came.

    told("reuse", "ppo", at={"uses": "16"})

A sentence that compares is made here, from the record, so that it is true of whatever record there is. Where the sweep
predicted a comparison, the prediction's verdict decides it; else its interval has to exclude 0 and its p-value to
survive Holm's correction over what is compared with it and over all of the sweep's predictions. A sweep without a
record is said to have none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from trlab.drawn import draw
from trlab.figures import figure
from trlab.findings import NOT_SEEN, SEEN, Finding, finished, judge
from trlab.measures import derive
from trlab.record import RECORDS, recorded
from trlab.significance import LEVEL, holm, improvement_p
from trlab.statistics import difference, interval
from trlab.sweep import Sweep, load_sweep
from trlib.evaluation import Estimate

if TYPE_CHECKING:
    import pandas as pd

    from trlib.drawing import Drawing

ABOVE, BELOW, UNDECIDED = "above", "below", "undecided"


@dataclass(frozen=True)
class Against:
    """A variant beside another one, at one point of a sweep's axes."""

    label: str
    value: Estimate
    """Its interquartile mean."""
    control: Estimate
    """The other's."""
    difference: Estimate
    """Of the two interquartile means."""
    p: float
    """Two-sided, uncorrected."""
    verdict: str
    """`above` or `below`, after the correction; else `undecided`."""


class Note(str):
    """Markdown that a notebook shows as text."""

    def _repr_markdown_(self) -> str:
        return str(self)


def is_recorded(name: str) -> bool:
    """Whether the sweep has been run."""
    return (RECORDS / name / "runs.csv").is_file()


@lru_cache(maxsize=8)
def read(name: str) -> tuple[Sweep, pd.DataFrame, pd.DataFrame]:
    """A recorded sweep, its runs with all measures that follow from their histories, and the histories."""
    runs, history = recorded(name)
    return load_sweep(name), derive(runs, history), history


@lru_cache(maxsize=8)
def judged(name: str) -> tuple[Finding, ...]:
    """What came of a sweep's predictions."""
    return tuple(judge(*read(name)[:2]))


def runs_of(name: str, label: str, measure: str = "sampled", at: Mapping[str, str] | None = None) -> np.ndarray:
    """A measure of every finished run of one arm."""
    return _values(read(name)[1], label, measure, at or {})


def against(
    name: str, control: str, *, measure: str = "sampled", at: Mapping[str, str] | None = None, only: Sequence[str] = ()
) -> list[Against]:
    """Every other variant (or those of `only`) beside `control`, in the sweep's order.

    Raises:
        ValueError: no finished run of the control there.
    """
    runs, place, findings = read(name)[1], dict(at or {}), judged(name)
    own = _values(runs, control, measure, place)
    if not len(own):
        raise ValueError(f"control: expected finished runs of {control!r} at {place}, got none")
    rows = []
    for label in dict.fromkeys(runs["label"]):
        if label == control or (only and label not in only):
            continue
        values = _values(runs, label, measure, place)
        if len(values):
            rows.append(
                Against(
                    label,
                    interval(values),
                    interval(own),
                    difference(values, own),
                    improvement_p(values, own),
                    UNDECIDED,
                )
            )
    asked = [row for row in rows if _predicted(findings, row.label, control, measure, place) is None]
    corrected = dict(
        zip(
            (row.label for row in asked),
            holm([*(row.p for row in asked), *(found.p for found in findings)]),
            strict=False,
        )
    )
    return [
        replace(
            row,
            verdict=_verdict(
                row, corrected.get(row.label, 0.0), _predicted(findings, row.label, control, measure, place)
            ),
        )
        for row in rows
    ]


def told(
    name: str,
    control: str,
    *,
    measure: str = "sampled",
    at: Mapping[str, str] | None = None,
    only: Sequence[str] = (),
    digits: int = 2,
) -> Note:
    """What `against` found in three sentences, the largest differences first."""
    if not is_recorded(name):
        return not_run(name)
    rows = against(name, control, measure=measure, at=at, only=only)
    whole = f"`{control}` {rows[0].control:.{digits}f}"
    sentences = []
    for verdict, words in ((ABOVE, "above"), (BELOW, "below"), (UNDECIDED, "cannot be told from")):
        found = sorted((row for row in rows if row.verdict == verdict), key=lambda row: -abs(row.difference.value))
        words = f"All {len(rows)} {words}" if len(found) == len(rows) > 1 else words.capitalize()
        if found:
            parts = [f"`{row.label}` {row.value:.{digits}f} ({_signed(row.difference, digits)})" for row in found]
            sentences.append(f"**{words} {whole}**: {', '.join(parts)}.")
    return Note("\n\n".join(sentences))


def not_run(name: str) -> Note:
    """What stands in the place of a sweep without a record."""
    return Note(f"*Not run yet: `trlib sweep {name}` runs it.*")


def beside(name: str) -> pd.DataFrame:
    """A row for each prediction: what was predicted, what came, what was measured."""
    import pandas as pd

    rows = [(finding.prediction.text, *finding.plain()) for finding in judged(name)]
    return pd.DataFrame(rows, columns=["predicted", "what came", "measured"])


def drawn(name: str) -> Drawing | Note:
    """A figure of `trlab.figures` from the record that it is of."""
    shown = figure(name)
    if not is_recorded(shown.sweep):
        return not_run(shown.sweep)
    return draw(shown, *read(shown.sweep))


def _values(runs: pd.DataFrame, label: str, measure: str, at: Mapping[str, str]) -> np.ndarray:
    good = finished(runs)
    good = good[good["label"] == label]
    for axis, point in at.items():
        good = good[good[axis].astype(str) == point]
    return good[measure].to_numpy(float)


def _predicted(
    findings: Sequence[Finding], label: str, control: str, measure: str, at: Mapping[str, str]
) -> Finding | None:
    for finding in findings:
        p = finding.prediction
        if {p.higher, p.lower} == {label, control} and p.measure == measure and dict(p.at) == at and p.within is None:
            return finding
    return None


def _verdict(row: Against, corrected: float, predicted: Finding | None) -> str:
    if predicted is None:
        decided = corrected < LEVEL and (row.difference.low > 0 or row.difference.high < 0)
    else:
        decided = predicted.verdict in (SEEN, NOT_SEEN)
    return UNDECIDED if not decided else ABOVE if row.difference.value > 0 else BELOW


def _signed(estimate: Estimate, digits: int) -> str:
    rounded = [round(number, digits) for number in (estimate.value, estimate.low, estimate.high)]
    value, low, high = (
        f"{number or 0:{'+' if number else ''}.{digits}f}".replace("-", "\N{MINUS SIGN}") for number in rounded
    )
    return f"{value} [{low}, {high}]"
