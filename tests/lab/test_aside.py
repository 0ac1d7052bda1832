"""Completions put aside: a run that measures on them is the same run, and what it measures is what
is said."""

import math

import pytest
import torch

from tests.lab.records import one_cell
from trlab.aside import COLUMNS, PROMPTS, _gain
from trlab.measures import derive
from trlab.rows import Record, declaration
from trlab.run_cell import run
from trlib import load_policy
from trlib.model.rollout import sample


@pytest.mark.parametrize(
    ("method", "settings", "train"),
    [
        ("ppo", {"stop_kl": 1e-9}, {"prompts": 4, "group": 4, "epochs": 2, "lr": 1e-3}),
        ("troll", {}, {"prompts": 20, "group": 2, "minibatches": 2, "lr": 1e-3}),
    ],
)
def test_a_run_with_completions_put_aside_is_the_same_run(method, settings, train):
    plain, watched = (
        one_cell(method, settings, train=train, aside=aside) for aside in (False, True)
    )
    assert plain.id != watched.id, "other columns: another cell"
    done, seen = run(plain), run(watched)
    assert done["values"]["digest"] == seen["values"]["digest"]
    assert set(seen["history"]) - set(done["history"]) == set(COLUMNS) and not set(
        done["history"]
    ) & set(COLUMNS)
    measured = seen["history"]
    assert all(math.isfinite(value) for name in COLUMNS for value in measured[name])
    assert all(value > 0 for value in measured["kl_aside"])

    record = Record()
    record.add({**declaration(watched), "status": "done", **seen["values"]}, measured)
    (row,) = derive(record.runs([watched]), record.history([watched.id])).to_dict("records")
    assert row["kl_aside"] == pytest.approx(sum(measured["kl_aside"]) / 2)
    assert row["luck"] == pytest.approx(row["gain"] - row["gain_aside"])


def test_the_gain_is_the_mean_of_the_moved_ratio_times_the_advantage():
    policy = load_policy("dial")
    prompts = ["a", "b"]
    written = sample(policy, prompts, group=3, max_tokens=4, seed=1)
    rewards = torch.tensor(
        [1.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    )  # the second prompt's are equal and teach nothing
    moved = written.logp + torch.tensor([0.5, -0.5, 0.0, 0.3, 0.3, 0.3]).unsqueeze(-1)
    lengths = written.lengths.tolist()
    by_hand = lengths[0] * (math.exp(0.5) - 1) * 2 / 3 - lengths[1] * (math.exp(-0.5) - 1) / 3
    assert _gain(moved, written, rewards) == pytest.approx(by_hand / sum(lengths), rel=1e-5)
    assert _gain(written.logp, written, rewards) == 0
    assert PROMPTS == 16, "what an update of the sweeps sees"
