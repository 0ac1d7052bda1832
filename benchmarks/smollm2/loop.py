"""Our loop against TRL's `GRPOTrainer` on SmolLM2 with LoRA, alternating, one thread.

    python -m benchmarks.smollm2.loop                            three pairs of runs of six batches
    python -m benchmarks.smollm2.loop --pairs 1 --record ''      print only

Both sides train the same adapters from the same start on the same prompts, one update a batch. Writes `loop.json`.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from statistics import median
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import torch

import trlib
from benchmarks.loop.sides import SIDES, Clock
from benchmarks.record import circumstances, write
from benchmarks.smollm2.run import LORA, REGIME, TASK

HERE = Path(__file__).parent
SHAPE = (REGIME["prompts"], REGIME["group"])


def one_run(side: str, policy: Any, start: dict[str, torch.Tensor], seed: int, batches: int) -> dict[str, Any]:
    """One measured run from the given adapters; the first batch is not timed."""
    policy.load_state(start)
    policy.model.eval()
    clock = Clock()
    SIDES[side](policy, trlib.load_task("sums", **TASK), "one", batches, seed, clock, shape=SHAPE)
    count = (batches - 1) * SHAPE[0] * SHAPE[1]
    return {"side": side, "seed": seed, "completions_per_s": count / (clock.wall[-1] - clock.wall[0]),
            "completions_per_cpu_s": count / (clock.cpu[-1] - clock.cpu[0]),
            "tokens_a_completion": sum(clock.tokens) / len(clock.tokens) / SHAPE[0] / SHAPE[1], "rewards": clock.reward}


def table(runs: list[dict[str, Any]]) -> str:
    """Medians of either side and their ratio, as a Markdown table."""
    lines = ["| | trlib | TRL | ratio |", "|---|---|---|---|"]
    for key, text in (("completions_per_s", "completions a second"),
                      ("completions_per_cpu_s", "completions a second of processor time")):
        ours, theirs = (median(r[key] for r in runs if r["side"] == side) for side in ("trlib", "trl"))
        lines.append(f"| {text} | {ours:.2f} | {theirs:.2f} | **{ours / theirs:.2f}** |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--batches", type=int, default=6)
    parser.add_argument("--record", default=str(HERE / "loop.json"), help="where to write; '' for nowhere")
    args = parser.parse_args()
    torch.set_num_threads(1)
    record = circumstances()
    policy = trlib.load_policy("smollm2", lora=LORA, chat=False)
    start, runs = policy.state(), []
    for seed in range(args.pairs):
        for side in ("trlib", "trl") if seed % 2 == 0 else ("trl", "trlib"):
            runs.append(one_run(side, policy, start, seed, args.batches))
            print(runs[-1], file=sys.stderr, flush=True)
    print(table(runs))
    if args.record:
        write(Path(args.record), {**record, "load_after": round(os.getloadavg()[0], 2), "shape": SHAPE, "lora": LORA,
                                  "task": TASK, "batches": args.batches, "runs": runs})
    return 0


if __name__ == "__main__":
    sys.exit(main())
