"""Our sampler against transformers' `generate`, alternating, one thread: 16 completions of each of
16 prompts.

    python -m benchmarks.loop.sampling

Ours returns the log-prob of every token as well; `generate` is timed without. Tokens are those up
to the end token. Two policies: the base one, whose completions are short and end at different
places, and the trained one, which writes every place. Prints medians and their ratio and writes
benchmarks/loop/sampling.json.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch

import trlib
from benchmarks.loop.sides import GROUP, PROMPTS
from benchmarks.record import circumstances, finish, parser
from trlib.algorithms import GRPO
from trlib.model.policy import Policy
from trlib.model.rollout import sample

TRAINED = 30
"""Batches of GRPO that make the trained policy."""


def ours(policy: Policy, texts: list[str], limit: int, seed: int) -> int:
    """Sampled tokens of one call."""
    return int(sample(policy, texts, group=GROUP, max_tokens=limit, seed=seed).mask.sum())


def generate(policy: Policy, texts: list[str], limit: int, seed: int) -> int:
    """Sampled tokens of one call of `generate`, up to each row's end token."""
    inputs = policy.tokenizer(texts, return_tensors="pt", padding=True)
    torch.manual_seed(seed)
    with torch.no_grad():
        rows = policy.model.generate(
            **inputs,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            max_new_tokens=limit,
            num_return_sequences=GROUP,
        )
    ends = rows[:, inputs["input_ids"].shape[1] :] == policy.end_id
    return int((ends.cumsum(1) - ends.int() == 0).sum())


SIDES: dict[str, Callable[[Policy, list[str], int, int], int]] = {
    "trlib": ours,
    "generate": generate,
}


def compare(policy: Policy, task: Any, calls: int) -> dict[str, dict[str, float]]:
    """Tokens per second of wall and processor time: medians of alternating calls on the same
    prompts."""
    rates: dict[str, list[tuple[float, float, float]]] = {side: [] for side in SIDES}
    with policy.threads():
        for k in range(-3, calls):
            texts = [prompt.text for prompt in task.prompts(PROMPTS, seed=k + 3)]
            for side, run in SIDES.items():
                wall, cpu = time.perf_counter(), time.process_time()
                tokens = run(policy, texts, task.max_tokens, k + 3)
                wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
                if k >= 0:
                    rates[side].append((tokens / wall, tokens / cpu, tokens / (PROMPTS * GROUP)))
    names = ("tokens_per_s", "tokens_per_cpu_s", "tokens_a_completion")
    return {
        side: dict(zip(names, map(median, zip(*found, strict=True)), strict=True))
        for side, found in rates.items()
    }


def table(found: dict[str, dict[str, dict[str, float]]]) -> str:
    """The Markdown table of benchmarks/README.md."""
    lines = [
        "| policy | trlib | generate | ratio | by processor time | tokens a completion |",
        "|---|---|---|---|---|---|",
    ]
    for name, sides in found.items():
        a, b = sides["trlib"], sides["generate"]
        cpu = a["tokens_per_cpu_s"] / b["tokens_per_cpu_s"]
        lines.append(
            f"| {name} | {a['tokens_per_s']:,.0f} tokens/s | {b['tokens_per_s']:,.0f} tokens/s "
            f"| **{a['tokens_per_s'] / b['tokens_per_s']:.2f}** | {cpu:.2f} "
            f"| {a['tokens_a_completion']:.2f} |"
        )
    return "\n".join(lines)


def main() -> int:
    options = parser(__doc__, Path(__file__).with_suffix(".json"))
    options.add_argument("--calls", type=int, default=60, help="timed calls of either")
    args = options.parse_args()
    record, task, policy = circumstances(), trlib.load_task("dial"), trlib.load_policy("dial")
    found = {"base": compare(policy, task, args.calls)}
    trlib.train(policy, task, GRPO(), steps=TRAINED, progress=False)
    found["trained"] = compare(policy, task, args.calls)
    return finish(args.record, record, table(found), summary=found)


if __name__ == "__main__":
    sys.exit(main())
