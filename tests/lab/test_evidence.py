"""The evidence that ships: whole, and reported on seeds that chose nothing."""

import pytest

from tests.by_day import by_day
from tests.lab.records import sweeps
from trlab import recorded
from trlab.cells import cells
from trlab.files import DONE
from trlab.record import all_recorded, read

TUNING = {name for name, sweep in sweeps().items() if not sweep.predictions}
"""Sweeps that only choose, and maps."""
THIRD = ("basin", "basin_bases", "best", "gallery_best", "refit", "refit_size", "relay_best")


@pytest.mark.parametrize(
    "name",
    by_day(
        all_recorded(),
        "basin",
        later=[*THIRD[1:], "gallery_map", "real"],
        reason="older records, which do not change",
    ),
)
def test_every_declared_cell_is_recorded(name):
    runs = recorded(name)[0].set_index("cell")
    asked = {cell.id: str(cell) for cell in cells(sweeps()[name])}
    so_far = read(name)[0]  # a sweep takes several sittings, in whole seeds
    missing = [str(cell) for cell in cells(so_far) if cell.id not in runs.index]
    extra = [f"{run.label}, seed {run.seed}" for run in runs.itertuples() if run.Index not in asked]
    assert not missing and not extra, f"not recorded: {missing}; not declared: {extra}"
    assert (runs["status"] == DONE).all()
    for column in ("command", "commit", "versions", "hardware", "date"):
        assert runs[column].str.len().min() > 3, column
    provenance = sweeps()[name].provenance
    for commit in runs["commit"].unique():
        assert "changes" not in commit or commit in provenance, "the page says which files ran"


@pytest.mark.parametrize(
    "name", by_day(sorted({*sweeps()} - TUNING), *THIRD, reason="older sweeps")
)
def test_what_is_reported_has_enough_seeds_that_chose_nothing_or_says_why_not(name):
    sweep = sweeps()[name]
    assert len(sweep.seeds) >= 8 or "seeds" in sweep.provenance
    for chose in (sweeps()[one] for one in TUNING):
        assert sweep.task != chose.task or not {*sweep.seeds} & {*chose.seeds}
