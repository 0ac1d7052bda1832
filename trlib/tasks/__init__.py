"""What is asked, and how an answer is verified."""

from __future__ import annotations

from difflib import get_close_matches
from inspect import signature
from typing import Any

from trlib.tasks.dial import Dial
from trlib.tasks.task import REASONS, Prompt, Task, Verdict

TASKS: dict[str, type[Task]] = {"dial": Dial}
"""Every task by its name."""

__all__ = ["REASONS", "TASKS", "Dial", "Prompt", "Task", "Verdict", "load_task"]


def load_task(name: str, **knobs: Any) -> Task:
    """A task by its name, its knobs set: `load_task("dial", moves=(1, 8))`.

    Raises:
        ValueError: an unknown name or knob (the message suggests the nearest), or a knob out of its range.
        TypeError: a knob of the wrong type.
    """
    if name not in TASKS:
        raise ValueError(_unknown("task", name, list(TASKS)))
    known = list(signature(TASKS[name]).parameters)
    for knob in knobs:
        if knob not in known:
            raise ValueError(_unknown(f"knob of task {name!r}", knob, known))
    return TASKS[name](**knobs)


def _unknown(what: str, name: object, known: list[str]) -> str:
    near = get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"unknown {what}: expected one of {', '.join(map(repr, known))}, got {name!r}{hint}"
