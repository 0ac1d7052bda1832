"""Reference runs: what TRL logs when a run is healthy, and when one thing in it is wrong.

    python -m trcheck.diagnose.recorder                  every run that has no file yet, in this order
    python -m trcheck.diagnose.recorder lr_high-0 ...    these
    python -m trcheck.diagnose.recorder --gsm8k ...      those of a larger model (`make gpu`)

SmolLM2 (135 million parameters) with adapters learns two-digit sums in TRL's own GRPOTrainer, on one
thread: a minute of processor time is about ten updates. With --gsm8k it is Qwen2.5 (500 million) on
word problems, which needs a GPU and downloads both. A run becomes a file of JSON lines when it is
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
    """A parser that looks for a tag that nobody asked for."""
    return [float("<answer>" in str(text)) for text in completions]


def first(completions: list[str], answer: list[int], **others: Any) -> list[float]:
    """As `right`, of the number that a completion begins with, whatever follows."""
    begun = [text.split()[0] if text.split() else "" for text in completions]
    return right(begun, answer, **others)


def long(completion_ids: list[list[int]], **_: Any) -> list[float]:
    """Pays for every token."""
    return [len(ids) / 10 for ids in completion_ids]


Rewards = Callable[..., list[float]]


class Run(NamedTuple):
    """What is wrong with a run, in words, and what makes it so."""

    cause: str
    settings: Mapping[str, Any] = MappingProxyType({})
    reward: Rewards = right
    flipped: bool = False
    end: str = END


LR = 3e-4
HEALTHY = {
    "healthy": Run("one update per batch"),
    "reuse": Run("four updates per batch", {"num_iterations": 4}),
    "penalty": Run("a small KL weight", {"beta": 0.04}),
}
ILL = {
    "lr_high": Run("learning rate ten times too high", {"learning_rate": 10 * LR}),
    "lr_low": Run("learning rate ten times too low", {"learning_rate": LR / 10}),
    "parser": Run("a reward whose parser is always wrong", reward=blind),
    "length": Run("a reward that pays for length", {"max_completion_length": 2.0}, long),
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
    "cut": Run("completions cut at the limit", {"max_completion_length": 3 / 8}),
    "pairs": Run("groups of two", {"num_generations": 2}),
    "sign": Run("advantages of the wrong sign", flipped=True),
    "no_end": Run("an end token that is never learnt", reward=first, end="<|endoftext|>"),
}
RUNS = {**HEALTHY, **ILL}
ORDER = [
    *("healthy-0", "lr_high-0", "sign-0", "healthy-1", "parser-0", "no_end-0", "length-0"),
    *("reuse-0", "stale-0", "healthy-2", "temperature-0", "cut-0", "pairs-0", "kl_collapse-0"),
    *(
        "kl_heavy-0",
        "lr_low-0",
        "reuse-1",
        "reuse-2",
        "penalty-0",
        "penalty-1",
        *(f"{name}-1" for name in ILL),
    ),
]


class Setup(NamedTuple):
    """What learns, and what it learns."""

    policy: str
    model: str
    limit: int
    """Tokens of a completion. A run's own `max_completion_length` is a share of it."""
    batch: int
    problems: Callable[[int, int], tuple[Any, Rewards]]
    """The data set of a seed, with so many rows, and the reward of a completion that may end."""
    folder: Path = FOLDER
    device: str = "cpu"


def sums(seed: int, rows: int) -> tuple[Any, Rewards]:
    """A data set of sums, every one asked once."""
    from datasets import Dataset

    pairs = [(a, b) for a in range(10, 100) for b in range(10, 100)]
    chosen = random.Random(seed).sample(pairs, rows)
    asked = [{"prompt": PROMPT.format(a, b, end=END), "answer": a + b} for a, b in chosen]
    return Dataset.from_list(asked), right


def word_problems(seed: int, rows: int) -> tuple[Any, Rewards]:
    """GSM8K as chats; the reward is the task's own."""
    from datasets import Dataset

    import trlib

    task = trlib.load_task("gsm8k")
    drawn = task.prompts(rows, seed=seed)

    def judged(completions: list[Any], place: list[int], **_: Any) -> list[float]:
        texts = [turns[-1]["content"] for turns in completions]
        return [
            task.verify(drawn[i], text, ended=True).reward
            for i, text in zip(place, texts, strict=True)
        ]

    return Dataset.from_list(
        [
            {"prompt": [{"role": "user", "content": one.text}], "place": i}
            for i, one in enumerate(drawn)
        ]
    ), judged


SUMS = Setup(
    "smollm2",
    "SmolLM2-135M-Instruct with adapters of rank 8, two-digit sums",
    limit=8,
    batch=16,
    problems=sums,
)
GSM8K = Setup(
    "Qwen/Qwen2.5-0.5B-Instruct",
    "Qwen2.5-0.5B-Instruct with adapters of rank 8, GSM8K",
    limit=256,
    batch=64,
    problems=word_problems,
    folder=FOLDER / "gsm8k",
    device="cuda",
)


def record(name: str, setup: Setup = SUMS, updates: int = UPDATES) -> None:
    """Train the run `name`, CAUSE-SEED, and write its file into the setup's folder."""
    import torch
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    import trlib

    torch.set_num_threads(1)
    cause, _, seed = name.rpartition("-")
    run = RUNS[cause]
    on_cpu = setup.device == "cpu"
    policy = trlib.load_policy(
        setup.policy, dtype="float32" if on_cpu else "bfloat16", device=setup.device
    )
    own = (right,) if setup.problems is sums else (right, first)
    rows, reward = setup.problems(int(seed), setup.batch * updates)
    tokenizer = policy.tokenizer
    if on_cpu or run.end != END:
        tokenizer.eos_token = run.end
    policy.model.generation_config.eos_token_id = tokenizer.eos_token_id
    settings: dict[str, Any] = {
        "learning_rate": LR,
        "lr_scheduler_type": "constant",
        "max_steps": updates,
        "per_device_train_batch_size": setup.batch,
        "num_generations": 8,
        "seed": int(seed),
        **run.settings,
        "max_completion_length": int(run.settings.get("max_completion_length", 1) * setup.limit),
    }
    setup.folder.mkdir(exist_ok=True)
    part = setup.folder / f"{name}.part"
    about = {
        "kind": "healthy" if cause in HEALTHY else "ill",
        "cause": run.cause,
        "command": f"python -m trcheck.diagnose.recorder{'' if on_cpu else ' --gsm8k'} {name}",
        "versions": {p: metadata.version(p) for p in ("trl", "transformers", "torch", "peft")},
        "seed": int(seed),
        "model": setup.model,
        "settings": settings,
    }
    with part.open("w", encoding="utf-8") as file:

        def write(row: dict[str, Any]) -> None:
            print(json.dumps(row), file=file, flush=True)

        class Rows(TrainerCallback):
            def on_log(self, *_: Any, logs: dict[str, float], **__: Any) -> None:
                if "loss" in logs:  # of a batch's later updates too, which have no reward
                    write(logs)

        class Trainer(GRPOTrainer):
            def _generate_and_score_completions(self, inputs: Any) -> Any:
                output = super()._generate_and_score_completions(inputs)
                if run.flipped:
                    output["advantages"] = -output["advantages"]
                return output

        write(about)
        with tempfile.TemporaryDirectory() as scratch:
            Trainer(
                model=policy.model,
                processing_class=tokenizer,
                reward_funcs=reward if run.reward in own else run.reward,
                train_dataset=rows,
                peft_config=LoraConfig(r=8, target_modules="all-linear"),
                callbacks=[Rows()],
                args=GRPOConfig(
                    **settings,
                    output_dir=scratch,
                    logging_steps=1,
                    save_strategy="no",
                    report_to="none",
                    use_cpu=on_cpu,
                    bf16=not on_cpu,
                    gradient_checkpointing=False,
                    disable_tqdm=True,
                ),
            ).train()
    part.rename(part.with_suffix(".jsonl"))


def main() -> None:
    words = sys.argv[1:]
    setup = GSM8K if "--gsm8k" in words else SUMS
    for name in [word for word in words if word != "--gsm8k"] or ORDER:
        if not (setup.folder / f"{name}.jsonl").exists():
            record(name, setup)


if __name__ == "__main__":
    main()
