"""Running recorded cells again: do they agree with the record?"""

from __future__ import annotations

import random
import threading
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from trlib.lab import pool
from trlib.lab.cells import Cell
from trlib.lab.circumstances import circumstances, cores
from trlib.lab.record import DONE, RecordError
from trlib.lab.runner import Plan, Say, results
from trlib.lab.statistics import prediction_interval

SAME = ("commit", "versions", "hardware")
"""What must be equal for a cell to be the same to the last bit."""


@dataclass(frozen=True)
class Agreement:
    """A recorded cell beside the same cell run again."""

    cell: Cell
    agrees: bool
    text: str
    """How, or how not."""


def verify(planned: Plan, count: int, *, seed: int | None = None, workers: int | None = None,
           say: Say | None = None) -> list[Agreement]:
    """Run a random sample of the recorded cells again and compare.

    On the same commit, versions and hardware every number must be the same to the last bit. Elsewhere the sampled
    accuracy must fall where one more run would, by the recorded seeds of the same variant and axes (a 95 % prediction
    interval from three runs on; else the cell's own interval over prompts). A working tree with changes is never the
    same commit.

    Args:
        count: cells, or as many as there are.
        seed: of the sample; None: another one each time.

    Raises:
        RecordError: nothing is recorded yet.
    """
    recorded = [cell for cell in planned.cells if planned.record.done(cell)]
    if not recorded:
        raise RecordError(f"verify: no cell of {planned.sweep.name!r} is recorded in {str(planned.out)!r} or with the "
                          f"package; run the sweep first")
    sample = random.Random(seed).sample(recorded, min(count, len(recorded)))
    now, found = circumstances(planned.command), []
    count = cores() if workers is None else workers
    with closing(results(sample, planned.sweep, threading.Event(), count)) as ended:
        for cell, result in ended:
            found.append(compare(planned, cell, result, now))
            if say is not None:
                say(f"{'agrees' if found[-1].agrees else 'DIFFERS'}  {cell}: {found[-1].text}")
    return found


def compare(planned: Plan, cell: Cell, result: Any, now: dict[str, str]) -> Agreement:
    """One cell's record beside what it came to now."""
    row = planned.record.rows[cell.id]
    if isinstance(result, pool.Failure):
        return Agreement(cell, False, f"recorded {row['sampled']:.4f}, now it fails: {result}")
    value = result["values"]["sampled"]
    if result["values"]["digest"] == row["digest"]:
        return Agreement(cell, True, f"sampled {value:.4f}, bit for bit")
    both = f"recorded {row['sampled']:.4f}, now {value:.4f}"
    other = [name for name in SAME if row[name] != now[name] or now[name].endswith("+changes")]
    if not other:
        return Agreement(cell, False, f"{both}, on the same commit, versions and hardware: expected the same bits")
    low, high, which = _interval(planned, cell, row)
    where = "within" if low <= value <= high else "outside"
    return Agreement(cell, where == "within", f"{both}, {where} [{low:.4f}, {high:.4f}] ({which}); "
                                              f"other {' and '.join(other)}")


def _interval(planned: Plan, cell: Cell, row: dict[str, Any]) -> tuple[float, float, str]:
    rows = [planned.record.rows.get(other.id, {}) for other in planned.cells if other.place == cell.place]
    values = np.array([other["sampled"] for other in rows if other.get("status") == DONE])
    if len(values) < 3:
        return row["sampled_low"], row["sampled_high"], "the cell's 95 % interval over prompts"
    low, high = prediction_interval(values)
    return low, high, f"95 % prediction interval of {len(values)} recorded seeds"
