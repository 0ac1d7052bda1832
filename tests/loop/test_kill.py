"""A run that is killed at any moment is finished as if nothing had been;
`python -m benchmarks.kills` kills a hundred."""

import pytest
import torch

from benchmarks import kills
from trlib.loop import checkpoints
from trlib.model.folders import UNFINISHED


def test_runs_killed_at_random_moments_end_as_if_nothing_had_been(tmp_path):
    killed = list(kills.kills(3, seed=0, folder=tmp_path))
    assert [kill.differs for kill in killed] == ["", "", ""] and len(
        {kill.case for kill in killed}
    ) == 3
    assert {name for kill in killed for name in kill.signals} == {"SIGKILL", "SIGTERM"}


@pytest.mark.parametrize("change", ["a tensor", "a row", "a file that is left", "the policy"])
def test_a_difference_is_seen(tmp_path, change):
    case = kills.Case("dr_grpo", "dial")
    case.run(tmp_path)
    before, (tensors, rest) = kills.state(tmp_path), checkpoints.load(tmp_path)
    assert kills.state(tmp_path) == before
    name = max(tensors)
    if change == "a tensor":
        checkpoints.save(
            tmp_path,
            {**tensors, name: torch.nextafter(tensors[name], torch.tensor(torch.inf))},
            rest,
        )
    elif change == "a row":
        rest["rows"][1]["loss"] += 1e-16
        checkpoints.save(tmp_path, tensors, rest)
    elif change == "a file that is left":
        (tmp_path / f".policy.x{UNFINISHED}").mkdir()
    else:
        (tmp_path / "policy" / "config.json").write_text("{}")
    assert len([key for key, value in kills.state(tmp_path).items() if value != before[key]]) == 1
