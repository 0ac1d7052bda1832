"""The cells of a sweep in memory: rows of its table, and histories."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trlab.files import DONE, History, Row
from trlib.user_files import is_own

if TYPE_CHECKING:
    import pandas as pd

    from trlab.cell import Cell


@dataclass
class Record:
    """Cells by id: rows of `runs.csv.xz`, and histories by metric."""

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
        """The tidy table of these cells (None: of all), in their order; what has not been run is
        not in it.

        Labels and axes are taken from today's declaration: they do not decide what a cell is.
        """
        import pandas as pd

        if cells is None:
            return pd.DataFrame(list(self.rows.values()))
        rows = [
            {**self.rows[cell.id], **declaration(cell)} for cell in cells if cell.id in self.rows
        ]
        frame = pd.DataFrame(rows)
        return frame[order(frame.columns, cells)] if len(frame) else frame

    def history(self, keys: Iterable[str]) -> pd.DataFrame:
        """One row per cell and batch."""
        import pandas as pd

        kept = {key: self.histories[key] for key in keys if key in self.histories}
        batches = [len(next(iter(history.values()), [])) for history in kept.values()]
        names = dict.fromkeys(name for history in kept.values() for name in history)
        # One column at a time: a frame for each cell, joined, takes ten times as long.
        columns = {
            name: np.concatenate(
                [
                    _column(history.get(name), length)
                    for history, length in zip(kept.values(), batches, strict=True)
                ]
            )
            for name in names
        }
        if not kept:
            return pd.DataFrame({"cell": [], "batch": []})
        of_batches = np.concatenate([np.arange(length) for length in batches])
        return pd.DataFrame({"cell": np.repeat(list(kept), batches), "batch": of_batches} | columns)


def _column(values: Sequence[float | None] | None, length: int) -> np.ndarray:
    """A metric of one cell; NaN where it has none."""
    column = np.full(length, np.nan) if values is None else np.asarray(values)
    return column.astype(float) if column.dtype == object else column


def declaration(cell: Cell) -> dict[str, Any]:
    """The columns that say which cell a row is."""
    from trlab.cell_id import plain

    method, task = (Path(name).name if is_own(name) else name for name in (cell.method, cell.task))
    train = {**cell.train}
    if is_own(str(train.get("optimizer", ""))):
        train["optimizer"] = Path(train["optimizer"]).name
    return {
        "cell": cell.id,
        "sweep": cell.sweep,
        "label": cell.label,
        **cell.axes,
        "seed": cell.seed,
        "method": method,
        "settings": json.dumps(plain(cell.settings)),
        "train": json.dumps(plain(train)),
        "task": json.dumps(
            plain({"name": task, **cell.knobs, **({"load": cell.load} if cell.load else {})})
        ),
        "steps": cell.steps,
    }


def order(columns: Iterable[str], cells: Sequence[Cell]) -> list[str]:
    """Columns: which cell, what became of it, what it measured, what made it."""
    from trlab.cell import MEASURES

    first = [*declaration(cells[0]), "status", *MEASURES, "sampled_low", "sampled_high"]
    present = list(columns)
    return [*(c for c in first if c in present), *(c for c in present if c not in first)]
