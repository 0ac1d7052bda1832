"""What a task is: prompts from a seed, an expert, and a verifier that says why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from trlib import arguments

REASONS: tuple[str, ...] = ("right", "wrong answer", "bad arithmetic", "bad format", "no end")
"""Every reason a verifier may give, from the best to the worst."""


@dataclass(frozen=True)
class Prompt:
    """A question with its answer."""

    text: str
    """What the policy reads."""
    answer: str
    """What a right completion ends with."""
    difficulty: int = 0
    """How hard the prompt is, in the task's own unit (of `dial`: the number of moves)."""


@dataclass(frozen=True)
class Verdict:
    """What the verifier says of a completion."""

    reward: float
    """1 for a right completion, else 0."""
    reason: str
    """One of REASONS."""
    detail: str = ""
    """What exactly is wrong, in words; empty where the reason says it all."""


@dataclass(frozen=True)
class Recipe:
    """Settings under which a policy is known to learn a task: what the command line takes where it is told nothing.

    A task names the policies that it has one for in `recipes`, a dict from a policy's name. Python's defaults are
    nobody's recipe: `load_task`, `load_policy` and `train` take what they are given.
    """

    knobs: Mapping[str, Any] = field(default_factory=dict)
    """Of the task."""
    lora: Mapping[str, Any] = field(default_factory=dict)
    """Of the adapters; empty: none."""
    chat: bool | None = None
    """Whether prompts are put into the chat template; None: as the policy is."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of `trlib.train`."""


def check_asked(prompt: object, completion: object, ended: object) -> None:
    """Check what a verifier is given, before it looks whether the prompt is of its own kind.

    Raises:
        TypeError: no prompt, or one whose text or answer is no text; a completion that is no text; `ended` no flag.
    """
    if not isinstance(prompt, Prompt):
        raise TypeError(f"prompt: expected a Prompt such as task.prompts(1, seed=0)[0], got {type(prompt).__name__}")
    for name, value in (
        ("prompt: its text", prompt.text),
        ("prompt: its answer", prompt.answer),
        ("completion", completion),
    ):
        if not isinstance(value, str):
            raise TypeError(f"{name}: expected text, got {type(value).__name__}")
    arguments.flag("ended", ended)


class Task(Protocol):
    """What the loop asks of a task."""

    name: ClassVar[str]

    @property
    def max_tokens(self) -> int:
        """The token limit of a completion, its end token included."""
        ...

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that defines the task, as JSON can hold it: `load_task(**task.settings)` is the same task."""
        ...

    def prompts(self, n: int, *, seed: int) -> list[Prompt]:
        """The first `n` prompts of a seed: the first ten of a hundred are the ten."""
        ...

    def demonstrations(self, prompts: Sequence[Prompt], *, seed: int) -> Sequence[str | None]:
        """An expert's completion of each prompt: right, without the end token; None where there is no expert. A task
        whose expert may be wrong says so by an attribute `fallible` that is True.

        Only methods that learn from an expert ask; `trlib.tasks.expert` checks what comes.
        """
        ...

    def verify(self, prompt: Prompt, completion: str, *, ended: bool) -> Verdict:
        """Reward and reason of a completion (decoded, without the end token); `ended`: the end token was sampled.

        Raises:
            TypeError, ValueError: `prompt` is none of this task's kind; a completion that is no text.
        """
        ...


class Teachable(Task, Protocol):
    """A task that teaches its own base model: what `trlib.pretrain` asks of it beside."""

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
