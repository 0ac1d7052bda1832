"""The playground's engine against torch, as recorded: the verdicts follow from the runs, and both
sides learn."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from benchmarks.engine import curves, speed


def record(name: str) -> dict[str, Any]:
    return json.loads((curves.HERE / name).read_text(encoding="utf-8"))


def test_the_recorded_verdicts_follow_from_the_recorded_runs():
    found = record("curves.json")
    assert curves.verdicts(found["runs"]) == [
        {
            name: value if isinstance(value, str) else pytest.approx(value, rel=1e-9)
            for name, value in row.items()
        }
        for row in found["summary"]
    ]
    for regime, batches in curves.BATCHES.items():
        for side in ("page", "torch"):
            runs = [run for run in found["runs"] if (run["regime"], run["side"]) == (regime, side)]
            assert [run["seed"] for run in runs] == list(range(curves.SEEDS[regime]))
            assert {len(run["rewards"]) for run in runs} == {batches}
            assert np.mean([run["rewards"][-1] - run["rewards"][0] for run in runs]) > 0.2


def test_the_engine_learns_as_torch_does():
    assert {row["verdict"] for row in record("curves.json")["summary"]} == {"alike"}


@pytest.mark.parametrize(("shift", "verdict"), [(0.0, "alike"), (0.2, "different")])
def test_a_verdict_tells_alike_from_different(shift: float, verdict: str):
    rng = np.random.default_rng(1)
    runs = [
        {
            "side": side,
            "regime": regime,
            "seed": seed,
            "rewards": (
                0.5 + rng.normal(0, 0.03, batches) + (shift if side == "page" else 0)
            ).tolist(),
        }
        for regime, batches in curves.BATCHES.items()
        for side in ("page", "torch")
        for seed in range(16)
    ]
    assert {row["verdict"] for row in curves.verdicts(runs)} == {verdict}


def test_the_recorded_speed_is_that_of_the_runs_and_within_its_limits():
    found = record("speed.json")
    assert speed.summary(found["runs"]) == found["summary"]
    gentle, stale = found["summary"]
    assert gentle["cpu_ms"]["page"] <= 60 and stale["cpu_ms"]["page"] <= 200
