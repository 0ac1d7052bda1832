"""Taking the record of a sweep that has been run into the folder of a question:

    python -m trlab.take_in NAME FOLDER QUESTION [--history]

FOLDER is what `trlib sweep NAME --out FOLDER` made. From then on
the sweep is read from its question's folder, and its module may go.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from trlab import files, questions, sweep
from trlab.cell_id import defaults
from trlab.cells import cells
from trlab.measures import derive
from trlab.questions import DECLARED, FORMAT
from trlab.record import HEADER, load
from trlab.rows import Record
from trlab.sweep import as_data
from trlib.model.folders import write


def take_in(
    question: str, taken: Mapping[str, tuple[Record, Mapping[str, Any]]], drawn: Collection[str]
) -> Path:
    """Add records of sweeps to the folder of a question, in place of what it held of them.

    Args:
        taken: by the name of a sweep, its record, whole and with its histories (the measures that
            follow from them become columns), and the defaults that it was run with.
        drawn: the sweeps whose histories are kept.
    """
    folder = questions.RECORDS / question
    path, batches = folder / DECLARED, folder / files.HISTORY
    stored = questions.held(path) if path.is_file() else {"sweeps": {}}
    rows = files.read_runs(folder / files.RUNS, stored["made"]) if stored["sweeps"] else {}
    old = files.read_histories(batches) if batches.is_file() else {}
    histories = {
        key: old[key] for name in rows if name not in taken for key in rows[name] if key in old
    }
    entries = {**stored["sweeps"]}
    for name, (record, held) in taken.items():
        asked = sweep.load_sweep(name)
        runs = derive(record.runs(), record.history(record.rows), asked.every)
        measured = [column for column in runs if column in files.numbers()]
        values = runs[measured].to_dict("records")
        rows[name] = {
            key: {**row, "sweep": name, **more}
            for (key, row), more in zip(record.rows.items(), values, strict=True)
        }
        if name in drawn:
            histories.update(record.histories)
        entries[name] = {"declared": as_data(asked), "defaults": dict(held)}
    table, made = files.as_table(rows)
    folder.mkdir(parents=True, exist_ok=True)
    if histories:
        write(batches, files.packed(histories, histories))
    else:
        batches.unlink(missing_ok=True)
    write(folder / files.RUNS, files.compressed(table))
    text = {"format": FORMAT, "made": made, "sweeps": entries}
    write(path, json.dumps(text, indent=1, ensure_ascii=False) + "\n")
    return folder


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m trlab.take_in",
        description="Take a sweep's record into a question's folder.",
    )
    parser.add_argument("name", help="of the sweep")
    parser.add_argument("folder", type=Path, help="what `trlib sweep NAME --out FOLDER` made")
    parser.add_argument("question", help="the name of a folder of trlab/records, new or not")
    parser.add_argument(
        "--history", action="store_true", help="keep it batch by batch: it is drawn"
    )
    given = parser.parse_args(argv)
    whole = cells(sweep.load_sweep(given.name))
    record = load(given.folder, defaults(whole), sweep=given.name)
    # Of its folder, not today's: a setting that is newer than the runs had no default then.
    then = json.loads((given.folder / HEADER).read_bytes())["defaults"]
    record.rows = {cell.id: record.rows[cell.id] for cell in whole if cell.id in record.rows}
    drawn = [given.name] if given.history else []
    found = take_in(given.question, {given.name: (record, then)}, drawn)
    missing = sum(not record.done(cell) for cell in whole)
    print(f"{found}: {len(record.rows)} runs of {given.name}, {missing} missing")
    return 0


if __name__ == "__main__":
    sys.exit(main())
