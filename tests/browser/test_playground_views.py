"""What the playground's pictures compute: the interval of a handful of runs, held to the library's convention."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from trlib.lab.statistics import interval, iqm

MODULE = "playground/views/iqm.js"


@pytest.mark.parametrize("n", [3, 4, 5])
def test_the_interval_counts_every_way_to_draw_the_runs(sources: Callable[..., Any], n: int) -> None:
    runs = np.random.default_rng(n).random(n)
    mean, low, high = sources(MODULE, "(m, x) => m.interval(x)", runs.tolist())
    cut = n // 4
    ways = np.sort([np.sort(way)[cut:n - cut].mean() for way in product(runs, repeat=n)])
    assert mean == pytest.approx(iqm(runs))
    assert [low, high] == pytest.approx(np.quantile(ways, [0.025, 0.975], method="inverted_cdf").tolist())


def test_eight_runs_have_the_library_s_interval(sources: Callable[..., Any]) -> None:
    runs = np.random.default_rng(1).random(8)
    mean, low, high = sources(MODULE, "(m, x) => m.interval(x)", runs.tolist())
    known = interval(runs, resamples=20_000)
    assert mean == pytest.approx(known.value)
    assert (low, high) == (pytest.approx(known.low, abs=0.02), pytest.approx(known.high, abs=0.02))


def test_one_run_and_two_have_no_interval(sources: Callable[..., Any]) -> None:
    found = sources(MODULE, "(m, x) => x.map(m.interval)", [[0.25], [0.25, 0.75]])
    assert [row[0] for row in found] == [0.25, 0.5]
    assert np.isnan([row[1:] for row in found]).all()
