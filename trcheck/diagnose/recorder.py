"""Reference runs: what TRL logs when a run is healthy, and when one thing in it is wrong.

    python -m trcheck.diagnose.recorder                  every run that has no file yet, in this order
    python -m trcheck.diagnose.recorder lr_high-0 ...    these

SmolLM2 (135 million parameters) with adapters learns two-digit sums in TRL's own GRPOTrainer, on one
thread: a minute of processor time is about ten updates. A run becomes a file of JSON lines when it is
complete: first what it was, then each row as TRL logs it. What is interrupted begins again."""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

FOLDER = Path(__file__).with_name("reference")
UPDATES = 60
END = "<|im_end|>"
PROMPT = "12+30{end}42{end}{}+{}{end}"
"""A solved sum, then the one that is asked: fifteen tokens, so that an update is cheap."""


def right(completions: list[str], answer: list[int], **_: Any) -> list[float]:
    """0.2 for a number that ends, 0.3 more the nearer it is, and 0.5 more if it is right."""
    return [
        0.2 + 0.3 * max(0.0, 1 - abs(int(text) - wanted) / 100) + 0.5 * (int(text) == wanted)
        if text.isascii() and text.isdigit() and len(text) < 6
        else 0.0
        for text, wanted in zip((text.strip() for text in completions), answer, strict=True)
    ]


def blind(completions: list[str], **_: Any) -> list[float]:
    """A parser that looks for a box that nobody asked for."""
    return [float("\\boxed{" in text) for text in completions]


def first(completions: list[str], answer: list[int], **others: Any) -> list[float]:
    """As `right`, of the number that a completion begins with, whatever follows."""
    begun = [text.split()[0] if text.split() else "" for text in completions]
    return right(begun, answer, **others)


def long(completion_ids: list[list[int]], **_: Any) -> list[float]:
    """Pays for every token."""
    return [len(ids) / 10 for ids in completion_ids]


class Run(NamedTuple):
    """What is wrong with a run, in words, and what makes it so."""

    cause: str
    settings: Mapping[str, Any] = MappingProxyType({})
    reward: Callable[..., list[float]] = right
    flipped: bool = False
    end: str = END


LR = 3e-4
HEALTHY = {
    "healthy": Run("one update per batch"),
    "reuse": Run("four updates per batch", {"num_iterations": 4}),
}
ILL = {
    "lr_high": Run("learning rate ten times too high", {"learning_rate": 10 * LR}),
    "lr_low": Run("learning rate ten times too low", {"learning_rate": LR / 10}),
    "parser": Run("a reward whose parser is always wrong", reward=blind),
    "length": Run("a reward that pays for length", {"max_completion_length": 16}, long),
    "kl_heavy": Run("a KL weight that is too large", {"beta": 2.0}),
    "kl_collapse": Run(
        "a KL weight, and a learning rate that makes the run collapse",
        {"beta": 0.2, "learning_rate": 10 * LR},
    ),
    "temperature": Run(
        "a sampler at another temperature (0.5) than the loss",
        {"generation_kwargs": {"temperature": 0.5}},
    ),
    "stale": Run("samples up to sixteen updates old", {"steps_per_generation": 16}),
    "cut": Run("completions cut at the limit", {"max_completion_length": 3}),
    "pairs": Run("groups of two", {"num_generations": 2}),
    "sign": Run("advantages of the wrong sign", flipped=True),
    "no_end": Run("an end token that is never learnt", reward=first, end="<|endoftext|>"),
}
RUNS = {**HEALTHY, **ILL}
ORDER = [
    *("healthy-0", "lr_high-0", "sign-0", "healthy-1", "parser-0", "no_end-0", "length-0"),
    *("reuse-0", "stale-0", "healthy-2", "temperature-0", "cut-0", "pairs-0", "kl_collapse-0"),
    *("kl_heavy-0", "lr_low-0", "reuse-1", "reuse-2", *(f"{name}-1" for name in ILL)),
]


def prompts(seed: int, rows: int) -> Any:
    """A data set of sums, every one asked once."""
    from datasets import Dataset

    pairs = [(a, b) for a in range(10, 100) for b in range(10, 100)]
    chosen = random.Random(seed).sample(pairs, rows)
    return Dataset.from_list(
        [{"prompt": PROMPT.format(a, b, end=END), "answer": a + b} for a, b in chosen]
    )


def record(name: str, folder: Path = FOLDER, updates: int = UPDATES) -> None:
    """Train the run `name`, CAUSE-SEED, and write its file into `folder`."""
    import torch
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    import trlib

    torch.set_num_threads(1)
    cause, _, seed = name.rpartition("-")
    run = RUNS[cause]
    policy = trlib.load_policy("smollm2", dtype="float32")
    tokenizer = policy.tokenizer
    tokenizer.eos_token = run.end
    policy.model.generation_config.eos_token_id = tokenizer.eos_token_id
    settings: dict[str, Any] = {
        "learning_rate": LR,
        "lr_scheduler_type": "constant",
        "max_steps": updates,
        "per_device_train_batch_size": 16,
        "num_generations": 8,
        "max_completion_length": 8,
        "seed": int(seed),
        **run.settings,
    }
    part = folder / f"{name}.part"
    first = {
        "kind": "healthy" if cause in HEALTHY else "ill",
        "cause": run.cause,
        "command": f"python -m trcheck.diagnose.recorder {name}",
        "versions": {p: metadata.version(p) for p in ("trl", "transformers", "torch", "peft")},
        "seed": int(seed),
        "model": "SmolLM2-135M-Instruct with adapters of rank 8, two-digit sums",
        "settings": settings,
    }
    with part.open("w", encoding="utf-8") as file:

        def write(row: dict[str, Any]) -> None:
            print(json.dumps(row), file=file, flush=True)

        class Rows(TrainerCallback):
            def on_log(self, *_: Any, logs: dict[str, float], **__: Any) -> None:
                if "reward" in logs:
                    write(logs)

        class Trainer(GRPOTrainer):
            def _generate_and_score_completions(self, inputs: Any) -> Any:
                output = super()._generate_and_score_completions(inputs)
                if run.flipped:
                    output["advantages"] = -output["advantages"]
                return output

        write(first)
        with tempfile.TemporaryDirectory() as scratch:
            Trainer(
                model=policy.model,
                processing_class=tokenizer,
                reward_funcs=run.reward,
                train_dataset=prompts(int(seed), 16 * updates),
                peft_config=LoraConfig(r=8, target_modules="all-linear"),
                callbacks=[Rows()],
                args=GRPOConfig(
                    **settings,
                    output_dir=scratch,
                    logging_steps=1,
                    save_strategy="no",
                    report_to="none",
                    use_cpu=True,
                    bf16=False,
                    gradient_checkpointing=False,
                    disable_tqdm=True,
                ),
            ).train()
    part.rename(part.with_suffix(".jsonl"))


def main() -> None:
    for name in sys.argv[1:] or ORDER:
        if not (FOLDER / f"{name}.jsonl").exists():
            record(name)


if __name__ == "__main__":
    main()
