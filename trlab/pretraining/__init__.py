"""Makes an embedded checkpoint: a small Llama that has read a task's corpus, with a card that says
how.

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

import json
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from trlab.pretraining.card import accuracies, checksum, command
from trlab.pretraining.learning import CONTEXT, Progress, Recipe, learn, untrained
from trlab.pretraining.teaching import (
    DialTeacher,
    RelayTeacher,
    SpendTeacher,
    TalesTeacher,
    Teacher,
)
from trlab.pretraining.tokenizer import word_tokenizer
from trlib import checks
from trlib.model.folders import replacing, writable
from trlib.model.policy import Policy
from trlib.tasks import load_task
from trlib.tasks.relay import LONGEST

__all__ = ["BASES", "Base", "Recipe", "checksum", "pretrain"]


@dataclass(frozen=True)
class Base:
    """How a task's base model is made by default."""

    teacher: type[Teacher]
    """Writes the corpus that the model reads."""
    knobs: Mapping[str, Any] = field(default_factory=dict)
    """Knobs of the task that differ from its defaults."""
    recipe: Recipe = field(default_factory=Recipe)
    context: int = CONTEXT
    """Positions of the model: the most tokens that a prompt and its completion can have
    together."""
    check: int = 4000
    """Prompts of each accuracy."""


BASES: dict[str, Base] = {
    "dial": Base(DialTeacher, {"moves": (1, 8)}),
    "spend": Base(SpendTeacher, recipe=Recipe(steps=(1200, 200), until=0.9)),
    "relay": Base(
        RelayTeacher,
        {"horizon": LONGEST},
        Recipe(steps=(6000, 250), until=0.995, batch=16, hidden=32, heads=2, mlp=96),
        context=LONGEST + CONTEXT,
        check=300,
    ),
    "tales": Base(TalesTeacher, recipe=Recipe(steps=(6000, 1000), until=0.97, batch=64)),
}
"""The tasks that have a base model of their own."""


def pretrain(
    name: str = "dial",
    *,
    out: str | Path,
    seed: int = 0,
    recipe: Recipe | None = None,
    check: int | None = None,
    progress: Progress = True,
    **knobs: Any,
) -> dict[str, Any]:
    """Make the base checkpoint of a task and write it to the folder `out` in Hugging Face format.

    The folder also gets `card.json`: how the model was made, its hash, its accuracies. It appears
    whole or not at all: an interrupted run leaves nothing behind.

    Args:
        name: the task, one of BASES.
        out: a folder that does not exist yet.
        seed: decides the weights, the corpus and the check.
        recipe: sizes and schedule; None: the shipped checkpoint's.
        check: how many prompts each accuracy is measured on; None: as many as for the shipped
            checkpoint.
        progress: show a bar, or a function called with (step, steps, loss).
        **knobs: the task's, as for `load_task`; the others are the shipped checkpoint's.

    Returns:
        The card.

    Raises:
        ValueError, TypeError: an unknown task or knob, a number out of range.
        FileExistsError: `out` exists.
        CheckpointError: `out` cannot be written.
    """
    base = BASES.get(name)
    task = load_task(name, **{**(base.knobs if base else {}), **knobs})
    if base is None:
        raise ValueError(
            f"name: expected a task with a base model ({', '.join(map(repr, BASES))}), got {name!r}"
        )
    teacher, recipe = base.teacher(task), recipe or base.recipe
    seed = checks.whole("seed", seed, least=0)
    check = checks.whole("check", base.check if check is None else check, least=1)
    tokenizer = word_tokenizer(teacher.words, context=base.context)
    model = untrained(tokenizer, recipe, task.max_tokens, seed)
    policy = Policy(name, model, tokenizer)
    folder = Path(out).expanduser()
    if folder.exists():
        raise FileExistsError(f"out: expected a folder that does not exist yet, got {out}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    writable(folder.parent, "out")
    with policy.threads():
        start = time.process_time()
        steps = learn(model, tokenizer, teacher, recipe, seed, progress)
        seconds = time.process_time() - start
        accuracy = accuracies(model, tokenizer, teacher, check, seed)
    with replacing(folder, "out") as (new, _):
        policy.save(new)
        card = {
            "name": name,
            "command": command(name, seed, recipe, base.recipe, knobs),
            "seed": seed,
            "task": task.settings,
            "recipe": asdict(recipe),
            "steps": steps,
            "parameters": policy.size,
            "sha256": checksum(new),
            "seconds": round(seconds, 1),
            "machine": f"{platform.machine()}, one thread",
            "versions": {
                "python": platform.python_version(),
                **{p: version(p) for p in ("torch", "transformers")},
            },
            "accuracy": accuracy,
        }
        card = json.loads(json.dumps(card))
        (new / "card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return card
