"""A sweep of four tiny cells as a file, and what stands beside it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

TINY = """
from trlab import Axis, Budget, Prediction, Sweep, Variant

SWEEP = Sweep(
    text="four tiny cells",
    variants=[Variant("ppo"), Variant("dppo", {"delta_tv": 0.3}, label="wide")],
    axes=[Axis("updates", {"1": {}, "2": {"minibatches": 2}})],
    seeds=[0],
    train={"prompts": 2, "group": 2, "probe": 2},
    budget=Budget(steps=1, prompts=4, samples=2),
    predictions=[Prediction("more than nothing", higher="ppo", lower=-1.0)],
)
"""


def entry(key: str, status: str = "done", **values) -> tuple[dict, dict | None]:
    """A row of a journal and its history."""
    history = {"reward": [0.1, 1 / 3], "kept": [1.0, math.nan]}
    return (
        {"cell": key, "status": status, "sampled": 0.1 + 0.2, "digest": f"of {key}", **values},
        history if status == "done" else None,
    )


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The file of a sweep of four tiny cells."""
    path = tmp_path / "tiny.py"
    path.write_text(TINY)
    return path
