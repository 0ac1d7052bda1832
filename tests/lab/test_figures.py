"""Figures of recorded sweeps, by name."""

import pytest

from tests.by_day import by_day
from tests.losses import refused
from trlab.cell import MEASURES
from trlab.cells import cells
from trlab.drawing.display_names import display_name
from trlab.drawing.figure_registry import FIGURES, figure
from trlab.drawing.recorded import draw
from trlab.findings import finished
from trlab.measures import DERIVED
from trlab.record import RecordError, recorded
from trlab.sweep import load_sweep
from trlib.loop.metrics import METRICS


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
    over_rates = {"lr"} if one.kind in ("rates",) else set()
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
    shown = [
        cell
        for cell in cells(sweep)
        if all(str(cell.axes[axis]) == point for axis, point in one.at.items())
        and cell.label in (one.only or [cell.label])
    ]
    assert shown and len(shown) % len(sweep.seeds) == 0


DRAWN = [name for name, one in FIGURES.items() if one.sweep in ("diversity", "tuning")]


@pytest.mark.parametrize("name", by_day(DRAWN, DRAWN[0], reason="draws a figure for each"))
def test_a_figure_is_drawn_from_its_record(name):
    one = FIGURES[name]
    runs, history = recorded(one.sweep)
    drawing = draw(one, load_sweep(one.sweep), runs, history)
    labels = one.only or list(finished(one.of(runs))["label"].unique())
    assert all(
        f"{display_name(label)} " in drawing.alt for label in labels
    ) and drawing.svg().startswith("<svg")
    refused(
        f"runs: expected finished runs of the sweep '{one.sweep}'",
        draw,
        one,
        load_sweep(one.sweep),
        runs.assign(status="failed"),
        history,
    )


def test_a_figure_that_does_not_exist_is_named_with_the_nearest():
    refused(
        r"figure: expected one of .* got 'best-take-of'; did you mean 'best-take-off'",
        figure,
        "best-take-of",
    )
