"""The statistics against rliable 1.2.0, scipy, and a second implementation in plain numpy."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap, trim_mean

from trlab.statistics import (
    band,
    difference,
    interval,
    iqm,
    prediction_interval,
)

X = (np.arange(24) * 7 % 11) / 10
Y = (np.arange(18) * 5 % 13) / 10
RLIABLE = 0.4916666666666667, 0.56
"""The interquartile means of X and Y by rliable 1.2.0."""


@pytest.mark.parametrize("draw", ["normal", "exponential"])
def test_an_interval_of_twelve_runs_covers_the_truth_about_as_often_as_it_says(draw):
    """95 percent is asked for; a percentile bootstrap of twelve runs stays a little below."""
    rng = np.random.default_rng(20261129)
    truth = iqm(getattr(rng, draw)(size=1_000_000))
    found = [interval(getattr(rng, draw)(size=12), resamples=1_000) for _ in range(400)]
    covered = np.mean([one.low <= truth <= one.high for one in found])
    assert 0.89 < covered < 0.97


def test_a_difference_is_that_of_a_second_implementation():
    """The two need not have equally many runs."""

    def middle(drawn):
        ordered, cut = np.sort(drawn), drawn.shape[-1] // 4
        return ordered[..., cut : drawn.shape[-1] - cut].mean(-1)

    rng = np.random.default_rng(1)
    drawn = [middle(runs[rng.integers(len(runs), size=(20_000, len(runs)))]) for runs in (X, Y)]
    its = np.quantile(drawn[0] - drawn[1], [0.025, 0.975])
    mine = difference(X, Y)
    assert (iqm(X), iqm(Y)) == pytest.approx(RLIABLE, abs=1e-12)
    assert mine.value == pytest.approx(RLIABLE[0] - RLIABLE[1])
    assert (mine.low, mine.high) == pytest.approx(its, abs=0.03 * (its[1] - its[0]))


def test_a_prediction_interval_by_hand():
    # n = 4, mean 2.5, s = 1.2909944, t_3 at .975 = 3.1824463: half = 3.1824463 * 1.2909944 *
    # sqrt(1.25)
    low, high = prediction_interval([1, 2, 3, 4])
    assert (low, high) == pytest.approx((2.5 - 4.5934659, 2.5 + 4.5934659), abs=1e-6)


def test_runs_may_be_a_column_of_a_table_whatever_its_index():
    runs = pd.Series([0.5, 0.6, 0.9, 0.7], index=range(4, 8))
    assert interval(runs) == interval([*runs])


def test_one_run_has_a_value_and_no_interval():
    found = interval([0.5])
    assert found.value == 0.5 and math.isnan(found.low) and math.isnan(found.high)
    assert interval([0.5, 0.5, 0.5]).high == 0.5
    values, low, high = band([[1.0, 2.0]])
    assert values.tolist() == [1, 2] and np.isnan([low, high]).all()


def test_bands_and_intervals_are_those_of_scipy():
    draw = np.random.default_rng(5)
    for runs in (2, 3, 8, 24):
        values = np.round(draw.normal(size=(runs, 4)), 1)  # with ties
        found = np.stack(band(values, resamples=10_000))
        for column, three in zip(values.T, found.T, strict=True):
            drawn = {"n_resamples": 10_000, "method": "percentile", "rng": np.random.default_rng(0)}
            theirs = bootstrap(
                [column], lambda x, axis: trim_mean(x, 0.25, axis=axis), **drawn
            ).confidence_interval
            assert three == pytest.approx([trim_mean(column, 0.25), *theirs], abs=1e-12)
            ours = interval(column)
            assert (ours.value, ours.low, ours.high) == pytest.approx(tuple(three), abs=1e-12)
