"""The statistics against rliable 1.2.0, its own tests' numbers, and a second implementation in plain numpy; the two
numbers of our own by hand, by their properties, and as a record gives them."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from trlib.cli import main
from trlib.lab.findings import before, price, staleness, table, tolerances
from trlib.lab.statistics import (
    by_task,
    improvement,
    interval,
    iqm,
    nats_per_point,
    performance_profile,
    prediction_interval,
    probability_of_improvement,
    profile_interval,
    staleness_tolerance,
)
from trlib.lab.sweep import Axis, Budget, Sweep, Variant

X = (np.arange(24) * 7 % 11).reshape(8, 3) / 10
Y = (np.arange(18) * 5 % 13).reshape(6, 3) / 10
# What rliable 1.2.0 gives for X and Y with numpy's seed 0: 50,000 resamples, 5,000 for the improvement.
RLIABLE = {"iqm": (0.4916666666666667, 0.56), "x": (0.31666666666666665, 0.65), "y": (0.34, 0.79),
           "improvement": (0.44097222222222215, 0.2638888888888889, 0.6215277777777778)}
TAUS = [0.0, 0.25, 0.5, 0.75]
PROFILE = [[0.875, 0.70833333, 0.45833333, 0.25], [0.75, 0.54166667, 0.29166667, 0.08333333],
           [1.0, 0.875, 0.625, 0.41666667]]
scores = st.lists(st.integers(0, 8), min_size=2, max_size=9).map(lambda v: np.array(v) / 8)


def resampled(columns: list[np.ndarray], statistic, resamples: int = 20_000) -> tuple[float, float]:
    """A stratified percentile bootstrap of its own: every task's runs drawn with replacement."""
    rng = np.random.default_rng(1)
    drawn = [column[rng.integers(len(column), size=(resamples, len(column)))] for column in columns]
    return tuple(np.quantile(statistic(drawn), [0.025, 0.975]))


def middle(drawn: list[np.ndarray]) -> np.ndarray:
    """Interquartile means of rows by sorting: ⌊n/4⌋ cut off either end."""
    pooled = np.sort(np.concatenate(drawn, -1), -1)
    cut = pooled.shape[-1] // 4
    return pooled[:, cut:pooled.shape[-1] - cut].mean(-1)


def test_the_numbers_of_rliables_own_tests():
    x, y = np.array([[1, 2], [2, 2], [1, 1], [2, 1]]), np.array([[1, 1], [2, 2], [3, 3]])
    assert (iqm(x), iqm(y)) == (1.5, 2.0)
    assert probability_of_improvement(x, y) == pytest.approx(1 / 3, abs=1e-12)


def test_estimates_and_intervals_are_rliables():
    assert (iqm(X), iqm(Y)) == pytest.approx(RLIABLE["iqm"], abs=1e-12)
    for matrix, (low, high) in ((X, RLIABLE["x"]), (Y, RLIABLE["y"])):
        found = interval(matrix, resamples=20_000)
        assert (found.low, found.high) == pytest.approx((low, high), abs=0.025 * (high - low))
    value, low, high = RLIABLE["improvement"]
    found = improvement(X, Y)
    assert probability_of_improvement(X, Y) == found.value == pytest.approx(value, abs=1e-12)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.025 * (high - low))
    assert performance_profile(X, TAUS) == pytest.approx(PROFILE[0], abs=1e-8)
    # The share moves in steps of 1/24 and two bounds lie on an edge (2.43 %, 2.56 %): rliable's own move with its seed.
    assert np.array(profile_interval(X, TAUS, resamples=20_000)) == pytest.approx(np.array(PROFILE[1:]), abs=0.042)


def test_intervals_are_those_of_a_second_implementation():
    rng = np.random.default_rng(3)
    runs = [rng.normal(m, 1, n) for m, n in ((0, 8), (1, 5), (3, 9))]  # tasks need not have equally many runs
    mine, its = interval(runs, resamples=20_000), resampled(runs, middle)
    assert mine.value == middle([run[None] for run in runs])[0]
    assert (mine.low, mine.high) == pytest.approx(its, abs=0.02 * (its[1] - its[0]))
    better = [run + 0.4 for run in runs]

    def wins(drawn: list[np.ndarray]) -> np.ndarray:
        pairs = [(np.broadcast_to(a[:, :, None], (*a.shape, b.shape[1])), b[:, None, :])
                 for a, b in zip(drawn[:3], drawn[3:], strict=True)]
        return np.mean([(a > b).mean((1, 2)) + 0.5 * (a == b).mean((1, 2)) for a, b in pairs], 0)

    mine, its = improvement(better, runs), resampled([*better, *runs], wins, 5_000)
    assert (mine.low, mine.high) == pytest.approx(its, abs=0.03 * (its[1] - its[0]))


@settings(max_examples=40, deadline=None)
@given(scores, scores)
def test_the_probability_of_improvement_is_mann_whitneys_and_antisymmetric(x, y):
    expected = mannwhitneyu(x, y, method="asymptotic").statistic / (len(x) * len(y)) if set(x) | set(y) else 0.5
    assert probability_of_improvement(x, y) == pytest.approx(expected, abs=1e-12)
    assert probability_of_improvement(x, y) + probability_of_improvement(y, x) == pytest.approx(1, abs=1e-12)
    assert probability_of_improvement(x, x) == 0.5


@settings(max_examples=25, deadline=None)
@given(scores)
def test_a_profile_falls_from_one_to_zero_and_its_area_is_the_mean(x):
    taus = np.arange(-1, 10) / 8
    profile = performance_profile(x, taus)
    assert profile[0] == 1 and profile[-1] == 0 and (np.diff(profile) <= 0).all()
    assert profile[1:].sum() / 8 == pytest.approx(x.mean(), abs=1e-12)  # scores are eighths: the steps are exact


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = [low <= 0 <= high for low, high in
            ((e.low, e.high) for e in (interval(rng.normal(0, 1, 40), resamples=500) for _ in range(200)))]
    assert 0.88 <= np.mean(hits) <= 0.99


def test_a_prediction_interval_by_hand_and_by_coverage():
    # n = 4, mean 2.5, s = 1.2909944, t_3 at .975 = 3.1824463: half = 3.1824463 * 1.2909944 * sqrt(1.25)
    low, high = prediction_interval([1, 2, 3, 4])
    assert (low, high) == pytest.approx((2.5 - 4.5934659, 2.5 + 4.5934659), abs=1e-6)
    rng = np.random.default_rng(0)
    drawn = rng.normal(0, 1, (400, 9))
    hits = [lo <= row[8] <= hi for row in drawn for lo, hi in [prediction_interval(row[:8])]]
    assert 0.92 <= np.mean(hits) <= 0.98


def test_scores_may_be_a_column_of_a_table_whatever_its_index():
    runs = pd.DataFrame({"label": ["ppo"] * 4 + ["troll"] * 4, "sampled": [0.1, 0.9, 0.2, 0.3, 0.5, 0.6, 0.9, 0.7],
                         "greedy": [0.5] * 4 + [0.9] * 4})
    troll, ppo = (runs[runs["label"] == label] for label in ("troll", "ppo"))
    assert iqm(troll["sampled"]) == pytest.approx(0.65) and iqm(ppo["sampled"]) == pytest.approx(0.25)
    assert interval(troll["sampled"]) == interval([0.5, 0.6, 0.9, 0.7])
    assert improvement(troll["sampled"], ppo["sampled"]) == improvement([0.5, 0.6, 0.9, 0.7], [0.1, 0.9, 0.2, 0.3])
    assert probability_of_improvement(troll["sampled"], ppo["sampled"]) == 12.5 / 16  # .9 is tied once
    assert performance_profile(troll["sampled"], [0.55]).tolist() == [0.75]
    columns = ["sampled", "greedy"]
    assert [by_task("x", troll[columns])[i].tolist() for i in (0, 1)] == [[0.5, 0.6, 0.9, 0.7], [0.9] * 4]
    assert interval(troll[columns]) == interval(troll[columns].to_numpy()) == interval([troll[c] for c in columns])


def test_one_run_has_a_value_and_no_interval():
    found = interval([0.5])
    assert found.value == 0.5 and math.isnan(found.low) and math.isnan(found.high)
    assert interval([0.5, 0.5, 0.5]).high == 0.5


# -- staleness tolerance -----------------------------------------------------------------------------------------------

BY_HAND = [
    ({1: 0.9, 8: 0.8}, 2**1.5),  # half of the fall to 8, and log2 of 1 and 8 are 0 and 3
    ({1: 0.9, 8: 0.88, 32: 0.78}, 2**3.6),  # .85 is three tenths of the way from .88 to .78, and log2 goes 3 to 5
    ({1: 0.5, 8: 0.45, 32: 0.1}, 8),  # the fall is reached exactly where it was measured
    ({1: 0.9, 8: 0.85}, 8),  # and where nothing more was
    ({1: 0.5, 8: 0.7, 32: 0.2}, 2 ** (3 + 2 * 0.25 / 0.5)),  # counted from one update, not from the best
    ({1: 0.9, 8: 0.8, 32: 0.9}, 2**1.5),  # the first fall, whatever comes after
    ({1: 0.9, 8: 0.86, 32: 0.86}, math.inf),
    ({1: 0.2, 32: 0.9}, math.inf),
]
curves = st.tuples(*[st.integers(0, 100)] * 4).map(
    lambda percent: dict(zip((1, 2, 8, 32), (p / 100 for p in percent), strict=True)))


def constant(curve: dict[float, float], runs: int = 2) -> dict[float, list[float]]:
    return {u: [a] * runs for u, a in curve.items()}


@pytest.mark.parametrize(("curve", "expected"), BY_HAND)
def test_staleness_tolerance_by_hand(curve, expected):
    found = staleness_tolerance(constant(dict(reversed(curve.items()))))
    assert found.value == pytest.approx(expected, rel=1e-9) and found.most == max(curve)
    # Runs that are all alike leave no doubt, wherever the fall is.
    assert (found.low, found.high) == pytest.approx((expected, expected), rel=1e-9)


def test_tolerance_says_above_where_it_is_censored():
    some = staleness_tolerance({1: [0.9] * 8, 8: [0.88] * 8, 32: [0.8, 0.8, 0.82, 0.82, 0.86, 0.88, 0.9, 0.9]})
    assert 8 < some.low < some.value < 32 and some.high == math.inf
    assert f"{some:.1f}" == str(some) == f"{some}" == f"{some.value:.1f} [{some.low:.1f}, above 32]"
    assert str(staleness_tolerance({1: [0.9] * 3, 8: [0.9] * 3})) == "above 8 [above 8, above 8]"
    assert str(staleness_tolerance({1: [0.9, 0.9], 8: [0.85, 0.85]})) == "8.0 [8.0, 8.0]", "a fall there is not above"
    half = staleness_tolerance({1: [0.9] * 4, 8: [0.85, 0.85, 0.9, 0.9]})  # some resamples fall at 8, others never
    assert (half.value, half.low, half.high) == (math.inf, 8, math.inf)
    one = staleness_tolerance({1: [0.9], 8: [0.8]})
    assert one.value == pytest.approx(2**1.5) and math.isnan(one.low) and math.isnan(one.high)


@settings(max_examples=60, deadline=None)
@given(curves, st.integers(1, 30), st.integers(1, 30), st.integers(-50, 50))
def test_a_larger_drop_comes_no_sooner_and_only_differences_count(curve, drop, more, shift):
    def at(values: dict[float, float], fall: int) -> float:
        return staleness_tolerance(constant(values, 1), drop=fall / 100 - 0.001).value

    value = at(curve, drop)
    assert 1 < value <= 32 or value == math.inf
    assert value <= at(curve, drop + more) * (1 + 1e-9)
    assert at({u: a + shift / 100 for u, a in curve.items()}, drop) == pytest.approx(value, rel=1e-6)
    assert at({u: a / 2 for u, a in curve.items()}, drop) >= value * (1 - 1e-9)


def test_the_interval_of_the_tolerance_is_that_of_a_second_implementation():
    rng = np.random.default_rng(5)
    runs = {u: rng.normal(mean, 0.02, n) for u, mean, n in ((1, 0.9, 8), (8, 0.87, 6), (32, 0.7, 7))}

    def fall(drawn: list[np.ndarray]) -> np.ndarray:
        heights = np.stack([middle([part]) for part in drawn], 1)
        fine = np.linspace(0, 5, 5001)
        found = [fine[np.append(np.interp(fine, [0, 3, 5], h) <= h[0] - 0.05, True).argmax() % 5001] for h in heights]
        return 2.0 ** np.array(found)

    mine, its = staleness_tolerance(runs), resampled(list(runs.values()), fall, 5_000)
    assert mine.value == pytest.approx(fall([run[None] for run in runs.values()])[0], rel=1e-3)
    assert (mine.low, mine.high) == pytest.approx(its, abs=0.05 * (its[1] - its[0]))


# -- nats a point ------------------------------------------------------------------------------------------------------

def test_nats_per_point_by_hand():
    # 10 nats; points 65 + 55 - 5 + 65 = 180: the run that lost five counts with its nats and with its loss.
    found = nats_per_point([1, 2, 3, 4], [0.9, 0.8, 0.2, 0.9], [0.25] * 4)
    assert found.value == pytest.approx(10 / 180, rel=1e-12) and (found.runs, found.without) == (4, 1)
    assert found.low < found.value < found.high
    alike = nats_per_point([0.5] * 5, [0.75] * 5, [0.25] * 5)
    assert (alike.value, alike.low, alike.high) == pytest.approx((0.01, 0.01, 0.01), rel=1e-12)
    lone = nats_per_point([0.5], [0.75], [0.25])
    assert lone.value == pytest.approx(0.01) and math.isnan(lone.low) and math.isnan(lone.high)


def test_nothing_gained_has_no_price_and_is_counted():
    lost = nats_per_point([1, 2, 0], [0.2, 0.25, 0.2], [0.3, 0.25, 0.3])
    assert (lost.value, lost.low, lost.high, lost.without) == (math.inf, math.inf, math.inf, 3)
    assert f"{lost:.2f}" == "inf [inf, inf]"
    even = nats_per_point([1, 1], [0.4, 0.2], [0.3, 0.3])  # one wins what the other loses
    assert even.value == math.inf and even.without == 1 and even.low == pytest.approx(0.1)
    free = nats_per_point([0, 0], [0.4, 0.4], [0.3, 0.3])
    assert (free.value, free.high) == (0, 0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 100)), min_size=3, max_size=8), st.integers(2, 9))
def test_the_price_is_of_totals_and_scales_with_the_nats(runs, factor):
    nats, accuracy = (np.array(column) / 100 for column in zip(*runs, strict=True))
    base = np.full(len(nats), 0.5)
    found, scaled = (nats_per_point(k * nats, accuracy, base, resamples=300) for k in (1, factor))
    gain = float((accuracy - 0.5).sum())
    assert found.value == (pytest.approx(nats.sum() / (100 * gain), abs=1e-12) if gain > 1e-6 else math.inf)
    assert scaled.value == pytest.approx(factor * found.value, abs=1e-9)
    assert found.low <= found.high and (math.isinf(found.high) or math.isinf(found.low) == math.isinf(scaled.low))
    assert found.without == sum(a <= 50 for _, a in runs)


def test_the_interval_of_the_price_draws_whole_runs():
    rng = np.random.default_rng(2)
    gain = rng.uniform(0.2, 0.6, 10)
    nats = 0.3 * gain + rng.uniform(0, 0.02, 10)  # who gains more has moved further: apart, the interval would be wide
    drawn = rng.integers(10, size=(20_000, 10))
    its = np.quantile(nats[drawn].sum(1) / (100 * gain[drawn].sum(1)), [0.025, 0.975])
    mine = nats_per_point(nats, 0.25 + gain, np.full(10, 0.25))
    assert (mine.low, mine.high) == pytest.approx(tuple(its), abs=0.05 * (its[1] - its[0]))


# -- both, from a record -----------------------------------------------------------------------------------------------

def record(**changes) -> tuple[Sweep, pd.DataFrame, pd.DataFrame]:
    """Two methods at two learning rates and three numbers of updates, two runs each, and their histories."""
    heights = {("ppo", "1"): 0.9, ("ppo", "8"): 0.88, ("ppo", "32"): 0.78, ("troll", "1"): 0.7, ("troll", "8"): 0.75,
               ("troll", "32"): 0.7}
    rows = [{"cell": f"{lr} {label} {u} {seed}", "label": label, "lr": lr, "updates": u, "seed": seed,
             "status": "done", "steps": 40, "kl": 0.02, "sampled": height - (lr == "hot") * (u == "8") * 0.1,
             "greedy": 1.0, "kept": 1.0, "seconds": 1.0, "cpu_seconds": 1.0}
            for lr in ("cold", "hot") for (label, u), height in heights.items() for seed in (0, 1)]
    history = pd.DataFrame([{"cell": row["cell"], "batch": b, "reward": 0.3 + b / 10} for row in rows for b in (0, 1)])
    sweep = Sweep(text="", variants=[Variant("ppo"), Variant("troll")], budget=Budget(steps=40),
                  axes=[Axis("lr", {"cold": {"lr": 1e-4}, "hot": {"lr": 3e-4}}),
                        Axis("updates", {"1": {}, "8": {"minibatches": 8}, "32": {"minibatches": 32}})])
    return sweep, pd.DataFrame(rows).assign(**changes), history


def test_a_record_tells_the_tolerance_at_every_point_of_the_other_axes():
    sweep, runs, _ = record()
    cold = runs[runs["lr"] == "cold"]
    assert staleness(cold, "ppo").value == pytest.approx(2**3.6) and staleness(cold, "troll").value == math.inf
    found = tolerances(sweep, runs)
    assert found[["label", "lr"]].values.tolist() == [["ppo", "cold"], ["troll", "cold"], ["ppo", "hot"],
                                                      ["troll", "hot"]]
    # hot: .9 falls to .78 at 8 updates; .7 falls to .65
    assert found["tolerance"].tolist() == pytest.approx([2**3.6, math.inf, 2 ** (3 * 0.05 / 0.12), 8])
    assert found["at_one"].tolist() == pytest.approx([0.9, 0.7, 0.9, 0.7]) and found["most"].tolist() == [32] * 4
    assert found["text"].tolist()[1] == "above 32 [above 32, above 32]"


def test_where_runs_are_missing_there_is_no_tolerance_and_failures_are_counted():
    sweep, runs, _ = record()
    part = runs[runs["lr"] == "cold"]
    assert staleness(part[part["updates"] != "1"], "ppo") is None, "nothing to fall from"
    assert staleness(part[(part["updates"] != "8") | (part["label"] != "ppo")], "ppo") is None, "a gap on the way"
    assert staleness(part[part["updates"] == "1"], "ppo") is None
    runs.loc[(runs["label"] == "ppo") & (runs["updates"] == "32") & (runs["seed"] == 1), "status"] = "failed"
    assert tolerances(sweep, runs)["failed"].tolist() == [1, 0, 1, 0]
    runs.loc[(runs["label"] == "ppo") & (runs["updates"] == "32"), "status"] = "failed"
    assert tolerances(sweep, runs)["label"].tolist() == ["troll", "troll"]
    assert not len(tolerances(Sweep(text="", variants=[], budget=Budget(1)), runs))
    with pytest.raises(ValueError, match="runs: expected the axis 'updates', got the columns cell, label"):
        staleness(part.drop(columns="updates"), "ppo")
    with pytest.raises(ValueError, match="axis 'updates': expected labels that are numbers, got 'many'"):
        staleness(part.replace({"updates": {"8": "many"}}), "ppo")


def test_a_record_tells_the_price_from_the_first_batch_on():
    sweep, runs, history = record()
    assert set(before(history).values()) == {0.3} and len(before(history)) == 24
    found = table(sweep, runs, history=history)
    first = found.iloc[0]
    assert first["label"] == "ppo" and first["nats_per_point"] == pytest.approx(40 * 0.02 / 60)  # .9 from .3
    assert (first["nats_low"], first["nats_high"], first["without"]) == (pytest.approx(0.8 / 60),) * 2 + (0,)
    assert "nats_per_point" not in table(sweep, runs)
    # Not measured, or its beginning unknown: no price.
    assert price(runs.assign(kl=math.nan), history) is None and price(runs, history[history["batch"] > 0]) is None
    assert price(runs.assign(status="failed"), history) is None
    # A batch that had no policy that sampled: the mean over the others is not the run's.
    gap = history.assign(kl=[math.nan if i == 1 else 0.1 for i in range(len(history))])
    assert price(runs, history.assign(kl=0.1)) == price(runs, history) and price(runs, gap) is None
    # Nothing has ended, so there is no history at all.
    assert price(runs.assign(status="failed"), history[["cell", "batch"]][:0]) is None and not before(history[[]])


@pytest.mark.parametrize(("call", "words"), [
    (lambda: iqm([]), "scores: expected at least one run of every task"),
    (lambda: iqm([0.1, math.nan]), "scores: expected finite numbers, got NaN or inf"),
    (lambda: iqm(np.zeros((2, 2, 2))), r"scores: expected runs \[N\] or runs by tasks \[N, M\], got \[2, 2, 2\]"),
    (lambda: probability_of_improvement([[0.0, 1.0]], [[1.0], [2.0]]), "y: expected the 1 tasks of x, got 2"),
    (lambda: interval([0.0, 1.0], level=1.0), "level: expected a number above 0 and below 1"),
    (lambda: interval([0.0, 1.0], resamples=0), "resamples: expected a whole number from 1 to 1000000, got 0"),
    (lambda: interval([0.5], resamples=-1), "resamples: expected a whole number from 1 to 1000000, got -1"),
    (lambda: interval([0.0, 1.0], resamples=10**12), "resamples: expected a whole number from 1 to 1000000, got 1000"),
    (lambda: interval([0.0, 1.0], resamples=10**400), "resamples: expected a whole number that a float can hold"),
    (lambda: interval([0.0, 1.0], resamples=2.5), "resamples: expected a whole number, got 2.5"),
    (lambda: interval([0.0, 1.0], seed=-1), "seed: expected a whole number of at least 0, got -1"),
    (lambda: performance_profile([0.1], [math.nan]), "thresholds: expected numbers that are not NaN"),
    (lambda: profile_interval([0.1, 0.2], []), r"thresholds: expected at least one, in a row \[T\], got \[0\]"),
    (lambda: prediction_interval([1.0, 2.0], level=2.0), "level: expected a number above 0 and below 1"),
    (lambda: prediction_interval([1.0]), "values: expected at least two runs, got 1"),
    (lambda: staleness_tolerance({}), r"accuracy: expected runs at 1 update a batch and at more, got \[\]"),
    (lambda: staleness_tolerance({8: [0.5], 32: [0.5]}), r"at 1 update a batch and at more, got \[8, 32\]"),
    (lambda: staleness_tolerance({1: [0.5]}), r"at 1 update a batch and at more, got \[1\]"),
    (lambda: staleness_tolerance({0.5: [0.5], 1: [0.5]}), "at 1 update a batch and at more"),
    (lambda: staleness_tolerance({1: [0.5], math.inf: [0.5]}), "at 1 update a batch and at more"),
    (lambda: staleness_tolerance({1: [0.5], 8: []}), r"accuracy\[8\]: expected at least one run"),
    (lambda: staleness_tolerance({1: [0.5], 8: [math.nan]}), r"accuracy\[8\]: expected finite numbers"),
    (lambda: staleness_tolerance({1: [0.5], 8: [0.5]}, drop=0.0), "drop: expected a number above 0, got 0"),
    (lambda: nats_per_point([], [], []), "nats: expected at least one run"),
    (lambda: nats_per_point([1.0], [0.5, 0.5], [0.1]), "accuracy: expected a number for each of the 1 runs, got 2"),
    (lambda: nats_per_point([1.0], [0.5], []), "base: expected at least one run"),
    (lambda: nats_per_point([-1.0], [0.5], [0.1]), "nats: expected numbers of at least 0, got -1"),
    (lambda: nats_per_point([math.inf], [0.5], [0.1]), "nats: expected finite numbers, got NaN or inf"),
])
def test_senseless_scores_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize("scores", [0.5, {"a": 1}, "abc", ["a", "b"], None])
def test_what_is_no_scores_is_named(scores):
    with pytest.raises(TypeError, match="scores: expected "):
        interval(scores)


def test_the_command_reports_both(tiny, tmp_path, capsys):
    command = ["sweep", str(tiny), "--out", str(tmp_path / "out"), "--workers", "0", "--quiet"]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["label"] for row in found["tolerance"]] == ["ppo", "wide"]
    assert found["tolerance"][0]["at_one"] == found["table"][0]["sampled"] and found["tolerance"][0]["most"] == 2
    assert {"nats_per_point", "nats_low", "nats_high", "without"} <= found["table"][0].keys()
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "Updates a batch at which accuracy is 0.05 below that at one" in said and "nats_per_point" in said
