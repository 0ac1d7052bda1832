"""Running recorded cells again: do they agree with the record?"""

from __future__ import annotations

import math
import random
import threading
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trlab import pool
from trlab.cell import ADDED_LATER, MEASURES, Cell
from trlab.files import DONE, same_digits
from trlab.provenance import cores, provenance
from trlab.record import RecordError
from trlab.runner import Plan, Say, results
from trlab.statistics import prediction_interval

SAME = ("commit", "versions", "hardware")
"""What must be equal for a cell to be the same to the last bit."""
DECIDED = (
    *(name for name in MEASURES if name not in ("seconds", "cpu_seconds")),
    "sampled_low",
    "sampled_high",
)
"""The columns that the seed decides, which a table keeps with every digit."""
AGREES, DIFFERS, CANNOT_TELL = "agrees", "differs", "cannot tell"


@dataclass(frozen=True)
class Agreement:
    """A recorded cell beside the same cell run again."""

    cell: Cell
    verdict: str
    """`agrees`, `differs` or `cannot tell`."""
    text: str
    """How the two agree or differ."""
    other: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Which of `SAME` was another in the record than it is here; with an entry, the accuracy alone
    was compared."""

    @property
    def agrees(self) -> bool:
        """Whether it does; if it cannot be decided, it does not."""
        return self.verdict == AGREES


def verify(
    planned: Plan,
    count: int,
    *,
    workers: int | None = None,
    say: Say | None = None,
) -> list[Agreement]:
    """Run a random sample of the recorded cells again and compare.

    The digest says whether the run is the same to the last bit. If it is, every recorded number
    must be what the run gave, in the table and, to the digits that it keeps, in the history: a
    record of which only the digest is right was edited. On the same commit, versions and hardware
    the digest must be the same. Elsewhere the sampled accuracy, and nothing else, is compared: it
    must fall where one more run would, by the recorded seeds of the same variant and axes (a 95 %
    prediction interval from three runs on; else the cell's own interval over prompts). Where that
    is all from 0 to 1, it cannot be decided. A working tree with changes is never the same commit.

    Args:
        count: cells, or as many as there are.

    Raises:
        RecordError: nothing is recorded yet, or a column that is compared is missing.
    """
    recorded = [cell for cell in planned.cells if planned.record.done(cell)]
    if not recorded:
        raise RecordError(
            f"verify: no cell of {planned.sweep.name!r} is recorded in {str(planned.out)!r} or "
            "with the package; run the sweep first"
        )
    sample = random.sample(recorded, min(count, len(recorded)))
    for cell in sample:
        missing = [
            name
            for name in (*SAME, *DECIDED)
            if name not in planned.record.rows[cell.id] and name not in ADDED_LATER
        ]
        if missing:
            raise RecordError(
                f"verify: expected {', '.join(missing)} among the columns of the record of "
                f"{planned.sweep.name!r}, got none for [{cell}]"
            )
    now, agreements = provenance(planned.command), []
    count = cores() if workers is None else workers
    with closing(results(sample, planned.sweep, threading.Event(), count)) as ended:
        for cell, result, _ in ended:
            agreements.append(compare(planned, cell, result, now))
            if say is not None:
                verdict = agreements[-1].verdict
                say(
                    f"{verdict.upper() if verdict == DIFFERS else verdict}  {cell}: "
                    f"{agreements[-1].text}"
                )
    return agreements


def compare(planned: Plan, cell: Cell, result: Any, now: dict[str, str]) -> Agreement:
    """One cell's record beside what running it again gave."""
    row = planned.record.rows[cell.id]
    if isinstance(result, pool.Failure):
        return Agreement(cell, DIFFERS, f"recorded {row['sampled']:.4f}, now it fails: {result}")
    value = result["values"]["sampled"]
    if result["values"]["digest"] == row["digest"]:
        edited = _edited(row, planned.record.histories.get(cell.id, {}), result)
        if edited:
            return Agreement(
                cell, DIFFERS, f"the record was edited: the digest is the run's, and not {edited}"
            )
        return Agreement(cell, AGREES, f"sampled {value:.4f}, bit for bit")
    both = f"recorded {row['sampled']:.4f}, now {value:.4f}"
    other = {
        name: (row[name], now[name])
        for name in SAME
        if row[name] != now[name] or now[name].endswith("+changes")
    }
    if not other:
        return Agreement(
            cell,
            DIFFERS,
            f"{both}, on the same commit, versions and hardware: expected the same bits",
        )
    low, high, which = _interval(planned, cell, row)
    within = low <= value <= high
    verdict = DIFFERS if not within else CANNOT_TELL if (low, high) == (0, 1) else AGREES
    return Agreement(
        cell,
        verdict,
        f"{both}, {'within' if within else 'outside'} [{low:.4f}, {high:.4f}] ({which}); other "
        f"{' and '.join(other)}",
        other,
    )


def summary(found: list[Agreement]) -> str:
    """How many agree; and of how many not the bits were compared, and because of which other
    hardware."""
    text = f"{sum(one.agrees for one in found)} of {len(found)} cells agree with the record"
    away = [one.other for one in found if one.other]
    if not away:
        return text
    names = [name for name in SAME if any(name in other for other in away)]
    text += (
        f"; the accuracy of {len(away)} was compared within its interval, not bit for bit: "
        f"other {' and '.join(names)}"
    )
    pairs = [other["hardware"] for other in away if "hardware" in other]
    if pairs:
        text += f"\nrecorded on {' and on '.join(sorted({recorded for recorded, _ in pairs}))}\nhere: {pairs[0][1]}"
    return text


def _edited(row: dict[str, Any], history: dict[str, list[float]], result: dict[str, Any]) -> str:
    """The first recorded number that is not the run's; empty: every one is."""
    for name in DECIDED:
        if name in ADDED_LATER and _equal(row.get(name, math.nan), math.nan):
            continue  # made before it was measured, if beside cells that have it
        if not _equal(row[name], result["values"][name]):
            return f"{name}: recorded {row[name]!r}, now {result['values'][name]!r}"
    if not history:  # it is kept of few sweeps, and the digest holds it
        return ""
    # Such a metric is not a column of a table.
    nothing = [math.nan] * max(map(len, result["history"].values()))
    for name in sorted(history.keys() | result["history"].keys() - {*ADDED_LATER}):
        was, gave = history.get(name, nothing), result["history"].get(name, nothing)
        if len(was) != len(gave):
            return f"the history of {name}: recorded {len(was)} batches, now {len(gave)}"
        for batch, pair in enumerate(zip(was, gave, strict=True)):
            if not same_digits(*pair):
                return f"{name} in batch {batch}: recorded {pair[0]:.6g}, now {pair[1]:.6g}"
    return ""


def _equal(a: Any, b: Any) -> bool:
    """The same number; what was not measured is equal to itself."""
    return bool(a == b or (a != a and b != b))


def _interval(planned: Plan, cell: Cell, row: dict[str, Any]) -> tuple[float, float, str]:
    """Where the share must fall, and by what."""
    rows = [
        planned.record.rows.get(other.id, {})
        for other in planned.cells
        if other.place == cell.place
    ]
    values = np.array([other["sampled"] for other in rows if other.get("status") == DONE])
    if len(values) < 3:
        low, high, which = (
            row["sampled_low"],
            row["sampled_high"],
            "the cell's 95 % interval over prompts",
        )
    else:
        low, high = prediction_interval(values)
        which = f"95 % prediction interval of {len(values)} recorded seeds"
    return max(low, 0.0), min(high, 1.0), which
