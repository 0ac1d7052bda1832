"""Figures of recorded sweeps: each shows a part of a declared sweep, and what is drawn is the record's."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from tests.by_day import by_day
from tests.lab.records import history_of, runs_of
from tests.losses import refused
from trlab import Axis, Budget, Sweep, Variant
from trlab.cell import MEASURES
from trlab.cells import cells
from trlab.drawing.looks import COLOURS, look
from trlab.drawing.recorded import FULL, Figure, draw, figure, figures
from trlab.measures import DERIVED
from trlab.record import read
from trlab.statistics import band, interval, iqm
from trlab.sweep import load_sweep
from trlib.loop.metrics import METRICS

mpl.use("agg")
USES = ("1", "8", "32")
ENDS = {
    (label, uses): [0.9 - 0.02 * i * np.log2(float(uses)) + 0.01 * seed for seed in range(8)]
    for i, label in enumerate(("ppo", "troll", "gspo", "mine", "sapo", "bapo", "cispo"))
    for uses in USES
}


def drawn(kind, labels, **more):
    """A figure of runs that are made here, with the runs."""
    runs = runs_of({key: ends for key, ends in ENDS.items() if key[0] in labels}, "uses")
    runs = runs.assign(start=0.25, kl=runs["sampled"] / 10, spent=1.0, steps=6)
    history = history_of(runs, 6, reward=lambda run, b: 0.25 + run.sampled * b / 5)
    history = history.merge(runs[["cell", "label", "seed", "uses"]], on="cell")
    sweep = Sweep(
        text="",
        variants=[*map(Variant, labels)],
        axes=[Axis("uses", [1, 8, 32])],
        budget=Budget(steps=6),
    )
    shown = Figure(sweep="mine", kind=kind, text="", **more)
    return draw(shown, sweep, runs, history), runs, history


@pytest.mark.parametrize(
    "name",
    by_day(
        figures(),
        "basin-curves",
        "reference-ends",
        later=["completions", "distance-by-batch"],
        reason="figures of older records",
    ),
)
def test_every_figure_shows_a_part_of_a_declared_sweep(name):
    one = figures()[name]
    sweep = load_sweep(one.sweep)
    axes = {axis.name: [label for label, _ in axis.points()] for axis in sweep.axes}
    assert all(point in axes[axis] for axis, point in one.at.items())
    left = {axis for axis, points in axes.items() if axis not in one.at and len(points) > 1}
    known = {**MEASURES, **DERIVED}
    assert left == {*filter(None, [one.along, one.up])}, "every axis is drawn, or fixed"
    column, _, level = one.measure.partition("@")
    assert column in ({**METRICS} if one.kind == "history" or level else known)
    labels = {variant.name for variant in sweep.variants}
    assert {*one.only, *filter(None, [one.control])} <= labels
    shown = [
        cell
        for cell in cells(sweep)
        if all(str(cell.axes[axis]) == point for axis, point in one.at.items())
        and cell.label in (one.only or [cell.label])
    ]
    assert shown and len(shown) % len(sweep.seeds) == 0


def test_a_figure_that_does_not_exist_or_has_no_runs_is_named():
    refused(
        r"figure: expected one of .* got 'best-take-of'; did you mean 'best-take-off'",
        figure,
        "best-take-of",
    )
    one = figure("int4")
    sweep, runs, history = read(one.sweep)
    words = "runs: expected finished runs of the sweep 'noise'"
    refused(words, draw, one, sweep, runs.assign(status="failed"), history)


def test_rows_are_the_statistics_with_every_run_and_where_training_began():
    fig, *_ = drawn("intervals", ["ppo", "mine"], at={"uses": "8"}, called={"mine": "our own"})
    (ax,) = fig.axes
    assert [text.get_text() for text in ax.get_yticklabels()] == ["our own", "PPO"]
    assert [*ax.lines[0].get_xdata()] == [0.25] * 2
    for row, label in enumerate(("mine", "ppo")):
        stroke, ticks, mark = ax.lines[1 + 3 * row : 4 + 3 * row]
        found = interval(ENDS[label, "8"])
        assert [*stroke.get_xdata()] == [found.low, found.high]
        assert [*mark.get_xdata()] == [found.value] and [*ticks.get_xdata()] == ENDS[label, "8"]
        assert mark.get_color() == (look("ppo")["color"] if label == "ppo" else COLOURS[0])


def test_curves_share_a_panel_or_have_one_each_and_a_cross_marks_who_falls_first():
    more = {"along": "uses", "axis": "uses", "control": "ppo", "drop": 0.1}
    fig, *_ = drawn("curves", ["ppo", "troll", "gspo", "mine"], **more)
    (ax,) = fig.axes
    crosses = {
        (line.get_xdata()[0], float(line.get_ydata()[0]))
        for line in ax.lines
        if line.get_marker() == "x"
    }
    assert crosses == {
        (place, iqm(np.array(ENDS[label, uses])))
        for label, place, uses in (("troll", 2, "32"), ("gspo", 1, "8"), ("mine", 1, "8"))
    }
    assert ax.get_legend() and [text.get_text() for text in ax.get_xticklabels()] == [*USES]
    labels = [*dict.fromkeys(label for label, _ in ENDS)]
    fig, *_ = drawn("curves", labels, along="uses", axis="uses")
    assert len(fig.axes) == 7 and fig.axes[3].get_title() == "mine"
    for label, ax in zip(labels, fig.axes, strict=True):
        front = ax.lines[-1]
        assert [*front.get_ydata()] == [iqm(np.array(ENDS[label, uses])) for uses in USES]
        assert len(ax.lines) == 8 and {line.get_color() for line in ax.lines[:7]} == {"gray"}
        assert ax.xaxis.get_tick_params()["labelbottom"] == (ax in fig.axes[3:])


def test_a_history_is_a_band_of_whole_runs_with_a_level():
    fig, runs, history = drawn(
        "history", ["ppo", "troll"], at={"uses": "32"}, measure="reward", line=0.7
    )
    (ax,) = fig.axes
    (line,) = [line for line in ax.lines if line.get_label() == "TROLL"]
    own = history[history["cell"].isin(runs.query("label == 'troll' and uses == '32'")["cell"])]
    middle, low, high = band(own.pivot(index="seed", columns="batch", values="reward").to_numpy())
    assert np.allclose(line.get_ydata(), middle)
    corners = ax.collections[1].get_paths()[0].vertices
    assert {*np.round(low, 9), *np.round(high, 9)} <= {*np.round(corners[:, 1], 9)}
    assert [*ax.lines[1].get_ydata()] == [0.7, 0.7] or [*ax.lines[-1].get_ydata()] == [0.7, 0.7]


def test_a_map_has_a_square_for_every_pair_of_points_and_none_where_no_run_is():
    ends = {
        (label, lag, lr): [0.1 * lag + 100 * lr + 0.01 * seed for seed in range(4)]
        for label in ("ppo", "mine")
        for lag in (0, 1, 2)
        for lr in (1e-4, 1e-3)
        if (label, lag, lr) != ("mine", 1, 1e-3)
    }
    parts = []
    for (label, lag, lr), values in ends.items():
        part = runs_of({(label, f"{lag}"): values}, "lag")
        parts.append(part.assign(lr=f"{lr:g}", cell=part["cell"] + f"{lr:g}", start=0.2, steps=6))
    runs = pd.concat(parts)
    axes = [Axis("lag", (0, 1, 2)), Axis("lr", (1e-4, 1e-3))]
    sweep = Sweep(
        text="", variants=[*map(Variant, ("ppo", "mine"))], axes=axes, budget=Budget(steps=6)
    )
    shown = Figure(
        sweep="map", kind="map", text="", along="lag", axis="age", up="lr", upwards="learning rate"
    )
    fig = draw(shown, sweep, runs, history_of(runs, 6, reward=lambda run, b: 0.5))
    assert [ax.get_title() for ax in fig.axes] == ["PPO", "mine"]
    for label, ax in zip(("ppo", "mine"), fig.axes, strict=True):
        numbers = {(t.get_position(), t.get_text()) for t in ax.texts}
        assert numbers == {
            ((lag + 0.5, (0.73, 1.73)[lr == 1e-3]), f"{iqm(np.array(values)):.2f}")
            for (name, lag, lr), values in ends.items()
            if name == label
        }
        bars = {bar.get_xy(): bar.get_height() for bar in ax.patches}
        assert len(bars) == len(numbers)
        assert bars[0, 0] == pytest.approx(FULL * iqm(np.array(ends[label, 0, 1e-4])))
        lines = {(*line.get_xdata(), *line.get_ydata()) for line in ax.lines}
        assert lines == {(1, 1, 0, 1), (2, 2, 0, 1), (0, 1, 1, 1)}, "none outside of its panel"
    names = [text.get_text() for text in fig.axes[0].get_yticklabels()]
    assert names == ["1e-4", "1e-3"]
    assert shown.alt == "Sampled accuracy over learning rate and age"


def test_rows_in_groups_are_sorted_and_those_that_decide_are_named():
    fig = draw(figure("push"), *read("push"))
    (ax,) = fig.axes
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert len(names) == 23 and names[0] == "no negative weight" and names[10] == "PPO's clip"
    labels = [text.get_text() for text in ax.texts]
    assert labels == ["before training", "0.87 stable", "0.71 in part", "0.00 collapses"]
