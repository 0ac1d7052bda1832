"""The record of a sweep: a file for each cell that has ended, and the tables that are made from them.

What ships with the package lies in the folders of questions (`trlab.questions`). The folder of a sweep
that is run holds

- `record.json`: format, sweep, defaults, and what made the cells (command, commit, versions,
  hardware, date);
- `cells/ID.json`: a cell's row and history, written whole or not at all as it ends, and gone once the
  tables hold all of the sweep;
- `runs.csv.xz`: the tidy table, one row per cell, every digit kept; `made` stands for what made it;
- `history.csv.xz`: every metric of every batch, four digits, one column per cell.

A run goes on from the cells, whatever ended it. Cells of several machines are joined by copying them
into one folder. A folder is one sweep's; cells in its tables that the sweep no longer declares (a method of
one's own, given once) stay there, after the others.
"""

from __future__ import annotations

import json
import lzma
import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trlab import files, questions
from trlab.files import HISTORY, RUNS, History, Row
from trlab.measures import derive
from trlab.rows import Record
from trlab.sweep import Sweep, load_sweep
from trlib.errors import TrlibError
from trlib.model.folders import lock, write

if TYPE_CHECKING:
    import pandas as pd

    from trlab.cell import Cell

FORMAT = 3
"""Of the tables; another one is refused."""
HEADER = "record.json"
CELLS = "cells"
"""The folder of the cells that have ended."""


class RecordError(TrlibError):
    """A record that is damaged, of another sweep, or made by another version."""


# -- reading


def is_recorded(name: str) -> bool:
    """Whether a sweep's record ships with the package."""
    return questions.folder_of(name) is not None


def all_recorded() -> list[str]:
    """The sweeps whose record ships with the package."""
    return questions.all_recorded()


def stamp(name: str) -> int:
    """What changes whenever a record of the package does: a key for what is computed from it. 0:
    there is none."""
    folder = questions.folder_of(name)
    return 0 if folder is None else (folder / RUNS).stat().st_mtime_ns


def read(name: str) -> tuple[Sweep, pd.DataFrame, pd.DataFrame]:
    """A sweep that ships with the package, its runs with every measure that follows from their
    histories, and the histories.

    Raises:
        RecordError: it has no record.
    """
    return _read(name, stamp(name))


@lru_cache(maxsize=128)
def _read(name: str, stamp: int) -> tuple[Sweep, pd.DataFrame, pd.DataFrame]:
    sweep, (runs, history) = load_sweep(name), recorded(name)
    sweep = _so_far(sweep, runs)
    # A seed that the sweep does not declare, or has not run at every place, must not speak for it.
    kept = runs["seed"].isin([*sweep.seeds])
    if not kept.all():
        runs, history = runs[kept], history[history["seed"].isin([*sweep.seeds])]
    return sweep, derive(runs, history, sweep.every), history


def _so_far(sweep: Sweep, runs: pd.DataFrame) -> Sweep:
    """The sweep with the seeds that were run at every place, and the others as `awaited`.

    Raises:
        RecordError: no seed was.
    """
    each = len(sweep.variants) * math.prod(len(axis.points()) for axis in sweep.axes)
    held = runs["seed"].value_counts()
    whole = [seed for seed in sweep.seeds if held.get(seed, 0) >= each]
    if not whole:
        raise RecordError(
            f"record: expected all {each} runs of at least one of sweep {sweep.name!r}'s seeds, got "
            f"at most {held.max() if len(held) else 0}; `{sweep.command()}` runs the others"
        )
    awaited = [seed for seed in sweep.seeds if seed not in whole]
    return replace(sweep, seeds=whole, awaited=awaited) if awaited else sweep


def recorded(name: str | os.PathLike[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs of a sweep that ships with the package, or of one of your own in a folder, one row per
    cell, and their histories, one row per cell and batch.

    Args:
        name: the sweep's name, or the folder that `trlib sweep` has recorded it into.

    Raises:
        RecordError: there is none, or it was made in another format.
    """
    record = shipped(name) if isinstance(name, str) else None
    if record is None and Path(name).is_dir():
        record = load(Path(name))
    if record is None:
        known = ", ".join(all_recorded()) or "none yet"
        raise RecordError(
            f"record: expected a folder that holds a record, or one of {known}, got {str(name)!r}; "
            f"`trlib sweep {name}` makes it"
        )
    runs = record.runs()
    named = runs[[c for c in runs.columns[: runs.columns.get_loc("seed") + 1] if c != "sweep"]]
    return runs, record.history(record.rows).merge(named, on="cell")


def shipped(
    name: str, defaults: dict[str, Any] | None = None, *, command: str | None = None
) -> Record | None:
    """The record of a sweep of the package, with what is kept of its histories; None: it has none.

    Args:
        defaults, command: as of `load`.

    Raises:
        RecordError: a damaged file, or runs of another version of a method.
    """
    folder = questions.folder_of(name)
    if folder is None:
        return None
    path = folder / RUNS
    header = {"format": FORMAT, "defaults": questions.defaults_of(name)}
    _check(path, header, FORMAT, defaults=defaults, command=command)
    try:
        rows = _question(path, path.stat().st_mtime_ns)[name]
        path = folder / HISTORY
        kept = _histories(path, path.stat().st_mtime_ns) if path.is_file() else {}
    except (OSError, ValueError, KeyError, EOFError, lzma.LZMAError) as error:
        raise _damaged(path, str(error)) from error
    return Record({**rows}, {key: kept[key] for key in rows if key in kept})


@lru_cache(maxsize=4)
def _question(path: Path, stamp: int) -> dict[str, dict[str, Row]]:
    """The rows of a question by sweep: several of its sweeps are read one after the other."""
    return files.read_runs(path, questions.held(path.with_name(questions.DECLARED))["made"])


@lru_cache(maxsize=2)
def _histories(path: Path, stamp: int) -> dict[str, files.History]:
    return files.read_histories(path)


def load(
    folder: Path,
    defaults: dict[str, Any] | None = None,
    *,
    sweep: str | None = None,
    command: str | None = None,
    tabled: bool = True,
) -> Record:
    """Everything a folder holds: its tables (where `tabled`) and the cells that have ended since.

    Args:
        defaults: today's, to be compared with those that the record was made with (None: not
            compared).
        sweep: the sweep that it must be a record of (None: any).
        command: the one that runs the sweep, for errors; None: by the name that the record has.

    Raises:
        RecordError: a damaged file, another format, another sweep, or a default that has changed
            since.
    """
    check = partial(_check, defaults=defaults, sweep=sweep, command=command)
    record = _tables(folder, rows=tabled, check=check)
    for path in sorted((folder / CELLS).glob("*.json")):
        saved = _json(path)
        if not isinstance(saved.get("row"), dict) or not {"cell", "status"} <= saved["row"].keys():
            raise _damaged(path, "no row of a cell")
        record.add(saved["row"], saved.get("history"))
    return record


def _check(
    path: Path,
    header: dict[str, Any],
    expected: int,
    *,
    defaults: dict[str, Any] | None = None,
    sweep: str | None = None,
    command: str | None = None,
) -> None:
    """Refuse what cannot be read, is another sweep's, or was run with other defaults or methods
    than today's (as of `load`)."""
    from trlab.cell_id import VERSION

    if header.get("format") != expected:
        raise RecordError(
            f"record: {str(path)!r} is of another version of the package: expected format "
            f"{expected}, got {header.get('format')!r}; it is left as it is: read it with that "
            "version, or move it away"
        )
    for part in ("defaults", "made"):
        held = header.get(part, {})
        if not isinstance(held, dict) or not all(isinstance(one, dict) for one in held.values()):
            raise _damaged(path, f"{part} of {type(held).__name__}")
    if sweep is not None and header.get("sweep", sweep) != sweep:
        raise RecordError(
            f"out: expected a folder of sweep {sweep!r} or a new one, got {str(path.parent)!r}, "
            f"which holds {header['sweep']!r}; give another --out"
        )
    command = command or f"trlib sweep {header.get('sweep', 'NAME')}"
    for section, was in header.get("defaults", {}).items():
        now = (defaults or {}).get(section, {})
        if now and (before := was.get(VERSION, 1)) != (version := now.get(VERSION, 1)):
            raise RecordError(
                f"record: {str(path)!r} holds runs of {section} in version {before!r}; now it is "
                f"{version!r}, so they are not those of the sweep; move the folder away, and "
                f"`{command} --remake` runs them again"
            )
        for name in sorted(was.keys() & now.keys()):
            if was[name] != now[name]:
                raise RecordError(
                    f"record: {str(path)!r} was made by a version of the package whose default of "
                    f"{section.split()[-1]} {name} was {was[name]!r}; now it is {now[name]!r}, so "
                    "its cells are not those of the sweep; move it away, or give another --out"
                )


def _tables(folder: Path, *, rows: bool, check: Callable[..., None]) -> Record:
    """What a folder's tables hold; without `runs.csv.xz`, which is written after the others,
    nothing."""
    path, header, record = folder / RUNS, folder / HEADER, Record()
    if header.is_file():
        content = _json(header)
        check(header, content, FORMAT)
    elif path.is_file() and rows:
        raise _damaged(header, "no such file, beside a table of runs")
    if not path.is_file() or not rows:
        return record
    try:
        for rows_of_sweep in files.read_runs(path, content.get("made", {})).values():
            record.rows |= rows_of_sweep
        path = folder / HISTORY
        record.histories = files.read_histories(path)
    except (OSError, ValueError, KeyError, EOFError, lzma.LZMAError) as error:
        raise _damaged(path, str(error)) from error
    return record


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(value, dict):
        raise _damaged(path, f"a {type(value).__name__}")
    return value


def _damaged(path: Path, what: str) -> RecordError:
    return RecordError(
        f"record: expected a whole record in {str(path)!r}, got a damaged one ({what}); mend it or "
        "move it away"
    )


# -- writing


@contextmanager
def held(folder: Path, sweep: str, defaults: dict[str, Any]) -> Iterator[None]:
    """Inside a `with` block the folder is this process's, to add cells of a sweep to.

    Raises:
        RecordError, CheckpointError: it cannot be written, or another process has it.
    """
    try:
        (folder / CELLS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordError(f"out: cannot write to {str(folder)!r}: {error.strerror}") from error
    with lock(
        folder / ".lock",
        f"out: expected one process at a time to run this into {str(folder)!r} (wait for it, or "
        "give another --out), got a second one",
    ):
        if not (folder / HEADER).is_file():
            write(folder / HEADER, _header(sweep, defaults, {}))
        yield


def put(folder: Path, row: Row, history: History | None) -> None:
    """Add a cell that has ended, or replace what was there of it.

    Raises:
        CheckpointError: it cannot be written (a full disk); the cells before it are intact.
    """
    write(folder / CELLS / f"{row['cell']}.json", json.dumps({"row": row, "history": history}))


def _header(sweep: str, defaults: dict[str, Any], made: dict[str, Any]) -> str:
    header = {"format": FORMAT, "sweep": sweep, "defaults": defaults, "made": made}
    return json.dumps(header, indent=1) + "\n"


def save_tables(
    folder: Path, record: Record, cells: Sequence[Cell], defaults: dict[str, Any]
) -> None:
    """Write the three tables, each all or nothing.

    Raises:
        CheckpointError, RecordError: they cannot be written; the cells are intact.
    """
    import pandas as pd

    runs, declared = record.runs(cells), {cell.id for cell in cells}
    others = [row for key, row in record.rows.items() if key not in declared]
    if others:
        runs = pd.concat([runs, pd.DataFrame(others)], ignore_index=True)
    runs, made = files.without_circumstances(runs)
    path = folder / HEADER
    before = _json(path).get("made", {}) if path.is_file() else {}
    # A kill at any point leaves a readable record: until the runs are written, the header also
    # holds what made the old.
    write(path, _header(cells[0].sweep, defaults, {**before, **made}))
    write(folder / HISTORY, files.packed(record.histories, runs["cell"] if len(runs) else ()))
    write(folder / RUNS, files.compressed(runs.to_csv(index=False)))
    write(path, _header(cells[0].sweep, defaults, made))
    if all(record.done(cell) for cell in cells):
        shutil.rmtree(folder / CELLS, ignore_errors=True)
