"""The record of a sweep: a journal that survives anything, and the tables that are made from it.

A folder holds

- `cells.jsonl`, or `cells-I-of-N.jsonl` of a shard: a line a cell, appended and flushed to the disk when it ends;
- `runs.csv`: the tidy table, a row a cell, every digit kept; `made` stands for what made it;
- `history.csv.xz`: every metric of every batch, four digits, a column a cell;
- `record.json`: format, sweep, defaults, and what made the cells (command, commit, versions, hardware, date).

The tables are what a repository keeps; the journal is what a run goes on from. Folders of several machines are joined
by copying their journals into one. A folder is one sweep's; cells in its tables that the sweep no longer declares (a
method of one's own, given once) stay there, after the others.
"""

from __future__ import annotations

import csv
import json
import lzma
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trlib.errors import TrlibError
from trlib.lab import tables
from trlib.lab.tables import DONE, FIRST_HISTORY, HISTORY, RUNS, History, Row

if TYPE_CHECKING:
    import pandas as pd

    from trlib.lab.cells import Cell

FORMAT, LINES = 2, 1
"""Of the tables and of a journal; another one is refused. Tables of format 1 are read too, and written as format 2."""
RECORDS = Path(__file__).parent / "records"
"""The records that ship with the package, a folder a sweep."""


class RecordError(TrlibError):
    """A record that cannot be written, is damaged, or was made by another version."""


@dataclass
class Record:
    """Cells by id: rows of `runs.csv`, and histories by metric."""

    rows: dict[str, Row] = field(default_factory=dict)
    histories: dict[str, History] = field(default_factory=dict)

    def done(self, cell: Cell) -> bool:
        """Whether the cell need not be run."""
        return self.rows.get(cell.id, {}).get("status") == DONE

    def add(self, row: Row, history: History | None) -> None:
        """Take a row in; one that failed never replaces one that is done."""
        if self.rows.get(row["cell"], {}).get("status") == DONE and row["status"] != DONE:
            return
        self.rows[row["cell"]] = row
        if history:
            self.histories[row["cell"]] = history

    def update(self, other: Record) -> None:
        """Take every cell of another record in."""
        for key, row in other.rows.items():
            self.add(row, other.histories.get(key))

    def runs(self, cells: Sequence[Cell] | None = None) -> pd.DataFrame:
        """The tidy table of these cells (None: of all), in their order; what has not been run is not in it.

        Labels and axes are the declaration's of today: they are no part of what decides a cell.
        """
        import pandas as pd

        if cells is None:
            return pd.DataFrame(list(self.rows.values()))
        rows = [{**self.rows[cell.id], **declaration(cell)} for cell in cells if cell.id in self.rows]
        frame = pd.DataFrame(rows)
        return frame[order(frame.columns, cells)] if len(frame) else frame

    def history(self, keys: Iterable[str]) -> pd.DataFrame:
        """A row a cell and batch."""
        import pandas as pd

        parts = [pd.DataFrame(self.histories[key]).rename_axis("batch").reset_index().assign(cell=key)
                 for key in keys if key in self.histories]
        frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"cell": [], "batch": []})
        return frame[["cell", "batch", *(name for name in frame.columns if name not in ("cell", "batch"))]]


def declaration(cell: Cell) -> dict[str, Any]:
    """The columns that say which cell a row is."""
    from trlib.lab.cells import plain

    method = cell.method if ":" not in cell.method else Path(cell.method).name
    return {"cell": cell.id, "sweep": cell.sweep, "label": cell.label, **cell.axes, "seed": cell.seed,
            "method": method, "settings": json.dumps(plain(cell.settings)), "train": json.dumps(plain(cell.train)),
            "task": json.dumps(plain({"name": cell.task, **cell.knobs})), "steps": cell.steps}


def order(columns: Iterable[str], cells: Sequence[Cell]) -> list[str]:
    """Columns: which cell, what became of it, what it measured, what made it."""
    from trlib.lab.cells import MEASURES

    first = [*declaration(cells[0]), "status", *MEASURES, "sampled_low", "sampled_high"]
    present = list(columns)
    return [*(c for c in first if c in present), *(c for c in present if c not in first)]


# -- reading -----------------------------------------------------------------------------------------------------------

def recorded(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Runs of a sweep that ships with the package, a row a cell, and their histories, a row a cell and batch.

    Raises:
        RecordError: there is none, or it was made in another format.
    """
    folder = RECORDS / name
    if not (folder / "runs.csv").is_file():
        known = sorted(path.parent.name for path in RECORDS.glob("*/runs.csv"))
        raise RecordError(f"record: expected one of {', '.join(known) or 'none yet'}, got {name!r}; "
                          f"`trlib sweep {name}` makes it")
    record = load(folder)
    runs = record.runs()
    named = runs[[c for c in runs.columns[:runs.columns.get_loc("seed") + 1] if c != "sweep"]]
    return runs, record.history(record.rows).merge(named, on="cell")


def load(folder: Path, defaults: dict[str, Any] | None = None) -> Record:
    """Everything a folder holds: its tables, then its journals.

    Args:
        defaults: those of today, to be compared with those that the record was made with (None: not compared).

    Raises:
        RecordError: a damaged file, another format, or a default that has changed since.
    """
    record = _tables(folder, defaults)
    record.update(journaled(folder, defaults))
    return record


def journaled(folder: Path, defaults: dict[str, Any] | None = None) -> Record:
    """What a folder's journals hold; arguments and errors as of `load`."""
    record = Record()
    for path in sorted(folder.glob("cells*.jsonl")):
        # A line without its end is being written, or was when the process died: no cell yet.
        lines = path.read_bytes().split(b"\n")[:-1]
        for number, line in enumerate(lines, 1):
            entry = _json(path, line, number)
            if number == 1:
                _header(path, entry, defaults, number, formats=(LINES,))
            elif not _is_cell(entry):
                raise _damaged(path, "no cell", number)
            else:
                record.add(entry["row"], entry["history"])
    return record


def complete(folder: Path, cells: Sequence[Cell]) -> bool:
    """Whether the folder's tables are of today's format and hold what its journals do of these cells: not so where a
    kill or a full disk came between the last cell and the tables, or where journals of other machines were copied."""
    rows, tabled = journaled(folder).rows, _tables(folder).rows
    return not (folder / FIRST_HISTORY).is_file() and all(
        tabled.get(cell.id, {}).get("digest", "") == rows[cell.id].get("digest", "")
        for cell in cells if cell.id in rows and rows[cell.id]["status"] == DONE)


def _tables(folder: Path, defaults: dict[str, Any] | None = None) -> Record:
    """What a folder's tables hold; without `runs.csv`, which is written after the others, nothing."""
    path, record = folder / RUNS, Record()
    if not path.is_file():
        return record
    header = folder / "record.json"
    if not header.is_file():
        raise _damaged(header, "no such file, beside a table of runs")
    found = _json(header, header.read_bytes())
    _header(header, found, defaults)
    try:
        record.rows = tables.read_runs(path, found.get("made", {}))
        path = folder / HISTORY if (folder / HISTORY).is_file() else folder / FIRST_HISTORY
        record.histories = tables.read_histories(path)
    except (OSError, ValueError, KeyError, EOFError, lzma.LZMAError, csv.Error) as error:
        raise _damaged(path, str(error)) from error
    return record


def _is_cell(entry: dict[str, Any]) -> bool:
    row, history = entry.get("row"), entry.get("history", 0)
    return (isinstance(row, dict) and {"cell", "status"} <= row.keys()
            and (history is None or isinstance(history, dict))
            and (row["status"] != DONE or isinstance(row.get("sampled"), int | float)))


def _json(path: Path, text: str | bytes, line: int | None = None) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise _damaged(path, str(error), line) from error
    if not isinstance(value, dict):
        raise _damaged(path, f"a {type(value).__name__}", line)
    return value


def _damaged(path: Path, what: str, line: int | None = None) -> RecordError:
    where = "" if line is None else f", line {line}"
    folder = path.parent
    way = "mend it or move it away"
    if path.suffix != ".jsonl" and list(folder.glob("cells*.jsonl")):
        way = f"mend it, or remove {str(folder / RUNS)!r}: then the tables are made again from the journal"
    return RecordError(f"record: expected a whole record in {str(path)!r}{where}, got a damaged one ({what}); {way}")


def _header(path: Path, found: dict[str, Any], defaults: dict[str, Any] | None, line: int | None = None, *,
            formats: Sequence[int] = (FORMAT, 1)) -> None:
    """Check that a record can be read, and that today's defaults are the ones that its cells were run with."""
    if found.get("format") not in formats:
        raise RecordError(f"record: {str(path)!r} is of another version of the package: expected format {formats[0]}, "
                          f"got {found.get('format')!r}; it is left as it is: read it with that version, or move it "
                          f"away")
    for part in ("defaults", "made"):
        held = found.get(part, {})
        if not isinstance(held, dict) or not all(isinstance(one, dict) for one in held.values()):
            raise _damaged(path, f"{part} of {type(held).__name__}", line)
    for section, was in found.get("defaults", {}).items():
        now = (defaults or {}).get(section, {})
        for name in sorted(was.keys() & now.keys()):
            if was[name] != now[name]:
                raise RecordError(f"record: {str(path)!r} was made by a version of the package whose default of "
                                  f"{section.split()[-1]} {name} was {was[name]!r}; now it is {now[name]!r}, so its "
                                  f"cells are not those of the sweep; move it away, or give another --out")


# -- writing -----------------------------------------------------------------------------------------------------------

def save_tables(folder: Path, record: Record, cells: Sequence[Cell], defaults: dict[str, Any]) -> None:
    """Write the three tables, each all or nothing.

    Raises:
        CheckpointError: they cannot be written; the journal is intact.
    """
    import pandas as pd

    from trlib.model.folders import write

    runs, declared = record.runs(cells), {cell.id for cell in cells}
    others = [row for key, row in record.rows.items() if key not in declared]
    if others:
        runs = pd.concat([runs, pd.DataFrame(others)], ignore_index=True)
    runs, made = tables.without_circumstances(runs)
    path = folder / "record.json"
    before = _json(path, path.read_bytes()).get("made", {}) if path.is_file() else {}
    header = {"format": FORMAT, "sweep": cells[0].sweep, "defaults": defaults}
    # Whatever a kill leaves can be read: until the runs are written, the header knows what made the old ones too.
    write(path, json.dumps({**header, "made": {**before, **made}}, indent=1) + "\n")
    write(folder / HISTORY, tables.packed(record.histories, runs["cell"] if len(runs) else ()))
    write(folder / RUNS, runs.to_csv(index=False))
    write(path, json.dumps({**header, "made": made}, indent=1) + "\n")
    (folder / FIRST_HISTORY).unlink(missing_ok=True)


def _of_sweep(folder: Path, sweep: str) -> None:
    """Refuse a folder that holds another sweep's cells: its tables would be written over."""
    for path in (folder / "record.json", *sorted(folder.glob("cells*.jsonl"))):
        if not path.is_file():
            continue
        with path.open("rb") as file:
            first = file.read() if path.suffix == ".json" else file.readline()
        if not first.endswith(b"\n"):  # being written, or cut short
            continue
        found = _json(path, first).get("sweep", sweep)
        if found != sweep:
            raise RecordError(f"out: expected a folder of sweep {sweep!r} or a new one, got {str(folder)!r}, which "
                              f"holds {found!r}; give another --out")


class Journal:
    """One file to which cells are appended, by one process at a time."""

    def __init__(self, folder: Path, sweep: str, defaults: dict[str, Any], shard: tuple[int, int] = (1, 1)) -> None:
        """Open it for appending, before any work is done.

        Raises:
            RecordError: the folder cannot be made or written to, is another sweep's, or another process writes to the
                journal.
        """
        part, parts = shard
        _of_sweep(folder, sweep)
        self.path = folder / ("cells.jsonl" if parts == 1 else f"cells-{part}-of-{parts}.jsonl")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise RecordError(f"out: cannot write to {str(self.path)!r}: {error.strerror or error}") from error
        try:
            self._lock()
            content = self.path.read_bytes()
            whole = content.rfind(b"\n") + 1
            os.ftruncate(self._file, whole)  # the line that a killed process was writing
            if not whole:
                self.append({"format": LINES, "sweep": sweep, "defaults": defaults})
        except BaseException:
            self.close()
            raise

    def append(self, entry: dict[str, Any]) -> None:
        """Add a line and wait until the disk has it.

        Raises:
            RecordError: it cannot be written (a full disk); the lines before it are intact.
        """
        data, size = json.dumps(entry).encode() + b"\n", os.fstat(self._file).st_size
        try:
            written = 0
            while written < len(data):
                written += os.write(self._file, data[written:])
            os.fsync(self._file)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, size)
            raise RecordError(f"out: cannot write to {str(self.path)!r}: {error.strerror or error}; the cells that "
                              f"were finished before are kept: make room and run the same command again") from error

    def close(self) -> None:
        """Give the file free."""
        os.close(self._file)

    def _lock(self) -> None:
        import fcntl

        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RecordError(f"out: another process is running this sweep into {str(self.path)!r}; expected one at a "
                              f"time: wait for it, or give another --out or --shard") from error
