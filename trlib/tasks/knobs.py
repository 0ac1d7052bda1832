"""What the embedded tasks share: knobs that are checked and recorded, and random numbers by
seed."""

import operator
from collections.abc import Sequence
from dataclasses import fields
from random import Random
from typing import Any, ClassVar, TypeVar

from trlib import arguments
from trlib.tasks.task import Prompt, Task

T = TypeVar("T")
OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul}
"""What the sign of a sum, a difference or a product does."""


def validate(task: Any) -> None:
    """Turn the knobs of a frozen dataclass into Python's own numbers and tuples (JSON returns a
    pair as a list): the first line of a `__post_init__`."""
    arguments.validate(task)
    for field in fields(task):
        value = getattr(task, field.name)
        if isinstance(value, list) and all(isinstance(part, int | float) for part in value):
            object.__setattr__(task, field.name, tuple(value))


def settings(task: Any) -> dict[str, Any]:
    """A dataclass's name and knobs, as JSON values: `load_task(**settings)` is the same task."""
    return {"name": task.name, **arguments.as_json(task)}


class Embedded(Task):
    """What the embedded tasks have in common; each is a frozen dataclass, and its fields are its
    knobs."""

    name: ClassVar[str]

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that defines the task, as JSON values: `load_task(**task.settings)` is the
        same task."""
        return settings(self)

    def draw_prompt(self, random: Random) -> Prompt:
        """One prompt, drawn from `random`."""
        raise NotImplementedError

    def prompts(self, n: int, *, seed: int) -> list[Prompt]:
        """The first `n` prompts of a seed: ten prompts are the first ten of a hundred."""
        arguments.whole("n", n, least=0)
        random = stream(self.name, "prompts", seed)
        return [self.draw_prompt(random) for _ in range(n)]


def span(name: str, value: object, least: int, most: int | None = None) -> tuple[int, int]:
    """(low, high) from such a pair, or from one number that is both."""
    if not isinstance(value, tuple | list):
        one = arguments.whole(name, value, least=least, most=most)
        return one, one
    if len(value) != 2:
        raise ValueError(f"{name}: expected a number or a pair (low, high), got {value}")
    low, high = (arguments.whole(name, part, least=least, most=most) for part in value)
    if low > high:
        raise ValueError(f"{name}: expected low <= high, got {value}")
    return low, high


def stream(task: str, purpose: str, seed: int) -> Random:
    """Random numbers of a seed, for one purpose; use only `Random.random`, which is the same in
    every Python."""
    if type(seed := arguments.plain(seed)) is not int:
        raise TypeError(f"seed: expected a whole number, got {type(seed).__name__}")
    return Random(f"{task} {purpose} {seed}")


def draw(random: Random, n: int) -> int:
    """0 to n - 1, all equally likely."""
    return int(random.random() * n)


def without_repeats(random: Random, items: Sequence[T], n: int) -> list[T]:
    """`n` of the items in a drawn order; none is repeated before all have been drawn."""
    arguments.whole("n", n, least=0)
    left: list[T] = []
    drawn: list[T] = []
    for _ in range(n):
        left = left or list(items)
        k = draw(random, len(left))
        left[k], left[-1] = left[-1], left[k]
        drawn.append(left.pop())
    return drawn


def is_number(word: str) -> bool:
    """Whether a word consists only of the digits 0 to 9."""
    return word.isascii() and word.isdigit()
