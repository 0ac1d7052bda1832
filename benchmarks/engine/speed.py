"""How fast is the page's engine? Milliseconds per batch of 16 x 8 in Chromium and in torch,
alternating, one thread.

    python -m benchmarks.engine.speed
        5 pairs of runs in both regimes; about 1 minute
    python -m benchmarks.engine.speed --pairs 2 --record ''       print only

A batch is everything: sampling, verifying, advantages, updates, exact metrics; in the page also the
messages that a page draws from. The table is of processor time, which other processes on the
machine disturb less: that of all of Chromium's processes, and of torch's one; the record holds the
wall's time too. Writes benchmarks/engine/speed.json.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks.engine.sides import LABELS, REGIMES, Page, chromium_page, in_torch
from benchmarks.record import circumstances, compared, finish, parser
from trbook.explorables.engine import record as build

HERE = Path(__file__).parent
BATCHES = {"gentle": 24, "stale": 10}


def pairs(page: Page, regime: str, count: int) -> list[dict[str, Any]]:
    """`count` pairs of runs, a seed each; who goes first alternates."""
    runs = []
    for seed in range(count):
        sides = (page.run, in_torch) if seed % 2 == 0 else (in_torch, page.run)
        for side in sides:
            run = side(regime, BATCHES[regime], seed)
            runs.append(
                {name: run[name] for name in ("side", "regime", "seed", "wall_ms", "cpu_ms")}
            )
            print(
                f"  {regime:<6} {seed} {run['side']:<5} {run['wall_ms']:6.0f} ms, by processor "
                f"time {run['cpu_ms']:6.0f} ms",
                flush=True,
            )
    return runs


def summary(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Medians of either side by regime, and their ratio."""
    rows: list[dict[str, Any]] = []
    for regime in REGIMES:
        row: dict[str, Any] = {"regime": regime}
        for key in ("wall_ms", "cpu_ms"):
            row[key] = compared(
                {
                    side: [r[key] for r in runs if (r["regime"], r["side"]) == (regime, side)]
                    for side in ("torch", "page")
                }
            )
        rows.append(row)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The summaries as the Markdown table of benchmarks/README.md."""
    lines = [
        "| updates | page, per batch | torch, per batch | torch / page (lowest to highest pair) |",
        "|---|---|---|---|",
    ]
    for row in rows:
        cpu = row["cpu_ms"]
        span = f"({cpu['lowest_pair']:.2f} to {cpu['highest_pair']:.2f})"
        lines.append(
            f"| {LABELS[row['regime']]} | {cpu['page']:.0f} ms | {cpu['torch']:.0f} ms "
            f"| **{cpu['ratio']:.2f}** {span} |"
        )
    return "\n".join(lines)


def main() -> int:
    options = parser(__doc__, HERE / "speed.json")
    options.add_argument("--pairs", type=int, default=5, help="runs of either side")
    args = options.parse_args()
    record = circumstances()
    with chromium_page() as page:
        runs = [run for regime in REGIMES for run in pairs(page, regime, args.pairs)]
    rows = summary(runs)
    found = {"engine": build()["sources"], "summary": rows, "runs": runs}
    return finish(args.record, record, table(rows), **found)


if __name__ == "__main__":
    sys.exit(main())
