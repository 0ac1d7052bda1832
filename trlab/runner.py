"""Running a sweep: cells that are not yet recorded go to the workers, and each is recorded as it
ends."""

from __future__ import annotations

import statistics
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trlab import pool
from trlab.cell import Cell
from trlab.cell_id import defaults
from trlab.cells import cells
from trlab.files import DONE, FAILED
from trlab.provenance import cores, provenance
from trlab.record import CELLS, held, load, put, save_tables, shipped
from trlab.rows import Record, declaration
from trlab.run_cell import run
from trlab.sweep import Sweep
from trlib.loop.saving.stopping import stoppable

if TYPE_CHECKING:
    import pandas as pd

Say = Callable[[str], None]
STOPPING = "stopping when the cells in hand are finished; Ctrl-C again: at once"


@dataclass(frozen=True)
class Plan:
    """A sweep, and what is known about its runs."""

    sweep: Sweep
    cells: list[Cell]
    record: Record
    """The shipped record and what the folder holds."""
    out: Path
    defaults: dict[str, Any]

    @property
    def missing(self) -> list[Cell]:
        """The cells that are to be run."""
        return [cell for cell in self.cells if not self.record.done(cell)]

    @property
    def command(self) -> str:
        """The command that makes the record, without what names a place on this machine."""
        return self.sweep.command(places=False)


@dataclass(frozen=True)
class Outcome:
    """What running a sweep came to."""

    runs: pd.DataFrame
    """The tidy table of all its cells that have been run, now or before."""
    ran: int
    failed: list[tuple[Cell, str]]
    status: int = 0
    """130 or 143 where Ctrl-C or SIGTERM stopped it before its last cell."""

    @property
    def interrupted(self) -> bool:
        return self.status != 0


def plan(sweep: Sweep, *, out: Path | None = None, remake: bool = False) -> Plan:
    """Expand and check a sweep, and read what is recorded of it. Nothing is written.

    Args:
        out: the folder of its record; None: `sweeps/NAME` below the current one.
        remake: do not count what ships with the package as done, nor what tables in the folder
            hold: its cells alone.

    Raises:
        ValueError, TypeError: a sweep that cannot be run; RecordError: a record that cannot be
            read.
    """
    whole = cells(sweep)
    known = defaults(whole, sweep.defaults)
    folder = Path("sweeps") / sweep.name if out is None else out
    command = sweep.command()
    record = load(folder, known, sweep=sweep.name, command=command, tabled=not remake)
    of_package = None if remake else shipped(sweep.name, known, command=command)
    # A sweep of one's own may have the name of one that ships.
    if of_package is not None and any(of_package.done(cell) for cell in whole):
        of_package.update(record)
        record = of_package
    return Plan(sweep, whole, record, folder, known)


def conduct(planned: Plan, *, workers: int | None = None, say: Say | None = None) -> Outcome:
    """Run what is missing of a sweep, and write its tables.

    The first Ctrl-C or SIGTERM finishes the cells in hand, the second ends at once; either way, and
    after a kill, the same call goes on where this one ended. A cell that fails is reported, and
    tried again by the next call.

    Args:
        workers: processes; None: one per core. 0: this process itself, where nothing stops a cell
            that takes longer than the budget's minutes, and Ctrl-C in the middle of a cell ends it
            as if it had not been begun.
        say: what is called with each line of progress; None: standard error.

    Raises:
        RecordError, CheckpointError: the folder cannot be written (a full disk); finished cells are
            kept.
    """
    tell = _to_stderr if say is None else say
    todo, record = planned.missing, planned.record
    failed: list[tuple[Cell, str]] = []
    if not todo:
        if (planned.out / CELLS).is_dir():  # a kill or a full disk came before the tables
            save_tables(planned.out, _with_others(planned), planned.cells, planned.defaults)
        return Outcome(record.runs(planned.cells), 0, failed)
    count = min(cores() if workers is None else workers, len(todo))
    progress = _Progress(planned, len(todo), max(1, count), tell)
    with held(planned.out, planned.sweep.name, planned.defaults):
        made = provenance(planned.command)
        with (
            stoppable(lambda: tell(STOPPING)) as stop,
            closing(results(todo, planned.sweep, stop, count)) as ended,
        ):
            for cell, result, seconds in ended:
                row: dict[str, Any] = {**declaration(cell), "status": DONE, "error": "", **made}
                history = None
                if isinstance(result, pool.Failure):
                    row.update(status=FAILED, error=str(result))
                    failed.append((cell, str(result)))
                else:
                    row.update(result["values"])
                    history = result["history"]
                put(planned.out, row, history)
                record.add(row, history)
                progress.ended(cell, row, seconds)
            status = stop.status if stop.is_set() and progress.count < len(todo) else 0
        save_tables(planned.out, _with_others(planned), planned.cells, planned.defaults)
    return Outcome(record.runs(planned.cells), progress.count, failed, status)


def results(
    todo: Sequence[Cell], sweep: Sweep, stop: threading.Event, workers: int
) -> Generator[tuple[Cell, Any, float]]:
    """Every cell with what it came to and the seconds that it took, as `trlab.pool` gives them."""
    if workers == 0:
        _prepare()
        return pool.run_here(run, todo, stop)
    seconds = 60 * sweep.budget.minutes
    return pool.run_jobs(run, todo, stop, workers=workers, seconds=seconds, prepare=_prepare)


def _prepare() -> None:
    """Import what every cell needs, which takes seconds that belong to no cell."""
    from trlib.model.policy import load_policy

    for name in ("evaluation", "tasks", "loop.train"):
        import_module(f"trlib.{name}")
    load_policy("dial")  # whatever a cell trains, it imports nearly the same as this does


def _with_others(planned: Plan) -> Record:
    """The record, and cells in the folder's tables that the sweep no longer declares."""
    both = load(planned.out, planned.defaults)
    both.update(planned.record)
    return both


class _Progress:
    """One line per cell, with the time left, estimated from the seconds that cells at the same
    place took, or any cells."""

    def __init__(self, planned: Plan, total: int, workers: int, say: Say) -> None:
        self.total, self.workers, self.say, self.count = total, workers, say, 0
        self.left = {cell.id: cell for cell in planned.missing}
        self.seconds: dict[tuple[str, ...], list[float]] = {}
        recorded = len(planned.cells) - total
        say(
            f"{planned.sweep.name}: {total} cells to run, {recorded} recorded; {workers} at a "
            f"time, into {planned.out}"
        )

    def ended(self, cell: Cell, row: dict[str, Any], seconds: float) -> None:
        self.count += 1
        self.left.pop(cell.id, None)
        if row["status"] == FAILED:
            self.say(f"{self.count:4}/{self.total}  {cell}: failed: {row['error']}")
            return
        self.seconds.setdefault(cell.place, []).append(seconds)
        self.say(
            f"{self.count:4}/{self.total}  {cell}: sampled {row['sampled']:.3f} in {seconds:.1f} "
            f"s; {duration(self.remaining())} left"
        )

    def remaining(self) -> float:
        """Seconds of wall time."""
        known = {place: statistics.fmean(values) for place, values in self.seconds.items()}
        usual = statistics.fmean(known.values())
        return sum(known.get(cell.place, usual) for cell in self.left.values()) / self.workers


def duration(seconds: float) -> str:
    """Seconds as a reader says it: 40 s, 12 min, 2 h 05 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
