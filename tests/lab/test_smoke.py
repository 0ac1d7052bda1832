"""Every declared sweep at its smallest size: each variant and point of its axes trains, and says
the same twice.

`make test` runs one cell for each axis that there is, `make nightly` every variant and point of
every sweep.
"""

import math
from dataclasses import replace

import pytest

from tests.by_day import by_day
from tests.lab.records import sweeps
from trlab.cells import cells
from trlab.run_cell import run
from trlib.errors import MissingExtra
from trlib.model.gguf import PACKAGED, in_package

AXES = {axis.name: name for name, sweep in sweeps().items() for axis in sweep.axes}
"""A sweep that has the axis."""


LARGE = [name for name, sweep in sweeps().items() if sweep.policy in PACKAGED]


def trains(cell):
    done = run(cell)
    assert 0 <= done["values"]["sampled"] <= 1, cell
    assert all(len(column) == cell.steps for column in done["history"].values()), cell
    assert all(0 <= reward <= 1 or math.isnan(reward) for reward in done["history"]["reward"]), cell
    return done["values"]["digest"]


@pytest.mark.parametrize(
    "axis",
    by_day(
        AXES,
        "lr",
        "moves",
        "parts",
        "minibatches",
        "sampler",
        reason="a training for each",
    ),
)
def test_a_point_of_every_axis_runs(axis):
    found = cells(sweeps()[AXES[axis]].smoke())
    trains(next(cell for cell in found if cell.axes[axis] == found[-1].axes[axis]))


@pytest.mark.parametrize(
    "name",
    by_day(LARGE, "real_completions", later=["real_methods"], reason="a training for each"),
)
def test_a_sweep_of_a_large_model_runs_on_a_small_random_one(name, folder):
    small = replace(sweeps()[name].smoke(), policy=str(folder), task="dial", knobs={})
    found = cells(small)
    for cell in found[-len(small.variants) :]:
        assert cell.load == small.load and cell.aside == small.aside
        trains(cell)


@pytest.mark.nightly("hundreds of short runs; by day each axis has one")
@pytest.mark.parametrize("name", sweeps())
def test_each_variant_and_each_point_runs(name):
    if (policy := sweeps()[name].policy) in PACKAGED:
        try:
            in_package(policy)
        except MissingExtra as error:
            pytest.skip(str(error))
    found, seen = cells(sweeps()[name].smoke()), set()
    assert trains(found[0]) == trains(found[0])
    for cell in found:
        places = {("variant", cell.label), *cell.axes.items()}
        if not places <= seen:
            trains(cell)
        seen |= places
