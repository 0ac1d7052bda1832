"""Makes an embedded checkpoint: a small Llama that has read a task's corpus, with a card that says how.

A base model learns in two parts (`Teacher.lessons`). The model of `dial` first learns to write every
place (careful completions only), then the habit of usually not doing so (the task's mixture), its learning rate falling
to 0 so that the shares of the openers settle. The first part ends by what the model can do, not by a count of steps:
arithmetic comes in one rise whose moment differs from seed to seed and from machine to machine. For `dial` it ends
before the arithmetic is perfect, because a policy that cannot unlearn it would not show what a trust region is for.

Everything is decided by the seed: same seed, same machine, same versions, the same file bit for bit.
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

from trlab.pretraining.card import accuracies, checksum, command, readme, wilson
from trlab.pretraining.learning import CONTEXT, Progress, Recipe, learn, untrained
from trlab.pretraining.teaching import DialTeacher, SpendTeacher, Teacher
from trlab.pretraining.tokenizer import word_tokenizer
from trlib import checks
from trlib.errors import CheckpointError
from trlib.model.folders import free, replacing, writable
from trlib.model.policy import Policy
from trlib.tasks import load_task

__all__ = ["BASES", "Base", "Recipe", "checksum", "pretrain", "wilson"]


@dataclass(frozen=True)
class Base:
    """How a task's base model is made, unless you ask for something else."""

    teacher: type[Teacher]
    """What it is taught."""
    knobs: Mapping[str, Any] = field(default_factory=dict)
    """Where they are not the task's defaults."""
    recipe: Recipe = field(default_factory=Recipe)


BASES: dict[str, Base] = {
    "dial": Base(DialTeacher, {"moves": (1, 8)}),
    "spend": Base(SpendTeacher, recipe=Recipe(steps=(1200, 200), until=0.9)),
}
"""The tasks that have a base model of their own."""
CARD, README = OWN = ("card.json", "README.md")
"""What stands in its folder beside the model."""


def pretrain(
    name: str = "dial",
    *,
    out: str | Path,
    seed: int = 0,
    recipe: Recipe | None = None,
    check: int = 4000,
    overwrite: bool = False,
    progress: Progress = True,
    **knobs: Any,
) -> dict[str, Any]:
    """Make the base checkpoint of a task and write it to the folder `out` in Hugging Face format.

    Beside the model and its tokenizer the folder holds `card.json` (how it was made, its hash, its accuracies) and
    a README.md that says the same in words. The folder appears whole or not at all: an interrupted run leaves nothing.

    Args:
        name: the task, one of BASES.
        out: a folder that does not exist yet.
        seed: decides the weights, the corpus and the check.
        recipe: sizes and schedule; None: those of the shipped checkpoint.
        check: prompts of each measured accuracy.
        overwrite: replace `out` if it holds a checkpoint of `pretrain`.
        progress: a bar, or a function that is called with (step, steps, loss).
        **knobs: of the task, as for `load_task`; those not given are the shipped checkpoint's.

    Returns:
        The card.

    Raises:
        ValueError, TypeError: an unknown task or knob, a number out of range.
        FileExistsError: `out` exists (and `overwrite` is off, or it holds no checkpoint).
        CheckpointError: `out` cannot be written, or holds other files beside a checkpoint.
    """
    usual = BASES.get(name)
    task = load_task(name, **{**(usual.knobs if usual else {}), **knobs})
    if usual is None:
        raise ValueError(f"name: expected a task with a base model ({', '.join(map(repr, BASES))}), got {name!r}")
    teacher, recipe = usual.teacher(task), recipe or usual.recipe
    seed, check = checks.whole("seed", seed, least=0), checks.whole("check", check, least=1)
    tokenizer = word_tokenizer(teacher.words, context=CONTEXT)
    model = untrained(tokenizer, recipe, task.max_tokens, seed)
    policy = Policy(name, model, tokenizer)
    place = Path(out).expanduser()
    _vacant(place, overwrite)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"out: cannot write {str(out)!r}: {error.strerror or error}") from error
    writable(place.parent, "out")
    with policy.threads():
        begun = time.process_time()
        steps = learn(model, tokenizer, teacher, recipe, seed, progress)
        seconds = time.process_time() - begun
        accuracy = accuracies(model, tokenizer, teacher, check, seed)
    _vacant(place, overwrite)  # still
    with replacing(place, "out", OWN) as (folder, _):
        policy.save(folder)
        card = {
            "name": name,
            "command": command(name, seed, recipe, usual.recipe, knobs),
            "seed": seed,
            "task": task.settings,
            "recipe": asdict(recipe),
            "steps": steps,
            "parameters": policy.size,
            "sha256": checksum(folder),
            "seconds": round(seconds, 1),
            "machine": f"{platform.machine()}, one thread",
            "versions": {"python": platform.python_version(), **{p: version(p) for p in ("torch", "transformers")}},
            "accuracy": accuracy,
        }
        card = json.loads(json.dumps(card))
        (folder / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
        (folder / README).write_text(readme(card, teacher), encoding="utf-8")
        for file in folder.iterdir():
            file.chmod(0o644)
    return card


def _vacant(out: Path, overwrite: bool) -> None:
    """Complain of a place that holds something, but for a checkpoint that may be replaced."""
    if out.exists() and not overwrite:
        raise FileExistsError(f"out: expected a folder that does not exist yet, got {out}; overwrite=True replaces it")
    if out.exists() and not (out / CARD).is_file():
        raise FileExistsError(f"out: expected a checkpoint to overwrite (a folder with {CARD}), got {out}")
    free(out.resolve(), "out", OWN)
