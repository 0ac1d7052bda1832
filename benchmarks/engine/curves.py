"""Does the page's engine learn as torch does? Learning curves of both over 16 seeds, gently and on stale batches.

    python -m benchmarks.engine.curves                     16 seeds of both sides in both regimes; about 4 minutes
    python -m benchmarks.engine.curves --seeds 4 --record ''      print only

Fixed before the first run: a run is told by its final reward (mean of the last ten batches) and its area (mean of all);
the sides are alike where the 95 % interval of the difference of their interquartile means lies within MARGIN of 0
(`trlib.lab.significance.alike_p`), and they differ where a permutation test finds one side above the other more often
than chance allows (`improvement_p`), p below .05 after Holm's correction over the four questions. Writes
benchmarks/engine/curves.json with every reward of every run.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine.sides import LABELS, chromium_page, in_torch
from benchmarks.record import circumstances, write
from trlib.lab.significance import alike_p, holm, improvement_p
from trlib.lab.statistics import difference, iqm
from trlib.pages.explorables.engine import record as build

HERE = Path(__file__).parent
SEEDS, LAST, MARGIN = 16, 10, 0.05
BATCHES = {"gentle": 40, "stale": 20}
MEASURES = {"final": lambda rewards: float(np.mean(rewards[-LAST:])), "area": lambda rewards: float(np.mean(rewards))}
LEVEL = 0.05


def verdicts(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each regime and measure: both interquartile means, and what the two tests say."""
    rows = []
    for regime in BATCHES:
        for measure, of in MEASURES.items():
            page, torch = ([of(run["rewards"]) for run in runs if run["regime"] == regime and run["side"] == side]
                           for side in ("page", "torch"))
            inside, _ = alike_p(page, torch, within=MARGIN)
            apart = difference(page, torch)
            rows.append({"regime": regime, "measure": measure, "page": iqm(page), "torch": iqm(torch),
                         "spread": {"page": float(np.std(page, ddof=1)), "torch": float(np.std(torch, ddof=1))},
                         "difference": [apart.value, apart.low, apart.high], "alike_p": inside,
                         "differ_p": improvement_p(page, torch)})
    for row, alike, differ in zip(rows, holm([row["alike_p"] for row in rows]),
                                  holm([row["differ_p"] for row in rows]), strict=True):
        row["verdict"] = "different" if differ < LEVEL else "alike" if alike < LEVEL else "open"
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The verdicts as the Markdown table of benchmarks/README.md."""
    names = {"final": f"last {LAST} batches", "area": "all batches"}
    lines = ["| updates | reward, mean of | page | torch | difference, 95 % interval "
             f"| p, {MARGIN} apart or more | p, as good | verdict |", "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        page, torch = (f"{row[side]:.3f} ± {row['spread'][side]:.3f}" for side in ("page", "torch"))
        value, low, high = (f"{x:+.3f}".replace("-", "−") for x in row["difference"])
        lines.append(f"| {LABELS[row['regime']]} | {names[row['measure']]} | {page} | {torch} "
                     f"| {value} [{low}, {high}] | {row['alike_p']:.2g} | {row['differ_p']:.2f} | **{row['verdict']}** |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--record", default=str(HERE / "curves.json"), help="where to write; '' for nowhere")
    args = parser.parse_args()
    record, runs = circumstances(), []
    with chromium_page() as page:
        for regime, batches in BATCHES.items():
            for seed in range(args.seeds):
                for run in (page.run(regime, batches, seed), in_torch(regime, batches, seed)):
                    run = {name: run[name] for name in ("side", "regime", "seed", "rewards")}
                    runs.append(run | {"rewards": [round(reward, 6) for reward in run["rewards"]]})
                print(regime, seed, *(f"{one['side']} {MEASURES['final'](one['rewards']):.3f}" for one in runs[-2:]),
                      flush=True)
    rows = verdicts(runs)
    record |= {"load_after": round(os.getloadavg()[0], 2), "engine": build()["sources"], "summary": rows, "runs": runs}
    print(table(rows))
    if args.record:
        write(Path(args.record), record)
    return 0


if __name__ == "__main__":
    sys.exit(main())
