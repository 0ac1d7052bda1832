"""Measures that follow from a history, on curves whose answers are known in closed form."""

import math

import numpy as np
import pandas as pd
import pytest

from trlab import recorded
from trlab.measures import (
    DERIVED,
    IN_A_ROW,
    collapsed,
    derive,
    peak,
    stopped,
)
from trlab.record import all_recorded, read
from trlab.sweep import load_sweep


def line(batches, slope=0.05, start=0.0):
    """Rewards on a straight line, so that a mean of three is the middle one."""
    return start + slope * np.arange(batches)


def table(curves, **columns):
    """Runs and their histories."""
    history = [
        {
            "cell": cell,
            "batch": b,
            "reward": reward,
            **{name: of[cell][b] for name, of in columns.items()},
        }
        for cell, rewards in curves.items()
        for b, reward in enumerate(rewards)
    ]
    return pd.DataFrame({"cell": list(curves), "status": "done"}), pd.DataFrame(history)


def test_a_window_needs_all_three_rewards():
    assert peak([0.9, math.nan, 0.9, 0.3, 0.3, 0.3]) == pytest.approx(0.5)


def test_derived_columns_stand_beside_the_runs_they_follow_from():
    ess = {"a": np.linspace(1, 0, 30), "b": np.full(12, 0.25)}
    runs, history = table({"a": line(30), "b": line(12)}, ess=ess)
    runs = pd.concat([runs, pd.DataFrame({"cell": ["c"], "status": ["failed"]})], ignore_index=True)
    found = derive(runs, history.sample(frac=1, random_state=0))  # whatever the order of its rows
    assert found["take_off"].tolist()[:2] == pytest.approx([0.05 * 4.5] * 2)
    assert found["batches_to"].tolist()[:2] == [16, 13] and found["ess"].tolist()[
        :2
    ] == pytest.approx([0.5, 0.25])
    assert (
        found.loc[2, ["take_off", "batches_to", "ess"]].isna().all() and "kl_sampler" not in found
    )
    assert list(runs.columns) == ["cell", "status"], "the runs that were given are as they were"
    assert derive(runs, history[[]]) is runs and set(found.columns) - set(runs.columns) <= set(
        DERIVED
    )


def test_a_run_may_stop_at_a_distance_from_its_reference():
    """A batch that ends beyond the budget was sampled within it, and is the last that counts."""
    right, far = [0.3, 0.4, 0.5, 0.6, 0.1], [0.1, 0.5, 1.9, 2.1, 9]
    assert stopped(right, far) == pytest.approx((0.4 + 0.5 + 0.6) / 3)
    assert stopped(right, far, 0.3) == pytest.approx(0.35) and stopped(right, far, 0.05) == 0.3
    assert stopped(right, far, 10) == pytest.approx((0.5 + 0.6 + 0.1) / 3)
    assert math.isnan(stopped(right, [math.nan] * 5)) and math.isnan(stopped((), ()))


def test_how_good_a_run_is_is_the_verdict_where_the_reward_is_none():
    right = {"a": np.array([0.4, 0.9, 0.9, 0.9, 0.0, 0.0])}
    runs, history = table({"a": line(6) * 100}, right=right, kl_ref_seq={"a": line(6) * 40})
    found = derive(runs.assign(sampled=0.0), history).iloc[0]
    assert found["collapsed"] == 1 and found["peak"] == found["right_peak"] == pytest.approx(0.9)
    assert found["start"] == 0.4 and found["kl_ref_end"] == pytest.approx(40 * 0.05 * 3)
    assert found["right_stopped"] == pytest.approx((0.4 + 0.9 + 0.9) / 3)
    assert found["reward_stopped"] == pytest.approx(100 * 0.05)


def test_runs_keep_the_measures_that_they_have_and_new_ones_get_theirs():
    """A method of one's own beside a record, whose histories are not kept."""
    runs, history = table({"a": line(30), "b": line(12)})
    runs = runs.assign(sampled=0.5)
    both = pd.concat([derive(runs[:1], history), runs[1:]], ignore_index=True)
    found, whole = derive(both, history[history["cell"] == "b"]), derive(runs, history)
    assert found["start"].tolist() == whole["start"].tolist() == [0, 0]
    assert found["batches_to"].tolist() == whole["batches_to"].tolist() == [16, 13]
    assert derive(found, history) is found


@pytest.mark.parametrize(
    ("rewards", "end", "lost"),
    [
        ([0.26, 0.5, 0.7, 0.9, 0.9, 0.9], 0.9, 0),
        ([0.26, 0.9, 0.9, 0.9, 0.7, 0.5], 0.56, 1),  # of .64 gained, .34 is gone
        ([0.26, 0.9, 0.9, 0.9, 0.7, 0.6], 0.6, 0),  # .30 is less than half
        ([0.26, 0.3, 0.3, 0.3], 0.24, 0),  # a run that never learns
        ([0.26, 0.02, 0.0, 0.0], 0.0, 1),  # and one that loses what it started with
        ([0.02, 0.0, 0.0, 0.0], 0.0, 0),  # which had nothing to lose
        ([0.26], 0.9, 0),
    ],
)
def test_a_collapsed_run_has_lost_most_of_what_it_gained(rewards, end, lost):
    assert collapsed(rewards, end) == lost


def test_a_run_without_rewards_or_end_has_not_been_seen_to_collapse():
    assert math.isnan(collapsed([], 0.5)) and math.isnan(collapsed([0.3, 0.4], math.nan))


def test_a_history_that_keeps_one_batch_of_several_has_no_measure_of_batches_in_a_row():
    runs, history = table({"a": line(30)}, ess={"a": np.linspace(1, 0, 30)})
    runs = runs.assign(sampled=0.5)
    found = derive(runs, history, every=16)
    assert not {*found} & IN_A_ROW and {"take_off", "batches_to", "peak", "collapsed"} <= IN_A_ROW
    assert found["start"].tolist() == [0] and found["ess"].tolist() == pytest.approx([0.5])
    assert derive(found, history, every=16) is found


@pytest.mark.parametrize("name", [name for name in all_recorded() if load_sweep(name).every > 1])
def test_no_recorded_sweep_has_one_either(name):
    assert not {*recorded(name)[0]} & IN_A_ROW
    assert not {*read(name)[1]} & IN_A_ROW
