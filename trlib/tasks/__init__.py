"""What is asked, and how an answer is verified."""

from __future__ import annotations

from inspect import signature
from typing import Any

from trlib.errors import unknown
from trlib.tasks.dial import Dial
from trlib.tasks.gsm8k import Gsm8k
from trlib.tasks.spend import Spend
from trlib.tasks.sums import Sums
from trlib.tasks.task import REASONS, Prompt, Recipe, Task, Verdict

TASKS: dict[str, type[Task]] = {"dial": Dial, "spend": Spend, "sums": Sums, "gsm8k": Gsm8k}
"""Every task by its name."""

__all__ = ["REASONS", "TASKS", "Dial", "Gsm8k", "Prompt", "Recipe", "Spend", "Sums", "Task", "Verdict", "load_task"]


def load_task(name: str, **knobs: Any) -> Task:
    """A task by its name, its knobs set: `load_task("dial", moves=(1, 8))`.

    Raises:
        ValueError: an unknown name or knob (the message suggests the nearest), or a knob out of its range.
        TypeError: a knob of the wrong type.
    """
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    known = signature(TASKS[name]).parameters
    for knob in knobs:
        if knob not in known:
            raise unknown(f"knob of task {name!r}", knob, known)
    return TASKS[name](**knobs)
