"""Tables of what is given for what, from runs whose numbers are known."""

import math

import numpy as np
import pytest

from tests.lab.records import history_of, runs_of
from trlab.tradeoffs import at_matched_reward, by_batch


def record():
    """Rewards on straight lines; PPO's is twice as steep, and one run of TROLL at 4 uses never
    reaches .7."""
    ends = {
        (label, uses): [9 * slope - 0.1 * (uses == "4")] * 4
        for label, slope in (("ppo", 0.1), ("troll", 0.05))
        for uses in ("1", "4")
    }
    runs = runs_of(ends, "uses", steps=30)
    history = history_of(
        runs,
        30,
        reward=lambda run, b: b * (0.1 if run.label == "ppo" else 0.05),
        entropy=lambda run, b: 2 - 0.1 * b - run.seed / 100,
    )
    return runs, history[(history["cell"] != "troll 4 3") | (history["batch"] < 12)]


def test_who_never_reaches_the_reward_is_counted():
    runs, history = record()
    runs = runs[runs["uses"] == "4"]
    found = at_matched_reward(runs, history, "entropy")
    # .7 is reached by a mean of three batches around b = 7 (PPO) and b = 14 (TROLL).
    assert {label: (e.value, *counts) for label, (e, *counts) in found.items()} == {
        "ppo": (pytest.approx(1.285), 4, 4),
        "troll": (pytest.approx(0.59), 3, 4),
    }
    assert at_matched_reward(runs, history, "entropy", level=5) == {}
    with pytest.raises(ValueError, match="column: expected one of the history's"):
        at_matched_reward(runs, history, "distinct")


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
    assert by_batch(runs, history.assign(reward=math.nan), ["ppo"]) == {}
