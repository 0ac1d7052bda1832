"""What a task is: prompts from a seed, an expert, and a verifier that says why."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from trlib import arguments
from trlib.errors import NonFiniteError, line_of

if TYPE_CHECKING:
    from torch import Tensor

    from trlib.model.completions import Completions

REASONS: tuple[str, ...] = ("right", "wrong answer", "bad arithmetic", "bad format", "no end")
"""The common reasons of a verdict, from the best to the worst. A task may give others of its
own."""
RIGHT: tuple[str, ...] = ("right", "good")
"""The reasons of a right completion."""


@dataclass(frozen=True)
class Prompt:
    """A question with its answer."""

    text: str
    """What the policy reads."""
    answer: str
    """What a right completion ends with."""
    difficulty: int = 0
    """How hard the prompt is, in the task's own unit (for `dial`, the number of moves)."""


@dataclass(frozen=True)
class Verdict:
    """What the verifier says about a completion."""

    reward: float
    """What the method is trained on: 1 for a right completion and 0 for a wrong one, or anything
    finite."""
    reason: str
    """One of REASONS, or a task's own. `evaluate` counts those in RIGHT and nothing else as
    right."""
    detail: str = ""
    """What exactly is wrong, in words; empty if the reason says it all."""

    @property
    def right(self) -> bool:
        """Whether the reason is one of RIGHT, whatever the reward is."""
        return self.reason in RIGHT


NO_END = Verdict(0.0, "no end", "the token limit came before the end token")


@dataclass(frozen=True)
class Recipe:
    """Settings under which a policy is known to learn a task: the command line's defaults for this
    pair.

    A task lists them in `recipes`, by the policy's name. `load_task`, `load_policy` and `train` do
    not read them."""

    knobs: Mapping[str, Any] = field(default_factory=dict)
    """The task's own settings."""
    lora: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the adapters; empty: none."""
    chat: bool | None = None
    """Whether prompts are put into the chat template; None: as the policy is."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of `trlib.train`."""


MEMBERS = {
    "name": 'the text `name`; add `name: ClassVar[str] = "mine"`',
    "max_tokens": "the number `max_tokens`; add the knob `max_tokens: int = 16`, or a property",
    "settings": "the property `settings`; add `@property` and `def settings(self): return "
    "knobs.settings(self)` (`from trlib.tasks import knobs`)",
    "prompts": "the method `prompts`; add `def prompts(self, n, *, seed)`, which returns n prompts",
    "verify": "the method `verify`; add `def verify(self, prompt, completion, *, ended)`, which "
    "returns a Verdict",
}
"""What a task must have, and how to add it."""


NEEDED = ("prompts", "verify", "max_tokens", "settings")  #: What training and evaluation read.


def lacking(missing: Iterable[str]) -> str:
    """Which members are missing, and what to write."""
    return f"it lacks {'; and '.join(MEMBERS[name] for name in missing)}"


def check_task(task: object, needed: Sequence[str] = NEEDED, *, argument: str = "task") -> None:
    """Check that a task has what is needed of it, before anything is computed.
    Raises TypeError: it is none, lacks a member (the message says what to add), or a property of it
    raises an error (named with its file and line)."""
    missing = [] if isinstance(task, type) else [name for name in needed if not _has(task, name)]
    if isinstance(task, type) or missing:
        more = f": {lacking(missing)}" if 0 < len(missing) < len(needed) else ""
        raise TypeError(
            f"{argument}: expected a task such as trlib.load_task('dial'), or prompts and a reward "
            f"function (reward=...), got {task!r}{more}"
        )


def _has(task: object, name: str) -> bool:
    """Whether it has the member; a property that raises an error of its own is told with its
    place."""
    member = getattr(type(task), name, None)
    try:
        getattr(task, name)
    except Exception as error:
        if not isinstance(member, property) or member.fget is None:
            return False
        code = member.fget.__code__
        raise TypeError(
            f"task: {type(task).__name__}'s property `{name}` "
            f"({code.co_filename}:{line_of(code, error)}) raises {type(error).__name__}: {error}"
        ) from error
    return True


def check_asked(prompt: object, completion: object, ended: object) -> None:
    """Check the arguments of a verifier.
    Raises TypeError: `prompt` is not a Prompt of texts, `completion` is not text, or `ended` is not
    True or False."""
    if not isinstance(prompt, Prompt):
        raise TypeError(
            "prompt: expected a Prompt such as task.prompts(1, seed=0)[0], got "
            f"{type(prompt).__name__}"
        )
    texts = {
        "prompt: its text": prompt.text,
        "prompt: its answer": prompt.answer,
        "completion": completion,
    }
    for name, value in texts.items():
        if not isinstance(value, str):
            raise TypeError(f"{name}: expected text, got {type(value).__name__}")
    arguments.flag("ended", ended)


def checked_prompts(prompts: object, n: int) -> list[Prompt]:
    """The prompts that a task returned.
    Raises TypeError, ValueError: not a list of `n` prompts, or one without text."""
    if not isinstance(prompts, list | tuple):
        raise TypeError(f"prompts: expected a list of {n} prompts, got {type(prompts).__name__}")
    if len(prompts) != n:
        raise ValueError(f"prompts: expected {n}, got {len(prompts)}")
    for i, prompt in enumerate(prompts):
        if not isinstance(prompt, Prompt):
            raise TypeError(f"prompts[{i}]: expected a trlib.tasks.Prompt, got {prompt!r}")
        if not isinstance(prompt.text, str) or not prompt.text:
            raise ValueError(f"prompts[{i}]: its text: expected words, got {prompt.text!r}")
    return list(prompts)


def checked_verdict(verdict: object, prompt: Prompt, completion: str) -> Verdict:
    """The verdict that a task returned.
    Raises TypeError, NonFiniteError: not a Verdict, or its reward is not a finite number or its
    reason is not text."""
    if not isinstance(verdict, Verdict):
        raise TypeError(
            f"expected Verdict(reward, reason), such as Verdict(1.0, 'right'), got {verdict!r}"
        )
    if not isinstance(verdict.reason, str):
        raise TypeError(
            f"reason: expected text, such as 'right' or 'wrong answer', got {verdict.reason!r}"
        )
    where = (
        f"the reward of {completion!r} for prompt {prompt.text!r} is {verdict.reward!r}, "
        "expected a finite number"
    )
    try:
        finite = math.isfinite(verdict.reward)
    except TypeError:
        raise TypeError(where) from None
    if not finite:
        raise NonFiniteError(where)
    return verdict


class Task(Protocol):
    """What a task has. *Tasks of your own* in the book writes some: frozen dataclasses whose fields
    are the knobs. Only methods that learn from an expert need `demonstrations`.

    A task may also have `ends_at`, a letter that ends a completion like the end token, such as the
    end of a line; `verify_many(prompts, completions, ended, token_ids)`, called instead of `verify`
    with all completions of a batch and their tokens; `most_prompts`, the number of its prompts if
    there are so few that an evaluation might ask one twice; and `recipes` (see `Recipe`)."""

    name: ClassVar[str]

    @property
    def max_tokens(self) -> int:
        """The token limit of a completion, its end token included."""

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that defines the task, as JSON values: `load_task(**task.settings)` is the
        same task."""

    def prompts(self, n: int, *, seed: int) -> list[Prompt]:
        """The first `n` prompts of a seed: ten prompts are the first ten of a hundred."""

    def demonstrations(self, prompts: Sequence[Prompt], *, seed: int) -> Sequence[str | None]:
        """An expert's completion of each prompt: right, without the end token; None if there is no
        expert.

        Only methods that learn from an expert call it; `trlib.tasks.expert` checks the result. A
        task whose expert may be wrong says so with an attribute `fallible` that is True."""

    def verify(self, prompt: Prompt, completion: str, *, ended: bool) -> Verdict:
        """Reward and reason of a completion (decoded, without the end token); `ended`: the end
        token was sampled, or a token that holds `ends_at`.
        Raises TypeError, ValueError: `prompt` is not of this task's kind; `completion` is not
        text."""

    def judge(self, prompts: Sequence[Prompt], completions: Completions) -> Tensor:
        """The verifier's rewards of a sampled batch, [B] in float32 on the batch's device.

        `prompts`: the batch's own N, in its order. A task that does not inherit from `Task` is
        judged by `verify_batch(task, prompts, completions)`.
        Raises TypeError, ValueError, NonFiniteError: as `verify_batch` does."""
        return rewards_of(verify_batch(self, prompts, completions), completions.tokens)


def rewards_of(verdicts: Sequence[Verdict], like: Tensor) -> Tensor:
    """Their rewards, [B] in float32 on the device of a tensor."""
    import torch

    rewards = [verdict.reward for verdict in verdicts]
    return torch.tensor(rewards, dtype=torch.float32, device=like.device)


def verify_batch(task: Task, prompts: Sequence[Prompt], completions: Completions) -> list[Verdict]:
    """What a task's verifier says about each of a batch's B completions.

    `prompts`: the batch's own N, in its order.
    Raises TypeError, ValueError: not a list of N prompts, or the verifier returned no verdict;
    NonFiniteError: a reward that is not a finite number; and what the verifier raises."""
    asked = checked_prompts(prompts, len(completions.prompt_ids))
    of_rows = [asked[g] for g in completions.group.tolist()]
    texts, ended = completions.texts(), completions.ended.tolist()
    rows = list(zip(of_rows, texts, ended, strict=True))
    if (together := getattr(task, "verify_many", None)) is not None:
        verdicts = together(of_rows, texts, ended, completions.token_ids())
    else:
        verdicts = (task.verify(prompt, text, ended=end) for prompt, text, end in rows)
    return [
        checked_verdict(verdict, prompt, text)
        for verdict, (prompt, text, _) in zip(verdicts, rows, strict=True)
    ]
