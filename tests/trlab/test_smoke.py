"""Every declared sweep at its smallest size: each variant and point of its axes trains, and says the same twice.

`make test` runs the shortest sweep for each axis that there is, `make nightly` the others.
"""

from __future__ import annotations

import math

import pytest

from trlab.cells import cells
from trlab.sweep import declared, load_sweep
from trlab.trial import run

EVERY_TIME = {
    "controls",
    "critic",
    "entropy",
    "expert",
    "heatmap",
    "ladder",
    "lagged",
    "matched",
    "minibatches",
    "mismatch",
    "perprompt",
    "rare",
    "shipped",
    "trapo",
    "tuning",
}
NIGHTLY = pytest.mark.nightly("dozens of short runs; a shorter sweep has these axes")


def test_every_axis_is_swept_every_time():
    axes = {name: {axis.name for axis in load_sweep(name).axes} for name in declared()}
    assert set().union(*axes.values()) == set().union(*(axes[name] for name in EVERY_TIME))


@pytest.mark.parametrize(
    "name", [name if name in EVERY_TIME else pytest.param(name, marks=NIGHTLY) for name in declared()]
)
def test_each_variant_and_each_point_runs(name):
    found, seen = cells(load_sweep(name).smoke()), set()
    for cell in found:
        places = {("variant", cell.label), *cell.axes.items()}
        if places <= seen:
            continue
        seen |= places
        done = run(cell)
        assert 0 <= done["values"]["sampled"] <= 1, cell
        assert all(len(column) == cell.steps for column in done["history"].values()), cell
        assert all(0 <= reward <= 1 or math.isnan(reward) for reward in done["history"]["reward"]), cell
    assert run(found[0])["values"]["digest"] == run(found[0])["values"]["digest"]
