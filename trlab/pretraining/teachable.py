"""What a task has beyond `trlib.tasks.task.Task` if it teaches a base model of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Protocol

from trlib.tasks.task import Prompt, Task


class Teachable(Task, Protocol):
    """A task that `pretrain` can make a base model for."""

    words: ClassVar[tuple[str, ...]]
    """The vocabulary, special tokens aside."""
    varied: ClassVar[str]
    """The knob that makes prompts harder."""

    def lessons(self, *, seed: int) -> tuple[Iterator[tuple[Prompt, str]], Iterator[tuple[Prompt, str]]]:
        """What the base model reads, without end: first until it can, then for its habits."""
        ...

    def chosen(self, words: Sequence[str]) -> list[bool]:
        """Which words of a lesson's completion are choices: the others follow from the prompt and the words before."""
        ...

    def habits(self, completion: str) -> dict[str, bool]:
        """What the card counts beside right and wrong."""
        ...

    @property
    def usual(self) -> Task:
        """The task that the card's accuracies are of."""
        ...

    @property
    def levels(self) -> Mapping[int, Task]:
        """The same at single difficulties."""
        ...

    @property
    def story(self) -> str:
        """What the base model has read, and what it does: a paragraph of its README."""
        ...
