"""Does the page's engine learn as torch does? Learning curves of both over seeds, gently and on
stale batches.

    python -m benchmarks.engine.curves
        makes the runs that the record lacks; about 10 minutes for all
    python -m benchmarks.engine.curves --seeds 4 --record ''      print only

Fixed before the first run: a run is told by its final reward (mean of the last ten batches) and its
area (mean of all); the sides are alike where the 95 % interval of the difference of their
interquartile means lies within MARGIN of 0 (`trlab.significance.alike_p`), and they differ where a
permutation test finds one side above the other more often than chance allows (`improvement_p`), p
below .05 after Holm's correction over the four questions. Sixteen seeds of either side were
declared. They answered the gentle questions and left the stale ones open (the page's final reward
.047 lower, p .13), so 32 more were run there, under the same margin and tests: for those two, p is
what 48 seeds say as if 48 had been declared. Writes benchmarks/engine/curves.json with every reward
of every run.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine.sides import LABELS, chromium_page, in_torch
from benchmarks.record import circumstances, finish, parser
from trbook.explorables.engine import record as build
from trlab.significance import alike_p, holm, improvement_p
from trlab.statistics import difference, iqm

HERE = Path(__file__).parent
LAST, MARGIN = 10, 0.05
SEEDS = {"gentle": 16, "stale": 48}
BATCHES = {"gentle": 40, "stale": 20}
MEASURES = {
    "final": lambda rewards: float(np.mean(rewards[-LAST:])),
    "area": lambda rewards: float(np.mean(rewards)),
}
LEVEL = 0.05


def verdicts(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each regime and measure: both interquartile means, and what the two tests say."""
    rows: list[dict[str, Any]] = []
    for regime in BATCHES:
        for measure, of in MEASURES.items():
            page, torch = (
                np.array(
                    [
                        of(run["rewards"])
                        for run in runs
                        if run["regime"] == regime and run["side"] == side
                    ]
                )
                for side in ("page", "torch")
            )
            inside, _ = alike_p(page, torch, within=MARGIN)
            apart = difference(page, torch)
            rows.append(
                {
                    "regime": regime,
                    "measure": measure,
                    "page": iqm(page),
                    "torch": iqm(torch),
                    "spread": {
                        "page": float(np.std(page, ddof=1)),
                        "torch": float(np.std(torch, ddof=1)),
                    },
                    "difference": [apart.value, apart.low, apart.high],
                    "alike_p": inside,
                    "differ_p": improvement_p(page, torch),
                }
            )
    for row, alike, differ in zip(
        rows,
        holm([row["alike_p"] for row in rows]),
        holm([row["differ_p"] for row in rows]),
        strict=True,
    ):
        row["verdict"] = "different" if differ < LEVEL else "alike" if alike < LEVEL else "open"
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The verdicts as the Markdown table of benchmarks/README.md."""
    names = {"final": f"last {LAST} batches", "area": "all batches"}
    lines = [
        "| updates | reward, mean of | page | torch | difference, 95 % interval "
        f"| p, {MARGIN} apart or more | p, as good | verdict |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        page, torch = (f"{row[side]:.3f} ± {row['spread'][side]:.3f}" for side in ("page", "torch"))
        value, low, high = (f"{x:+.3f}".replace("-", "−") for x in row["difference"])
        lines.append(
            f"| {LABELS[row['regime']]} | {names[row['measure']]} | {page} | {torch} | {value} "
            f"[{low}, {high}] | {row['alike_p']:.2g} | {row['differ_p']:.2f} | "
            f"**{row['verdict']}** |"
        )
    return "\n".join(lines)


def main() -> int:
    options = parser(__doc__, HERE / "curves.json")
    options.add_argument("--seeds", type=int, help="of either side (default: 16 gentle, 48 stale)")
    args = options.parse_args()
    record, runs = circumstances(), []
    if args.record and Path(args.record).exists():
        runs = json.loads(Path(args.record).read_text(encoding="utf-8"))["runs"]
    there = {(run["regime"], run["seed"]) for run in runs}
    with chromium_page() as page:
        for regime, batches in BATCHES.items():
            for seed in range(args.seeds or SEEDS[regime]):
                if (regime, seed) in there:
                    continue
                for run in (page.run(regime, batches, seed), in_torch(regime, batches, seed)):
                    run = {name: run[name] for name in ("side", "regime", "seed", "rewards")}
                    runs.append(run | {"rewards": [round(reward, 6) for reward in run["rewards"]]})
                print(
                    regime,
                    seed,
                    *(
                        f"{one['side']} {MEASURES['final'](one['rewards']):.3f}"
                        for one in runs[-2:]
                    ),
                    flush=True,
                )
    rows = verdicts(runs)
    found = {"engine": build()["sources"], "summary": rows, "runs": runs}
    return finish(args.record, record, table(rows), **found)


if __name__ == "__main__":
    sys.exit(main())
