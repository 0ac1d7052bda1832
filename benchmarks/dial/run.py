"""What the loop does on `dial`: the gentle regime, and eight minibatches x four epochs with and
without a clip.

    python benchmarks/dial/run.py
        # five seeds each, two processes at once, about five minutes
    python benchmarks/dial/run.py --table    # print the recorded table again

Writes `runs.csv` (one row a run), `history.csv` (one row a run and batch) and `record.json`
(command, versions, hardware) beside this file, and the table into `README.md` between its marks.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # a model of this size is slower on two threads

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

HERE = Path(__file__).parent
SEEDS = range(5)
STALE = {"steps": 25, "minibatches": 8, "epochs": 4}
CELLS = {
    "gentle, Dr.GRPO": ("dr_grpo", {}, {"steps": 60}),
    "gentle, GRPO": ("grpo", {}, {"steps": 60}),
    "stale, no trust region": ("pg_is", {}, STALE),
    "stale, PPO clip .2": ("ppo", {}, STALE),
}


def run(cell: str, seed: int) -> tuple[dict, pd.DataFrame]:
    """One run and what became of it."""
    import trlib
    from trlib.algorithms import ALGORITHMS

    name, settings, regime = CELLS[cell]
    policy, task = trlib.load_policy("dial"), trlib.load_task("dial")
    began = time.perf_counter()
    history = trlib.train(
        policy, task, ALGORITHMS[name](**settings), seed=seed, progress=False, **regime
    ).history
    seconds = time.perf_counter() - began
    found = trlib.evaluate(policy, task, prompts=512, samples=8, seed=seed)
    row = {
        "cell": cell,
        "seed": seed,
        "sampled": found.sampled.value,
        "greedy": found.greedy.value,
        "seconds": seconds,
        "kl": history.kl.mean(),
        "tv_max": history.tv_max.max(),
        "kept": history.kept.mean(),
        "ratio_max": history.ratio_max.max(),
        "entropy": history.entropy.iloc[-1],
        "length": history.length.iloc[-1],
    }
    return row, history.drop(columns=["seconds", "tokens_per_s"]).assign(cell=cell, seed=seed)


def table(runs: pd.DataFrame) -> str:
    """The runs as a Markdown table: mean over seeds with a 95 % bootstrap interval, range of the
    seeds."""
    lines = [
        "| regime, method | sampled accuracy | range | greedy | KL a batch | kept | ratio max | "
        "seconds a run |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for cell, part in runs.groupby("cell", sort=False):
        low, high = bootstrap(
            (part.sampled,), np.mean, method="percentile", rng=0
        ).confidence_interval
        lines.append(
            f"| {cell} | {part.sampled.mean():.3f} [{low:.3f}, {high:.3f}] | "
            f"{part.sampled.min():.3f} to {part.sampled.max():.3f} | {part.greedy.mean():.3f} | "
            f"{part.kl.mean():.4f} | {part.kept.mean():.3f} | {part.ratio_max.max():.3g} | "
            f"{part.seconds.median():.1f} |"
        )
    return "\n".join(lines)


def record() -> dict:
    """What made the runs."""
    from trlab.provenance import provenance

    return {
        **provenance("python benchmarks/dial/run.py"),
        "seeds": list(SEEDS),
        "cells": {
            name: {"method": m, "settings": s, "regime": r} for name, (m, s, r) in CELLS.items()
        },
        "policy_sha256": json.loads(
            (HERE.parents[1] / "trlib/embedded/dial/card.json").read_text()
        )["sha256"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--table", action="store_true", help="print the recorded table and run nothing"
    )
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.table:
        print(table(pd.read_csv(HERE / "runs.csv")))
        return
    cells, seeds = zip(*product(CELLS, SEEDS), strict=True)
    rows, histories = [], []
    with ProcessPoolExecutor(arguments.workers) as pool:
        for row, history in pool.map(run, cells, seeds):
            print("{cell}, seed {seed}: {sampled:.3f}, {seconds:.1f} s".format(**row), flush=True)
            rows.append(row)
            histories.append(history)
    runs = pd.DataFrame(rows)
    runs.to_csv(HERE / "runs.csv", index=False, float_format="%.6g")
    pd.concat(histories).to_csv(HERE / "history.csv", float_format="%.6g")
    (HERE / "record.json").write_text(json.dumps(record(), indent=2) + "\n")
    readme = HERE / "README.md"
    before, after = readme.read_text().split("<!-- table -->\n")[0::2]
    readme.write_text(f"{before}<!-- table -->\n{table(runs)}\n<!-- table -->\n{after}")
    print(table(runs))


if __name__ == "__main__":
    main()
