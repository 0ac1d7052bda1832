"""Figures by name, and making one again: the same bytes from the same cells, and a record that was
edited is found."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.by_day import by_day
from tests.typed import typed
from trlab import record
from trlab.cell import MEASURES
from trlab.cells import cells
from trlab.drawing import figure_registry
from trlab.drawing.display_names import called
from trlab.drawing.figure_registry import FIGURES, Figure, figure
from trlab.drawing.recorded import draw
from trlab.findings import finished
from trlab.measures import DERIVED
from trlab.record import RECORDS, RecordError, recorded
from trlab.runner import conduct, plan
from trlab.sweep import load_sweep
from trlib.loop.metrics import METRICS

TINY = Figure("tiny.py", "intervals", "Two methods used once.", at={"updates": "1"})


@pytest.mark.parametrize(
    "name", by_day(FIGURES, *[*FIGURES][:4], reason="figures of older records")
)
def test_every_figure_shows_a_part_of_a_declared_sweep(name):
    one = FIGURES[name]
    try:
        sweep = load_sweep(one.sweep)
    except RecordError:
        pytest.skip("it stands on a record that has not been made")
    axes = {axis.name: [label for label, _ in axis.points()] for axis in sweep.axes}
    assert all(point in axes[axis] for axis, point in one.at.items())
    left = {axis for axis, points in axes.items() if axis not in one.at and len(points) > 1}
    over_rates = {"lr"} if one.kind in ("rates", "basin", "basins", "speed", "edges") else set()
    if one.kind in (
        "against",
        "crossed",
    ):  # its lines join an axis; a measure is drawn to the right
        assert (
            (left <= {"lr"} if one.kind == "against" else len(left) == 1)
            and one.along in {**MEASURES, **DERIVED}
            and all(map(load_sweep, one.beside))
        )
    else:
        assert left == over_rates | ({one.along} if one.along else set()), (
            "every axis is drawn, or fixed"
        )
    assert one.measure in (
        {**METRICS} if one.kind in ("history", "matched") else {**MEASURES, **DERIVED}
    )
    assert {*one.only, *([one.control] if one.control else [])} <= {
        variant.name for variant in sweep.variants
    }
    shown = one.cells(cells(sweep))
    assert shown and len(shown) % len(sweep.seeds) == 0


DRAWN = [name for name, one in FIGURES.items() if one.sweep in ("stale", "diversity")]


@pytest.mark.parametrize("name", by_day(DRAWN, DRAWN[0], reason="draws a figure for each"))
def test_a_figure_is_drawn_from_its_record(name):
    one = FIGURES[name]
    runs, history = recorded(one.sweep)
    drawing = draw(one, load_sweep(one.sweep), runs, history)
    labels = one.only or list(finished(one.of(runs))["label"].unique())
    assert all(f"{called(label)} " in drawing.alt for label in labels) and drawing.svg().startswith(
        "<svg"
    )
    with pytest.raises(
        ValueError, match=f"runs: expected finished runs of the sweep '{one.sweep}'"
    ):
        draw(one, load_sweep(one.sweep), runs.assign(status="failed"), history)


def test_a_figure_that_does_not_exist_is_named_with_the_nearest(capsys):
    with pytest.raises(
        ValueError,
        match=r"figure: expected one of .* got 'best-take-of'; did you mean 'best-take-off'",
    ):
        figure("best-take-of")
    assert typed("remake staleness") == 1 and "did you mean 'stale'" in capsys.readouterr().err
    assert typed("remake stale --cells 0") == 1
    assert "--cells: expected 1 or more, got 0" in capsys.readouterr().err
    assert typed("remake") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(FIGURES) and any(
        line.startswith("stale ") and " recorded " in line for line in lines
    )


@pytest.fixture
def desk(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a recorded sweep of four cells, of which a figure shows two."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(figure_registry.FIGURES, "tiny", TINY)
    monkeypatch.setattr(record, "RECORDS", tmp_path / "records")
    conduct(
        plan(load_sweep("tiny.py"), out=tmp_path / "records" / "tiny", remake=True),
        workers=0,
        say=print,
    )
    return tmp_path


@pytest.mark.nightly("runs a sweep again")
def test_a_small_figure_is_made_again_and_compared(desk, capsys):
    command = "remake tiny --workers 0 --quiet --json"
    assert typed(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["cells"], found["agree"], found["of"]) == (2, 2, 2)
    assert {one["cell"] for one in found["compared"]} == {
        "ppo, updates 1, seed 0",
        "wide, updates 1, seed 0",
    }
    assert all(one["text"].endswith("bit for bit") for one in found["compared"])
    fresh, old = (Path(path).read_text(encoding="utf-8") for path in found["drawn"])
    assert fresh == old and "wide" in fresh and found["shows"] in fresh
    assert Path(found["drawn"][1]) == Path("figures/tiny/tiny-recorded.svg")
    # A record that somebody has edited.
    table = desk / "records" / "tiny" / "runs.csv.xz"
    for journal in (desk / "records" / "tiny").glob("cells*"):
        journal.unlink()
    rows = pd.read_csv(table, dtype=str, keep_default_na=False)
    rows.loc[rows["label"] == "wide", "greedy"] = "0.9375"
    rows.to_csv(table, index=False)
    assert typed("remake tiny --workers 0 --quiet") == 1, "made already: only compared"
    said = capsys.readouterr().out
    assert (
        "differs  wide, updates 1, seed 0: the record was edited: the digest is the run's, and "
        "not greedy" in said
    )
    assert "1 of 2 cells agree with the record" in said


@pytest.mark.nightly("makes a figure three times")
def test_a_part_and_the_smallest_size(desk, capsys):
    assert typed("remake tiny --cells 1 --workers 0 --quiet --out one") == 0
    assert capsys.readouterr().out.splitlines() == [
        "drawn: one/tiny.svg and one/tiny-recorded.svg",
        "1 of 1 cells agree with the record",
    ]
    assert typed("remake tiny --smoke --workers 0 --quiet --out small") == 0
    assert capsys.readouterr().out.splitlines() == [
        "drawn: small/tiny.svg",
        "nothing of this size is recorded: there is nothing to compare with",
    ]


@pytest.mark.nightly("trains a recorded cell at its size")
def test_a_cell_of_a_shipped_figure_agrees_with_the_record(tmp_path, capsys):
    assert (RECORDS / "dial_methods" / "runs.csv.xz").is_file()
    assert typed(f"remake methods --cells 1 --workers 0 --quiet --out {tmp_path}") == 0
    assert "1 of 1 cells agree with the record" in capsys.readouterr().out
