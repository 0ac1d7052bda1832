"""Our loop against TRL's `GRPOTrainer` on SmolLM2 with LoRA, alternating, one thread.

    python -m benchmarks.smollm2.loop
        three pairs of runs of two batches, five minutes
    python -m benchmarks.smollm2.loop --table          write the recorded table again

Both sides train the same adapters from the same start on the same prompts, one update a batch.
Writes `loop.json` and its table into `README.md`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import torch

import trlib
from benchmarks.loop.sides import SIDES, Clock
from benchmarks.record import circumstances, compared, parser, placed, refill, write
from benchmarks.smollm2.run import LORA, RECIPE, REGIME, TASK

HERE = Path(__file__).parent
SHAPE = (REGIME["prompts"], REGIME["group"])


def one_run(
    side: str, policy: Any, start: dict[str, torch.Tensor], seed: int, batches: int
) -> dict[str, Any]:
    """One measured run from the given adapters; the first batch is not timed."""
    policy.load_state(start)
    policy.model.eval()
    clock = Clock()
    SIDES[side](policy, trlib.load_task("sums", **TASK), "one", batches, seed, clock, shape=SHAPE)
    count = (batches - 1) * SHAPE[0] * SHAPE[1]
    return {
        "side": side,
        "seed": seed,
        "completions_per_s": count / (clock.wall[-1] - clock.wall[0]),
        "completions_per_cpu_s": count / (clock.cpu[-1] - clock.cpu[0]),
        "tokens_a_completion": sum(clock.tokens) / len(clock.tokens) / SHAPE[0] / SHAPE[1],
        "rewards": clock.reward,
    }


def table(runs: list[dict[str, Any]]) -> str:
    """Medians of either side and their ratio, as a Markdown table."""
    lines = ["| | trlib | TRL | ratio |", "|---|---|---|---|"]
    for key, text in (
        ("completions_per_s", "completions a second"),
        ("completions_per_cpu_s", "completions a second of processor time"),
    ):
        found = compared(
            {side: [r[key] for r in runs if r["side"] == side] for side in ("trlib", "trl")}
        )
        lines.append("| {} | {trlib:.2f} | {trl:.2f} | **{ratio:.2f}** |".format(text, **found))
    return "\n".join(lines)


def filled(text: str) -> str:
    """README.md with the table as the record has it, and with how, when and on what it was made."""
    record = json.loads((HERE / "loop.json").read_text(encoding="utf-8"))
    h, v = record["hardware"], record["versions"]
    runs, timed, (prompts, group) = len(record["runs"]) // 2, record["batches"] - 1, record["shape"]
    made = (
        f"`{record['command']}`, {record['date']}, commit {record['commit']}; medians of {runs} "
        f"runs of either side, alternating, each timed over {timed} batch{'es' * (timed > 1)} of "
        f"{prompts} x {group} completions after one that is not; {h['processor']}, {h['cores']} "
        f"cores (load {h['load_before']} to {record['load_after']}), one thread; torch "
        f"{v['torch']}, transformers {v['transformers']}, trl {v['trl']}."
    )
    return placed(text, "loop", f"{table(record['runs'])}\n\n{made}")


def main() -> int:
    options = parser(__doc__, table=True)
    options.add_argument("--pairs", type=int, default=3)
    options.add_argument("--batches", type=int, default=2)
    args = options.parse_args()
    if not args.table:
        write(HERE / "loop.json", measure(args.pairs, args.batches))
    return refill(HERE / "README.md", filled)


def measure(pairs: int, batches: int) -> dict[str, Any]:
    """Every run, with what the record says of its making."""
    torch.set_num_threads(1)
    record = circumstances()
    policy = trlib.load_policy("smollm2", lora=LORA, chat=RECIPE.chat)
    start, runs = policy.state(), []
    for seed in range(pairs):
        for side in ("trlib", "trl") if seed % 2 == 0 else ("trl", "trlib"):
            runs.append(one_run(side, policy, start, seed, batches))
            print(runs[-1], file=sys.stderr, flush=True)
    return {
        **record,
        "load_after": round(os.getloadavg()[0], 2),
        "shape": SHAPE,
        "lora": LORA,
        "task": TASK,
        "batches": batches,
        "runs": runs,
    }


if __name__ == "__main__":
    sys.exit(main())
