"""Records what a batch promises beside completions put aside, for chapter 2:
`python -m tools.pack.aside`, a few minutes."""

from __future__ import annotations

import json
import platform
import sys
from importlib.metadata import version

import torch

from trbook.aside import GROUP, LR, METHODS, RECORD, SEEDS, STEPS, USES, promises


def main() -> int:
    torch.set_num_threads(1)
    found: dict[str, dict[str, list[list[list[float]]]]] = {}
    record = {
        "command": "python -m tools.pack.aside",
        "task": "dial",
        "settings": {"prompts": 16, "group": GROUP, "epochs": USES, "steps": STEPS, "lr": LR},
        "versions": {name: version(name).split("+")[0] for name in ("torch", "transformers")},
        "hardware": f"{platform.machine()} CPU, one thread",
        "promises": found,
    }
    for method, clip in METHODS.items():
        runs = {}
        for seed in SEEDS:
            runs[str(seed)] = [
                [[round(value, 5) for value in pair] for pair in batch]
                for batch in promises(clip=clip, seed=seed).tolist()
            ]
            print(f"{method}, seed {seed}: recorded", flush=True)
        found[method] = runs
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(json.dumps(record, separators=(",", ":")) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
