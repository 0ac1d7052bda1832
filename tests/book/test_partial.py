"""A record that holds two of its twelve seeds, or one: pages say so, and nothing crashes."""

import math

import pytest

from book.build import quoted, records
from tests.lab.records import STAMPS
from trlab import record
from trlab.drawing.recorded import draw, figures
from trlab.verdicts import predicted

NAME = "completions"


@pytest.mark.parametrize("seeds", [2, 1])
def test_a_page_of_a_sweep_that_has_run_in_part(seeds, monkeypatch):
    runs, history = record.recorded(NAME)
    first = [*record.load_sweep(NAME).seeds][:seeds]
    parts = (part[part["seed"].isin(first)] for part in (runs, history))
    kept = tuple(parts)
    monkeypatch.setattr(record, "recorded", lambda name: kept)
    stamp = next(STAMPS)
    monkeypatch.setattr(record, "stamp", lambda name: stamp)
    sweep, rows, batches = record.read(NAME)
    so_far = f"description of {seeds} of 12 seeds"
    told = quoted.shown(f'{NAME} "64 x 1" over "16 x 1" nats=0.02')
    assert told.endswith(f"{so_far}]") and "nan" not in told
    assert "nan" not in quoted.shown(f'{NAME} "64 x 1" nats=0.02')
    findings = predicted(NAME)
    assert {finding.plain()[0] for finding in findings} == {so_far}
    assert records.over_how_many([(NAME, one) for one in findings]) == [] and records._ends(NAME)
    assert all(math.isnan(finding.corrected) for finding in findings)
    for one in figures().values():
        if one.sweep == NAME:
            assert draw(one, sweep, rows, batches).axes
