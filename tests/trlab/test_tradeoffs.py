"""Tables of what is given for what, from runs whose numbers are known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from tests.trlab.conftest import history_of, runs_of
from trlab import Axis, Budget, Sweep, Variant, recorded
from trlab.statistics import band, interval
from trlab.sweep import load_sweep
from trlab.tradeoffs import DIFFICULTY, at_matched_reward, by_batch, by_difficulty

SWEEP = Sweep(
    text="",
    variants=[Variant("ppo"), Variant("troll")],
    budget=Budget(steps=10),
    axes=[Axis("uses", {"1": {}, "4": {"epochs": 4}})],
)


def record() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rewards on straight lines; PPO's is twice as steep, and one run of TROLL at 4 uses never
    reaches .7."""
    ends = {
        (label, uses): [9 * slope - 0.1 * (uses == "4")] * 4
        for label, slope in (("ppo", 0.1), ("troll", 0.05))
        for uses in ("1", "4")
    }
    runs = runs_of(ends, "uses", steps=30)
    runs["kl"] = 0.01 * runs["uses"].astype(int)
    runs["kl_none"] = [math.nan if seed == 0 else 0.2 for seed in runs["seed"]]
    runs["kl_all"] = runs["seed"] / 10
    history = history_of(
        runs,
        30,
        reward=lambda run, b: b * (0.1 if run.label == "ppo" else 0.05),
        entropy=lambda run, b: 2 - 0.1 * b - run.seed / 100,
    )
    return runs, history[(history["cell"] != "troll 4 3") | (history["batch"] < 12)]


def test_who_never_reaches_the_reward_is_counted():
    runs, history = record()
    found = at_matched_reward(SWEEP, runs, history, "entropy")
    # .7 is reached by a mean of three batches around b = 7 (PPO) and b = 14 (TROLL).
    assert found["value"].tolist() == pytest.approx([1.285, 1.285, 0.585, 0.59])
    assert found["reached"].tolist() == [4, 4, 4, 3] and found["runs"].tolist() == [4] * 4
    assert (
        found["text"].tolist()[3].endswith("; 1 of 4 never reach 0.7")
        and "never" not in found["text"][0]
    )
    none = at_matched_reward(SWEEP, runs, history, "entropy", level=5)
    assert none["value"].isna().all() and none["text"].tolist() == ["4 of 4 never reach 5"] * 4
    with pytest.raises(ValueError, match="column: expected one of the history's"):
        at_matched_reward(SWEEP, runs, history, "distinct")


def test_divergence_by_difficulty_says_how_many_runs_had_such_prompts():
    runs, _ = record()
    found = by_difficulty(SWEEP, runs)
    assert len(found) == 4 * 2 and set(found["difficulty"]) == {
        DIFFICULTY["kl_none"],
        DIFFICULTY["kl_all"],
    }
    first = found.iloc[0]
    assert (first["value"], first["low"], first["high"]) == (pytest.approx(0.2),) * 3
    assert (first["runs"], first["without"]) == (3, 1)
    assert (
        found.iloc[1]["value"] == interval([0, 0.1, 0.2, 0.3]).value
        and found.iloc[1]["without"] == 0
    )
    assert not len(by_difficulty(load_sweep("stale"), recorded("stale")[0])), (
        "a record of the first round has none"
    )


def test_a_band_over_batches_draws_whole_runs():
    runs, history = record()
    found = by_batch(runs[runs["uses"] == "4"], history, ["ppo", "troll", "nobody"])
    assert (
        list(found) == ["ppo", "troll"]
        and len(found["ppo"][0]) == 30
        and len(found["troll"][0]) == 12
    )
    assert found["ppo"][0] == pytest.approx(0.1 * np.arange(30)) and found["ppo"][
        1
    ] == pytest.approx(found["ppo"][2])
    rng = np.random.default_rng(0)
    matrix = rng.normal(0, 1, (8, 5)).cumsum(1)
    value, low, high = band(matrix, resamples=20_000)
    for b in range(5):
        its = interval(matrix[:, b])
        assert value[b] == its.value and (low[b], high[b]) == pytest.approx(
            (its.low, its.high), abs=0.05
        )
    assert math.isnan(band([[1.0, 2.0]])[1][0]) and band([[1.0, 2.0]])[0].tolist() == [1, 2]
    with pytest.raises(
        ValueError, match=r"runs: expected runs of one length, got lengths \[1, 2\]"
    ):
        band([[1.0], [1.0, 2.0]])
    assert by_batch(runs, history.assign(reward=math.nan), ["ppo"]) == {}
