"""The basin over learning rates: pieces of curves by hand, whole sweeps, and predictions about
them."""

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.lab.records import runs_of
from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.basin import basins, over_rates, piece
from trlab.cells import cells
from trlab.verdicts import judge

RATES = [1e-5, 1e-4, 1e-3]


def table(curves, seeds=12, noise=0.001):
    rng = np.random.default_rng(0)
    ends = {
        (label, f"{rate:g}"): end + noise * rng.normal(size=seeds)
        for label, curve in curves.items()
        for rate, end in zip(RATES, curve, strict=True)
    }
    return runs_of(ends, "lr")


@pytest.mark.parametrize(
    ("ends", "low", "high", "open_low", "open_high"),
    [
        ([0.7, 0.7, 0.7], 1e-5, 1e-3, True, True),  # on the line is above it
        ([0.9, 0.5, 0.8], 1e-5, 10**-4.5, True, False),  # a second piece does not count
    ],
)
def test_a_piece_by_hand(ends, low, high, open_low, open_high):
    found = piece(RATES, ends, 0.7)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert (found.open_low, found.open_high) == (open_low, open_high)


def test_the_basins_of_a_sweep():
    wide, narrow, low = basins(
        table({"wide": [0.9, 0.9, 0.8], "narrow": [0.9, 0.6, 0.1], "low": [0.3, 0.3, 0.3]})
    )
    assert wide.width.value == pytest.approx(1.5, abs=0.03) and narrow.width.value == pytest.approx(
        1 / 6, abs=0.01
    )
    assert (
        wide.piece.open_low
        and not wide.piece.open_high
        and wide.width.low <= wide.width.value <= wide.width.high
    )
    assert narrow.best_rate == 1e-5 and narrow.best_is_edge and narrow.tenfold is not None
    assert narrow.tenfold.value == pytest.approx(0.6, abs=0.01) and narrow.worst < narrow.best.value
    assert low.width.value == 0 and math.isnan(low.piece.low), (
        "what never reaches the line has no basin"
    )


def test_a_seed_that_is_missing_at_a_rate_is_refused():
    with pytest.raises(ValueError, match="runs: expected every seed of 'a' at every rate, got 35"):
        basins(table({"a": [0.9, 0.8, 0.7]}).iloc[1:])


SWEEP = Sweep(
    text="",
    variants=[Variant("ppo"), Variant("pg_is")],
    axes=[Axis("lr", RATES)],
    seeds=range(12),
    budget=Budget(steps=1, common=1),
    predictions=[
        Prediction("a clip widens the basin", higher="ppo", lower="pg_is", measure="basin_width"),
        Prediction(
            "and is worth something at ten times the rate",
            higher="ppo",
            lower="pg_is",
            measure="tenfold",
        ),
        Prediction("and ends later", higher="ppo", lower=-4.0, measure="basin_high"),
    ],
)


def test_a_prediction_about_the_whole_curve():
    runs = table({"ppo": [0.9, 0.9, 0.5], "pg_is": [0.9, 0.5, 0.1]})
    width, ten, high = judge(SWEEP, runs)
    assert [one.verdict for one in (width, ten, high)] == ["reproduced"] * 3
    assert width.difference is not None and width.difference.value == pytest.approx(1, abs=0.01)
    missing = judge(SWEEP, runs.iloc[1:])
    assert {one.verdict for one in missing} == {"not measured"}, "a curve with a hole has no width"


def test_each_seed_has_a_curve_of_its_own():
    runs = table({"ppo": [0.9, 0.9, 0.5], "pg_is": [0.9, 0.5, 0.1]}, noise=0)
    runs.loc[
        (runs["label"] == "ppo") & (runs["lr"] == "0.0001") & (runs["seed"] == 3), "sampled"
    ] = 0.1
    sweep, rows = over_rates(SWEEP, runs, "basin_width")
    widths = rows[rows["label"] == "ppo"].set_index("seed")["basin_width"]
    assert (
        widths[3] == pytest.approx(0.05 / 0.8)
        and widths[0] == pytest.approx(1 + 0.05 / 0.4)
        and not sweep.axes
    )


def test_a_measure_of_the_whole_curve_has_no_point_of_it():
    for at, axes in (({"lr": "1e-05"}, SWEEP.axes), ({}, ())):
        claim = replace(SWEEP.predictions[0], at=at)
        with pytest.raises(ValueError, match="expected an axis 'lr' and no point of it in `at`"):
            cells(replace(SWEEP, axes=axes, predictions=[claim]))


def test_a_verdict_beyond_which_the_grid_ended_says_edge():
    runs = table({"ppo": [0.8, 0.9, 0.89], "pg_is": [0.5, 0.9, 0.5]})
    width, ten, high = judge(SWEEP, runs)
    assert (width.edge, high.edge) == (True, True) and not ten.edge, (
        "PPO's basin had not ended, both best rates lie inside"
    )
    assert width.plain()[0] == "as predicted at the edge of what was tried"
    closed = judge(SWEEP, table({"ppo": [0.5, 0.9, 0.8], "pg_is": [0.5, 0.9, 0.5]}))
    assert not any(one.edge for one in closed)
