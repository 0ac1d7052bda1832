"""The card of a base model: how it was made, its hash, what it can do."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerFast

from trlab.pretraining.learning import Recipe
from trlab.pretraining.teaching import Teacher
from trlib.tasks import REASONS, Task

AT_ONCE = 128_000
"""Tokens that are sampled at once: 128 completions of 1,000."""


def checksum(folder: str | Path) -> str:
    """SHA-256 of a checkpoint's weights, as in its card."""
    return hashlib.sha256((Path(folder) / "model.safetensors").read_bytes()).hexdigest()


def accuracies(
    model: Any, tokenizer: PreTrainedTokenizerFast, teacher: Teacher, n: int, seed: int
) -> dict[str, Any]:
    """Sampled and greedy accuracy on the task's usual prompts, and sampled accuracy at each
    difficulty."""

    def measured(task: Task, *, greedy: bool = False) -> dict[str, Any]:
        return _accuracy(model, tokenizer, teacher, task, n, seed, greedy=greedy)

    usual = teacher.usual
    return {
        "n": n,
        "seed": seed,
        teacher.varied: usual.settings[teacher.varied],
        "sampled": measured(usual),
        "greedy": measured(usual, greedy=True),
        f"by_{teacher.varied}": {
            str(level): measured(task)["accuracy"] for level, task in teacher.levels.items()
        },
    }


@torch.no_grad()
def _accuracy(
    model: Any,
    tokenizer: PreTrainedTokenizerFast,
    teacher: Teacher,
    task: Task,
    n: int,
    seed: int,
    *,
    greedy: bool,
) -> dict[str, Any]:
    """Accuracy over `n` prompts, one completion each, sampled by transformers' `generate`."""
    from scipy.stats import binomtest

    prompts = task.prompts(n, seed=seed)
    sampling = (
        {"do_sample": False, "temperature": None, "top_k": None, "top_p": None} if greedy else {}
    )
    at_once, rows = max(1, AT_ONCE // task.max_tokens), []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for begin in range(0, n, at_once):
            texts = [prompt.text for prompt in prompts[begin : begin + at_once]]
            inputs = tokenizer(texts, return_tensors="pt", padding=True)
            tokens = model.generate(**inputs, **sampling, max_new_tokens=task.max_tokens)
            rows += tokens[:, inputs["input_ids"].shape[1] :].tolist()
    reasons, right = dict.fromkeys(REASONS, 0), 0
    habits = dict.fromkeys(teacher.habits(""), 0)
    texts = tokenizer.batch_decode(rows, skip_special_tokens=True)
    for prompt, text, row in zip(prompts, texts, rows, strict=True):
        verdict = task.verify(prompt, text, ended=tokenizer.eos_token_id in row)
        reasons[verdict.reason] = reasons.get(verdict.reason, 0) + 1
        right += verdict.right
        for name, shown in teacher.habits(text).items():
            habits[name] += shown
    low, high = binomtest(right, n).proportion_ci(method="wilson")
    return {
        "accuracy": round(right / n, 4),
        "interval": [round(float(low), 4), round(float(high), 4)],
        **{name: round(count / n, 4) for name, count in habits.items()},
        "reasons": reasons,
    }


def command(name: str, seed: int, recipe: Recipe, usual: Recipe, knobs: dict[str, Any]) -> str:
    """The command line that makes this model again."""
    changed = {
        f.name: value
        for f in fields(Recipe)
        if (value := getattr(recipe, f.name)) != getattr(usual, f.name)
    }
    options = [
        f"--{option} {setting}={','.join(map(str, value)) if isinstance(value, tuple | list) else value}"
        for option, settings in (("set", changed), ("knob", knobs))
        for setting, value in settings.items()
    ]
    return " ".join([f"trlib pretrain {name} --seed {seed}", *options])
