"""The record of a sweep: a journal that survives anything, and the tables that are made from it.

What ships with the package lies in the folders of questions (`trlab.questions`). The folder of a sweep
that is run holds

- `cells.sqlite`: the journal (`trlab.journal`), to which each process that runs a part of the sweep
  adds its cells;
- `runs.csv.xz`: the tidy table, one row per cell, every digit kept; `made` stands for what made it;
- `history.csv.xz`: every metric of every batch, four digits, one column per cell;
- `record.json`: format, sweep, defaults, and what made the cells (command, commit, versions,
  hardware, date).

The journal is what a run goes on from. Folders of several
machines are joined by copying their journals into one, under names of their own (`cells-2.sqlite`).
A folder is one sweep's; cells in its tables that the sweep no longer declares (a method of one's
own, given once) stay there, after the others.
"""

from __future__ import annotations

import csv
import json
import lzma
import math
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trlab import files, journal, questions
from trlab.files import DONE, HISTORY, RUNS, Row
from trlab.journal import RecordError
from trlab.measures import derive
from trlab.rows import Record
from trlab.sweep import Sweep, load_sweep

if TYPE_CHECKING:
    import pandas as pd

    from trlab.cell import Cell

FORMAT = 3
"""Of the tables; another one is refused."""
HEADER = "record.json"


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
    return sweep, derive(runs, history), history


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


def recorded(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs of a sweep that ships with the package, one row per cell, and their histories, one row
    per cell and batch.

    Raises:
        RecordError: there is none, or it was made in another format.
    """
    record = shipped(name)
    if record is None:
        known = ", ".join(all_recorded()) or "none yet"
        raise RecordError(
            f"record: expected one of {known}, got {name!r}; `trlib sweep {name}` makes it"
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
    except (OSError, ValueError, KeyError, EOFError, lzma.LZMAError, csv.Error) as error:
        raise _damaged(path, str(error)) from error
    return Record({**rows}, {key: kept[key] for key in rows if key in kept})


@lru_cache(maxsize=4)
def _question(path: Path, stamp: int) -> dict[str, dict[str, Row]]:
    """The rows of a question by sweep: several of its sweeps are read one after the other."""
    return files.by_sweep(path, questions.held(path.with_name(questions.DECLARED))["made"])


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
    histories: bool = True,
    remade: bool = False,
) -> Record:
    """Everything a folder holds: its tables (where `tabled`; without `histories` only that of runs)
    and its journals.

    Args:
        defaults: today's, to be compared with those that the record was made with (None: not
            compared).
        sweep: the sweep that it must be a record of (None: any).
        command: the one that runs the sweep, for errors; None: by the name that the record has.
        remade: the numbers of a journal count where the tables hold others of the same finished
            cell.

    Raises:
        RecordError: a damaged file, another format, another sweep, a default that has changed
            since, or two files that disagree.
    """
    check = partial(_check, defaults=defaults, sweep=sweep, command=command)
    record = _tables(folder, rows=tabled, histories=histories, check=check)
    source = dict.fromkeys(record.rows, folder / RUNS)
    for path in sorted(folder.glob(journal.ALL)):
        part = _journal(path, check)
        for key in [key for key, row in part.rows.items() if _differ(row, record.rows.get(key))]:
            if not remade or source[key].suffix == path.suffix:
                raise _disagreement((source[key], record.rows[key]), (path, part.rows[key]))
        record.update(part)
        source.update(dict.fromkeys(part.rows, path))
    return record


def complete(folder: Path, cells: Sequence[Cell]) -> bool:
    """Whether the folder's tables hold what its journals do of these cells.

    They do not if a kill or a full disk came between the last cell and the tables, or if journals
    of other machines were copied into the folder.
    """
    rows, journaled = _tables(folder).rows, {}
    for path in folder.glob(journal.ALL):
        journaled.update(_journal(path).rows)
    done = [
        journaled[cell.id] for cell in cells if journaled.get(cell.id, {}).get("status") == DONE
    ]
    return all(
        row["cell"] in rows and rows[row["cell"]].get("digest", "") == row.get("digest", "")
        for row in done
    )


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


def _tables(
    folder: Path,
    *,
    rows: bool = True,
    histories: bool = True,
    check: Callable[..., None] = _check,
) -> Record:
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
        record.rows = files.read_runs(path, content.get("made", {}))
        path = folder / HISTORY
        record.histories = files.read_histories(path) if histories else {}
    except (OSError, ValueError, KeyError, EOFError, lzma.LZMAError, csv.Error) as error:
        raise _damaged(path, str(error)) from error
    return record


def _journal(path: Path, check: Callable[..., None] = _check) -> Record:
    record = Record()
    try:
        header, cells = journal.read(path)
    except sqlite3.OperationalError as error:
        raise RecordError(f"record: cannot read {str(path)!r}: {error}") from error
    except (sqlite3.Error, ValueError) as error:
        raise _damaged(path, str(error)) from error
    if header is not None:
        check(path, header, journal.FORMAT)
    for row, history in cells:
        if not isinstance(row, dict) or not {"cell", "status"} <= row.keys():
            raise _damaged(path, f"a cell of {type(row).__name__}")
        record.add(row, history)
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
    way = "mend it or move it away"
    if path.parent.joinpath(journal.NAME).is_file() and path.name != journal.NAME:
        way = (
            f"mend it, or remove {str(path.with_name(RUNS))!r}: then the tables are made again "
            "from the journal"
        )
    return RecordError(
        f"record: expected a whole record in {str(path)!r}, got a damaged one ({what}); {way}"
    )


def _differ(row: Row, other: Row | None) -> bool:
    """Whether two rows of a cell are both of finished runs, and of others."""
    return (
        other is not None
        and row["status"] == other["status"] == DONE
        and row.get("digest") != other.get("digest")
    )


def _disagreement(first: tuple[Path, Row], second: tuple[Path, Row]) -> RecordError:
    newer = max(first, second, key=lambda one: (one[1].get("date", ""), one[0].stat().st_mtime))[0]
    versions = [
        f"{path.name} has {row.get('digest')} (made {row.get('date') or 'at an unknown date'}, "
        f"written {datetime.fromtimestamp(path.stat().st_mtime):%Y-%m-%d %H:%M:%S})"
        for path, row in (first, second)
    ]
    return RecordError(
        f"record: two files in {str(first[0].parent)!r} disagree about a finished cell, "
        f"{first[1]['cell']}: {' and '.join(versions)}; {newer.name} is newer; move one "
        "of them away"
    )


# -- writing


def save_tables(
    folder: Path, record: Record, cells: Sequence[Cell], defaults: dict[str, Any]
) -> None:
    """Write the three tables, each all or nothing.

    Raises:
        CheckpointError, RecordError: they cannot be written; the journal is intact.
    """
    import pandas as pd

    from trlib.model.folders import write

    runs, declared = record.runs(cells), {cell.id for cell in cells}
    others = [row for key, row in record.rows.items() if key not in declared]
    if others:
        runs = pd.concat([runs, pd.DataFrame(others)], ignore_index=True)
    runs, made = files.without_circumstances(runs)
    path = folder / HEADER
    before = _json(path).get("made", {}) if path.is_file() else {}
    header = {"format": FORMAT, "sweep": cells[0].sweep, "defaults": defaults}
    # A kill at any point leaves a readable record: until the runs are written, the header also
    # holds what made the old.
    write(path, json.dumps({**header, "made": {**before, **made}}, indent=1) + "\n")
    write(folder / HISTORY, files.packed(record.histories, runs["cell"] if len(runs) else ()))
    write(folder / RUNS, files.compressed(runs.to_csv(index=False)))
    write(path, json.dumps({**header, "made": made}, indent=1) + "\n")
