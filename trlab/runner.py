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
from trlab.journal import Journal, put
from trlab.provenance import cores, provenance
from trlab.record import complete, load, save_tables, shipped
from trlab.rows import Record, declaration
from trlab.run_cell import run
from trlab.sweep import Sweep
from trlib.loop.stopping import stoppable

if TYPE_CHECKING:
    import pandas as pd

Say = Callable[[str], None]
STOPPING = "stopping when the cells in hand are finished; Ctrl-C again: at once"


@dataclass(frozen=True)
class Plan:
    """A sweep, and what is known about its runs."""

    sweep: Sweep
    cells: list[Cell]
    """All of them, or the shard's."""
    record: Record
    """The shipped record and what the folder holds."""
    out: Path
    shard: tuple[int, int]
    defaults: dict[str, Any]
    remake: bool = False
    """Whether the journals count where the folder's tables hold other numbers."""

    @property
    def missing(self) -> list[Cell]:
        """The cells that are to be run."""
        return [cell for cell in self.cells if not self.record.done(cell)]

    @property
    def command(self) -> str:
        """The command that makes the record, without what names a place on this machine."""
        part = "" if self.shard[1] == 1 else f" --shard {self.shard[0]}/{self.shard[1]}"
        return f"{self.sweep.command(places=False)}{part}"


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


def plan(
    sweep: Sweep, *, out: Path | None = None, shard: tuple[int, int] = (1, 1), remake: bool = False
) -> Plan:
    """Expand and check a sweep, and read what is recorded of it. Nothing is written.

    Args:
        out: the folder of its record; None: `sweeps/NAME` below the current one.
        shard: (I, N), the I-th of N parts, 1 to N.
        remake: do not count what ships with the package as done, nor what tables in the folder
            hold: its journal alone.

    Raises:
        ValueError, TypeError: a sweep that cannot be run; RecordError: a record that cannot be
            read.
    """
    part, parts = shard
    if not 1 <= part <= parts:
        raise ValueError(f"shard: expected I/N with I from 1 to N, got {part}/{parts}")
    whole = cells(sweep)
    known, folder = (
        defaults(whole, sweep.defaults),
        Path("sweeps") / sweep.name if out is None else out,
    )
    command = sweep.command()
    record = load(folder, known, sweep=sweep.name, command=command, tabled=not remake)
    if not remake and (of_package := shipped(sweep.name, known, command=command)):
        of_package.update(record)
        record = of_package
    # By id, which is as good as by chance: each part gets its share of the slow variants.
    mine = {cell.id for cell in sorted(whole, key=lambda cell: cell.id)[part - 1 :: parts]}
    return Plan(
        sweep, [cell for cell in whole if cell.id in mine], record, folder, shard, known, remake
    )


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
        whole = cells(planned.sweep)
        if not complete(planned.out, whole):
            save_tables(planned.out, _with_others(record, planned), whole, planned.defaults)
        return Outcome(record.runs(planned.cells), 0, failed)
    count = min(cores() if workers is None else workers, len(todo))
    progress = _Progress(planned, len(todo), max(1, count), tell)
    journal = Journal(planned.out, planned.sweep.name, planned.defaults, planned.shard)
    try:
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
                put(journal.path, row, history)
                record.add(row, history)
                progress.ended(cell, row, seconds)
            status = stop.status if stop.is_set() and progress.count < len(todo) else 0
        save_tables(
            planned.out, _with_others(record, planned), cells(planned.sweep), planned.defaults
        )
    finally:
        journal.close()
    return Outcome(record.runs(planned.cells), progress.count, failed, status)


def results(
    todo: Sequence[Cell], sweep: Sweep, stop: threading.Event, workers: int
) -> Generator[tuple[Cell, Any, float]]:
    """Every cell with what it came to and the seconds that it took, as `trlab.pool` gives them."""
    if workers == 0:
        return pool.run_here(run, todo, stop, prepare=_prepare)
    seconds = 60 * sweep.budget.minutes
    return pool.run_jobs(run, todo, stop, workers=workers, seconds=seconds, prepare=_prepare)


def _prepare() -> None:
    """Import what every cell needs, which takes seconds that belong to no cell."""
    from trlib.model.policy import load_policy

    for name in ("evaluation", "tasks", "loop.training"):
        import_module(f"trlib.{name}")
    load_policy("dial")  # whatever a cell trains, it imports nearly the same as this does


def _with_others(record: Record, planned: Plan) -> Record:
    """The record with what other shards have meanwhile written into the same folder."""
    both = load(planned.out, planned.defaults, remade=planned.remake)
    both.update(record)
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
