"""Making the data of one figure again, and comparing them with the record that the book draws."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from trlab import record
from trlab.drawing.figure_registry import Figure
from trlab.runner import Outcome, Plan, Say, conduct, plan
from trlab.sweep import Sweep, load_sweep
from trlab.verify import DIFFERS, SAME, Agreement, compare

if TYPE_CHECKING:
    import pandas as pd

    from trlab.cell import Cell


@dataclass(frozen=True)
class Remade:
    """The data of a figure, made again."""

    sweep: Sweep
    outcome: Outcome
    history: pd.DataFrame
    """Of the cells that were made again."""
    recorded: tuple[pd.DataFrame, pd.DataFrame] | None
    """Runs and histories of the same cells as they are recorded; None: none of them is."""
    agreements: list[Agreement]
    """Of each cell that is recorded too."""

    @property
    def agrees(self) -> bool:
        """Whether every cell that can be compared agrees, and some can."""
        return bool(self.agreements) and all(one.agrees for one in self.agreements)


def remake(
    figure: Figure,
    out: Path,
    *,
    cells: int | None = None,
    smoke: bool = False,
    workers: int | None = None,
    say: Say | None = None,
) -> Remade:
    """Run the cells that a figure shows, anew, into a folder, and compare each with the record as
    `trlib sweep --verify` does. A call that was stopped goes on where it ended.

    Args:
        out: the folder; cells that an earlier remake left there count as made.
        cells: only the first of them, this many, seed by seed; None: all that the figure shows.
        smoke: at the smallest size, of which nothing is recorded.

    Raises:
        RecordError: the folder cannot be written, or the record cannot be read; ValueError: no such
            sweep.
    """
    sweep = load_sweep(figure.sweep)
    sweep = sweep.smoke() if smoke else sweep
    fresh, known = plan(sweep, out=out, remake=True), plan(sweep, out=record.RECORDS / sweep.name)
    fresh = replace(fresh, cells=figure.cells(fresh.cells)[:cells])
    outcome = conduct(fresh, workers=workers, say=say)
    both = [
        cell for cell in fresh.cells if known.record.done(cell) and cell.id in fresh.record.rows
    ]
    recorded = (
        (known.record.runs(both), known.record.history(cell.id for cell in both)) if both else None
    )
    return Remade(
        sweep,
        outcome,
        fresh.record.history(cell.id for cell in fresh.cells),
        recorded,
        [_agreement(known, fresh, cell) for cell in both],
    )


def _agreement(known: Plan, fresh: Plan, cell: Cell) -> Agreement:
    """A cell's record beside what it came to."""
    row = fresh.record.rows[cell.id]
    if not fresh.record.done(cell):
        was = known.record.rows[cell.id]["sampled"]
        return Agreement(cell, DIFFERS, f"recorded {was:.4f}, now it fails: {row.get('error', '')}")
    result = {"values": row, "history": fresh.record.histories.get(cell.id, {})}
    return compare(known, cell, result, {name: str(row[name]) for name in SAME})
