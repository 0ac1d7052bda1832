"""The book's example of a dump: a stale run on `dial` with a coarse sampler, its last batch written
down.

    python -m trcheck.diagnose.example rollouts.parquet

24 batches are trained and a 25th, eight minibatches x four epochs each, sampled from int8 weights;
between the last two the policy is copied, so that the dump holds the learner before and after its
updates.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import trlib
from trcheck.diagnose.dump import from_run
from trlib.algorithms import ALGORITHMS

BATCHES = 25
SETTINGS = {"minibatches": 8, "epochs": 4, "sampler": "int8", "seed": 0, "progress": False}


def record(path: str | Path) -> Path:
    """Train and dump; about half a minute on one core."""
    policy, task, method = trlib.load_policy("dial"), trlib.load_task("dial"), ALGORITHMS["pg_is"]()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        trlib.train(policy, task, method, steps=BATCHES - 1, out=out, **SETTINGS)  # type: ignore[arg-type]
        before = policy.copy()
        run = trlib.train(policy, task, method, steps=BATCHES, out=out, resume=True, **SETTINGS)  # type: ignore[arg-type]
        return from_run(path, run, task, before=before)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m trcheck.diagnose.example FILE.parquet")
    print(record(sys.argv[1]))
