"""Makes an embedded checkpoint again: a small Llama that has read a task's corpus.

Pretraining has two parts (`Teacher.lessons`). For `dial` the model first reads careful completions
only and learns to write down every position. Then it reads the task's mixture, in which most
completions skip that; meanwhile the learning rate falls to 0, so that the shares of the openers
settle. The first part ends when the model is good enough, not after a fixed number of steps:
arithmetic arrives in one sudden rise, at a different step for each seed and machine. For `dial` it
ends before the arithmetic is perfect. A policy that cannot unlearn it would not show what a trust
region is for.

The seed decides everything: the same seed, machine and versions give the same file, bit for bit.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from trlab.pretraining.learning import CONTEXT, Recipe, learn, untrained, word_tokenizer
from trlab.pretraining.teaching import (
    DialTeacher,
    RelayTeacher,
    SpendTeacher,
    TalesTeacher,
    Teacher,
)
from trlib.errors import unknown
from trlib.model.folders import replacing
from trlib.model.policy import Policy
from trlib.tasks import load_task
from trlib.tasks.relay import LONGEST

__all__ = ["BASES", "Base", "Recipe", "checksum", "pretrain"]


@dataclass(frozen=True)
class Base:
    """How a task's base model is made."""

    teacher: type[Teacher]
    """Writes the corpus that the model reads."""
    knobs: Mapping[str, Any] = field(default_factory=dict)
    """Knobs of the task that differ from its defaults."""
    recipe: Recipe = field(default_factory=Recipe)
    context: int = CONTEXT
    """Positions of the model: the most tokens that a prompt and its completion can have
    together."""


BASES: dict[str, Base] = {
    "dial": Base(DialTeacher, {"moves": (1, 8)}),
    "spend": Base(SpendTeacher, recipe=Recipe(steps=(1200, 200), until=0.9)),
    "relay": Base(
        RelayTeacher,
        {"horizon": LONGEST},
        Recipe(steps=(6000, 250), until=0.995, batch=16, hidden=32, heads=2, mlp=96),
        context=LONGEST + CONTEXT,
    ),
    "tales": Base(TalesTeacher, recipe=Recipe(steps=(6000, 1000), until=0.97, batch=64)),
}
"""The tasks that have a base model of their own."""


def pretrain(
    name: str, *, out: str | Path, seed: int = 0, recipe: Recipe | None = None, **knobs: Any
) -> dict[str, Any]:
    """Make the base checkpoint of a task and write it to the folder `out` in Hugging Face format.

    The folder also gets `card.json`: how the model was made, and its hash. It appears whole or not
    at all: an interrupted run leaves nothing behind.

    Args:
        name: the task, one of BASES.
        out: a folder that does not exist yet.
        seed: decides the weights and the corpus.
        recipe: sizes and schedule; None: the shipped checkpoint's.
        **knobs: the task's, as for `load_task`; the others are the shipped checkpoint's.

    Returns:
        The card.

    Raises:
        ValueError, TypeError: a task without a base model, an unknown knob.
        FileExistsError: `out` exists. CheckpointError: `out` cannot be written.
    """
    if name not in BASES:
        raise unknown("task with a base model", name, BASES)
    base, folder = BASES[name], Path(out).expanduser()
    recipe = recipe or base.recipe
    if folder.exists():
        raise FileExistsError(f"out: expected a folder that does not exist yet, got {out}")
    task = load_task(name, **{**base.knobs, **knobs})
    teacher = base.teacher(task)
    tokenizer = word_tokenizer(teacher.words, context=base.context)
    policy = Policy(name, untrained(tokenizer, recipe, task.max_tokens, seed), tokenizer)
    with replacing(folder, "out") as (new, _):
        with policy.threads():
            steps = learn(policy.model, tokenizer, teacher, recipe, seed)
        policy.save(new)
        given = [
            f"--knob {knob}={','.join(map(str, value)) if isinstance(value, tuple | list) else value}"
            for knob, value in knobs.items()
        ]
        card: dict[str, Any] = {
            "name": name,
            "command": " ".join([f"trlib pretrain {name} --seed {seed}", *given]),
            "seed": seed,
            "task": task.settings,
            "recipe": asdict(recipe),
            "steps": steps,
            "parameters": policy.size,
            "sha256": checksum(new),
            "machine": f"{platform.machine()}, one thread",
            "versions": {
                "python": platform.python_version(),
                **{p: version(p) for p in ("torch", "transformers")},
            },
        }
        (new / "card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return card


def checksum(folder: str | Path) -> str:
    """SHA-256 of a checkpoint's weights, as in its card."""
    return hashlib.sha256((Path(folder) / "model.safetensors").read_bytes()).hexdigest()
