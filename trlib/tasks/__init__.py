"""Tasks: prompts to answer, and a verifier for the answers."""

from dataclasses import fields, is_dataclass
from inspect import signature
from typing import Any, cast

from trlib.errors import unknown
from trlib.tasks.aloud import Aloud
from trlib.tasks.data import DataTask
from trlib.tasks.dial import Dial
from trlib.tasks.gsm8k import Gsm8k
from trlib.tasks.relay import Relay
from trlib.tasks.spend import Spend
from trlib.tasks.sums import Sums
from trlib.tasks.tales import Tales
from trlib.tasks.task import MEMBERS, REASONS, Prompt, Recipe, Task, Verdict, lacking, verify_batch
from trlib.user_files import named

TASKS: dict[str, type[Task]] = {
    "dial": Dial,
    "spend": Spend,
    "relay": Relay,
    "tales": Tales,
    "sums": Sums,
    "aloud": Aloud,
    "gsm8k": Gsm8k,
}
"""Every task by its name."""


def load_task(name: str, **knobs: Any) -> Task:
    """A task by its name or from your own file (FILE.py:NAME), with its knobs:
    `load_task("dial", moves=(1, 8))`.
    Raises ValueError: an unknown name or knob (the message suggests the nearest), or a knob out of
    its range; TypeError: a knob of the wrong type."""
    kind = task_kind(name)
    known = signature(kind).parameters
    for knob in knobs:
        if knob not in known:
            raise unknown(f"knob of task {name!r}", knob, known)
    return kind(**knobs)


def task_kind(name: str) -> type[Task]:
    """The class of a task's name, or of FILE.py:NAME.
    Raises ValueError: an unknown name (the nearest is suggested), or a file without it; TypeError:
    the file's class is not a dataclass, or lacks something that a task needs."""
    kind: Any = named(
        "task", name, TASKS, lambda value: isinstance(value, type) and hasattr(value, "verify")
    )
    if not is_dataclass(kind):
        raise TypeError(
            f"task: expected a dataclass, whose fields are the task's knobs, got {name!r}, which "
            f"is not one: put `@dataclass(frozen=True)` above `class {kind.__name__}`"
        )
    known = {*dir(kind), *(field.name for field in fields(kind))}
    inherited = [part for part in vars(Task) if getattr(kind, part, None) is vars(Task)[part]]
    missing = [part for part in MEMBERS if part not in known or part in inherited]
    if missing:
        raise TypeError(
            f"task: expected what trlib.tasks.Task lists, got {name!r} without "
            f"{', '.join(missing)}: {lacking(missing)}"
        )
    return cast("type[Task]", kind)
