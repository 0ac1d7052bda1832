"""Our loop against TRL's `GRPOTrainer`, and an update of it against one that is written out,
alternating, each run a process of its own, one thread each.

    python -m benchmarks.loop.run
        every regime, 5 pairs of runs; a few minutes
    python -m benchmarks.loop.run --regime one --pairs 3 --record ''      print only

Prints medians and the ratio of medians, by wall time and by processor time (which other processes
disturb less), and writes benchmarks/loop/loop.json.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.record import circumstances, compared, finish, in_a_process, parser

HERE = Path(__file__).parent
BATCHES = {"one": 60, "reuse": 25, "updates": 13}
LABELS = {"one": "1 update a batch", "reuse": "8 minibatches x 4 epochs", "updates": "16 epochs"}
PEERS = {"one": "trl", "reuse": "trl", "updates": "hand"}
NAMES = {"trl": "TRL", "hand": "by hand"}


def one_run(side: str, regime: str, batches: int, seed: int) -> dict[str, Any]:
    """One measured run in a fresh process."""
    return in_a_process(f"benchmarks.loop.sides {side} {regime} --batches {batches} --seed {seed}")


def pairs(regime: str, batches: int, count: int) -> list[dict[str, Any]]:
    """`count` pairs of runs, a seed each; who goes first alternates too."""
    runs = []
    for seed in range(count):
        for side in ("trlib", PEERS[regime])[:: 1 if seed % 2 == 0 else -1]:
            runs.append(one_run(side, regime, batches, seed))
            r = runs[-1]
            print(
                f"  {regime:<5} seed {seed} {side:<5} {r['completions_per_s']:7,.0f} "
                f"completions/s ({r['completions_per_cpu_s']:7,.0f} by processor time), "
                f"{r['tokens_a_completion']:.2f} tokens each, sampled accuracy "
                f"{r['sampled_accuracy']['value']:.3f}",
                flush=True,
            )
    return runs


def summary(regime: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians of either side and their ratio."""

    def each(key: str, side: str) -> list[Any]:
        """In the order of the seeds."""
        return [r[key] for r in sorted(runs, key=lambda r: r["seed"]) if r["side"] == side]

    sides = ("trlib", PEERS[regime])
    row: dict[str, Any] = {"regime": regime, "updates": LABELS[regime], "pairs": len(runs) // 2}
    for key in ("completions_per_s", "completions_per_cpu_s"):
        row[key] = compared({side: each(key, side) for side in sides})
    for key in ("tokens_a_completion", "reward_last_10"):
        row[key] = {side: median(each(key, side)) for side in sides}
    row["sampled_accuracy"] = {
        side: median(found["value"] for found in each("sampled_accuracy", side)) for side in sides
    }
    return row


def table(rows: list[dict[str, Any]]) -> str:
    """The summaries as the Markdown table of benchmarks/README.md."""
    lines = [
        "| updates | trlib | other | ratio (lowest to highest pair) | by processor time | sampled "
        "accuracy after |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        wall, cpu, found = (
            row["completions_per_s"],
            row["completions_per_cpu_s"],
            row["sampled_accuracy"],
        )
        peer = PEERS[row["regime"]]
        name = NAMES[peer]
        span = f"({wall['lowest_pair']:.2f} to {wall['highest_pair']:.2f})"
        lines.append(
            f"| {row['updates']} | {wall['trlib']:,.0f}/s | {wall[peer]:,.0f}/s {name} | "
            f"**{wall['ratio']:.2f}** {span} | {cpu['trlib']:,.0f} / {cpu[peer]:,.0f} = "
            f"**{cpu['ratio']:.2f}** | {found['trlib']:.3f} trlib, {found[peer]:.3f} {name} |"
        )
    return "\n".join(lines)


def main() -> int:
    options = parser(__doc__, HERE / "loop.json")
    options.add_argument("--regime", choices=(*BATCHES, "all"), default="all")
    options.add_argument("--pairs", type=int, default=5, help="runs of either side")
    options.add_argument("--batches", type=int, help="batches a run (default: 60, 25 and 13)")
    args = options.parse_args()
    record = circumstances()
    regimes = list(BATCHES) if args.regime == "all" else [args.regime]
    runs = [
        run
        for regime in regimes
        for run in pairs(regime, args.batches or BATCHES[regime], args.pairs)
    ]
    rows = [summary(regime, [run for run in runs if run["regime"] == regime]) for regime in regimes]
    return finish(args.record, record, table(rows), summary=rows, runs=runs)


if __name__ == "__main__":
    sys.exit(main())
