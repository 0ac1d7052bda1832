"""What a task is: prompts from a seed, an expert, and a verifier that says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from trlib import arguments

REASONS: tuple[str, ...] = ("right", "wrong answer", "bad arithmetic", "bad format", "no end")
"""The common reasons of a verdict, from the best to the worst. A task may give others of its own."""


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
    """What the method is trained on: 1 for a right completion and 0 for a wrong one, or anything finite."""
    reason: str
    """One of REASONS, or a task's own. `evaluate` counts "right" and nothing else as right."""
    detail: str = ""
    """What exactly is wrong, in words; empty if the reason says it all."""


@dataclass(frozen=True)
class Recipe:
    """Settings under which a policy is known to learn a task: the command line's defaults for this pair.

    A task lists them in `recipes`, a dict from a policy's name. In Python they are not used: `load_task`,
    `load_policy` and `train` have their own defaults.
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
    """Check the arguments of a verifier.
    Raises TypeError: `prompt` is not a Prompt of texts, `completion` is not text, or `ended` is not True or False."""
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
    """What a task has. One's own is a frozen dataclass in a file, its knobs the fields:

        @dataclass(frozen=True)
        class Echo:
            "Repeat a number."
            name: ClassVar[str] = "echo"
            largest: int = 99
            max_tokens: int = 4

            @property
            def settings(self):
                return knobs.settings(self)          # from trlib.tasks import knobs

            def prompts(self, n, *, seed):
                random = knobs.stream(self.name, "prompts", seed)
                numbers = [str(knobs.draw(random, self.largest + 1)) for _ in range(n)]
                return [Prompt(f"{number} :", number) for number in numbers]

            def verify(self, prompt, completion, *, ended):
                right = ended and completion.strip() == prompt.answer
                return Verdict(float(right), "right" if right else "wrong answer")

    `trlib train --task mine.py:Echo --knob largest=9` trains on it. Only methods that learn from an expert need
    `demonstrations` too.
    """

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
        """The first `n` prompts of a seed: ten prompts are the first ten of a hundred."""
        ...

    def demonstrations(self, prompts: Sequence[Prompt], *, seed: int) -> Sequence[str | None]:
        """An expert's completion of each prompt: right, without the end token; None if there is no expert.

        Only methods that learn from an expert call it; `trlib.tasks.expert` checks the result. A task whose expert may
        be wrong says so by an attribute `fallible` that is True.
        """
        ...

    def verify(self, prompt: Prompt, completion: str, *, ended: bool) -> Verdict:
        """Reward and reason of a completion (decoded, without the end token); `ended`: the end token was sampled.
        Raises TypeError, ValueError: `prompt` is none of this task's kind; a completion that is no text."""
        ...
