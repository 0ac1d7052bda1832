"""A task from what TRL's trainers take: a data set of prompts, and a reward function."""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from trlib import arguments
from trlib.errors import MethodError, TrlibError, line_of
from trlib.tasks import knobs
from trlib.tasks.task import Prompt, Task, Verdict

Reward = Callable[..., Sequence[float | None]]
"""A reward function in TRL's signature: reward(prompts, completions, **columns)."""
HASHED = 1000  #: Rows of a data set that identify it in a run's record, spread evenly.
WRITE = (
    "write `def reward(prompts, completions, **columns)`, which returns a number for each "
    "completion, and pass it as reward=reward"
)


GIVEN = ("prompts", "completions", "completion_ids")
"""What a reward function gets beside the columns of the data set."""
NOT_GIVEN = dict.fromkeys(
    ("trainer_state", "log_extra", "log_metric", "environments"),
    " (TRL's trainers have it, and this loop does not: give it a default)",
)


class Messages(str):
    """The text of a conversational prompt, with its messages."""

    messages: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Row(Prompt):
    """A prompt with the columns of its row, without "prompt"."""

    columns: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, eq=False)
class DataTask(Task):
    """Prompts of a data set, with a reward function in place of a verifier.

    `trlib.train(policy, data, method, reward=reward)` makes one; it is also a task for
    `trlib.evaluate`. No row is repeated before all have been drawn, and an evaluation asks each at
    most once."""

    name: ClassVar[str] = "data"

    data: Any
    """A `datasets.Dataset`, or a list; a row is a text, a conversation (a list of messages with
    `role` and `content`), or a dict of columns, "prompt" among them."""
    reward: Reward | Sequence[Reward]
    """A function, or several whose rewards are added. It gets `prompts`, `completions`,
    `completion_ids` (a list of tokens each) and each column of the data set as a list of the same
    length, as far as it has arguments of these names. A conversation's completion is a list of one
    message. None: no reward from this function.
    Differs from: TRL, which also hands over `trainer_state`, `log_extra`, `log_metric` and
    `environments`, and takes functions that are async."""
    max_tokens: int = 256
    """The token limit of a completion, its end token included."""
    right_at: float = 1.0
    """A completion with at least this reward counts as right."""

    def __post_init__(self) -> None:
        streamed = not hasattr(self.data, "__len__") or not hasattr(self.data, "__getitem__")
        if streamed or isinstance(self.data, str | Mapping):
            raise TypeError(
                "task: expected a datasets.Dataset or a list of prompts, whose rows have numbers, "
                f"got {type(self.data).__name__}"
            )
        if not len(self.data):
            raise ValueError("task: expected a data set of at least one prompt, got an empty one")
        arguments.whole("max_tokens", self.max_tokens, least=1)
        arguments.number("right_at", self.right_at)
        self.row(0)
        for function in self.functions:
            _check_function(function, set(self.row(0).columns))

    @property
    def functions(self) -> tuple[Reward, ...]:
        several = isinstance(self.reward, Sequence)
        return tuple(self.reward) if several else (self.reward,)  # type: ignore[arg-type,return-value]

    @property
    def settings(self) -> dict[str, Any]:
        n = len(self.data)
        some = [self.data[i * n // min(n, HASHED)] for i in range(min(n, HASHED))]
        text = json.dumps(some, sort_keys=True, default=str)
        return {
            "rows": n,
            "digest": hashlib.blake2b(text.encode(), digest_size=6).hexdigest(),
            "reward": [_named(function) for function in self.functions],
            "max_tokens": self.max_tokens,
            "right_at": self.right_at,
        }

    def row(self, number: int) -> Row:
        """A row of the data set as a prompt.
        Raises TypeError, ValueError: it is none."""
        row, where = self.data[number], f"task: row {number}"
        if isinstance(row, Prompt):
            return Row(row.text, row.answer, row.difficulty, {"answer": row.answer})
        columns = dict(row) if isinstance(row, Mapping) else {"prompt": row}
        if "prompt" not in columns:
            got = ", ".join(map(repr, columns)) or "none"
            raise ValueError(f'{where}: expected a column "prompt", got {got}')
        prompt = columns.pop("prompt")
        text = prompt if isinstance(prompt, str) else _conversation(prompt, where)
        answer = columns.get("answer", "")
        return Row(text, answer if isinstance(answer, str) else str(answer), 0, columns)

    @property
    def most_prompts(self) -> int:
        """How many different prompts there are."""
        return len(self.data)

    def prompts(self, n: int, *, seed: int) -> list[Prompt]:
        """The first `n` rows of a seed: ten are the first ten of a hundred."""
        numbers = knobs.without_repeats(
            knobs.stream(self.name, "prompts", seed), range(len(self.data)), n
        )
        return [self.row(number) for number in numbers]

    def demonstrations(self, prompts: Sequence[Prompt], *, seed: int) -> list[str | None]:
        """None: a data set has no expert."""
        return [None] * len(prompts)

    def verify(self, prompt: Prompt, completion: str, *, ended: bool) -> Verdict:
        """As `verify_many`, of one completion whose tokens are not known."""
        return self.verify_many([prompt], [completion], [ended], [None])[0]

    def verify_many(
        self,
        prompts: Sequence[Prompt],
        completions: Sequence[str],
        ended: Sequence[bool],
        token_ids: Sequence[list[int] | None],
    ) -> list[Verdict]:
        """The rewards of all completions of a batch at once, as TRL asks for them.
        Raises MethodError: a reward function raised an error, or returned something unusable."""
        totals = [0.0] * len(prompts)
        given = _as_trl_gives_it(prompts, completions, token_ids)
        rewarded = [False] * len(prompts)
        for function in self.functions:
            for i, reward in enumerate(_rewards(function, given, len(prompts))):
                if reward is not None:
                    totals[i], rewarded[i] = totals[i] + reward, True
        if not all(rewarded):
            number = rewarded.index(False)
            raise MethodError(
                f"reward: expected a number for each completion from at least one function, got "
                f"None for {completions[number]!r}"
            )
        otherwise = ("no end", "wrong answer")
        return [
            Verdict(total, "right" if total >= self.right_at else otherwise[end])
            for total, end in zip(totals, ended, strict=True)
        ]


def task_of(task: Any, reward: Any, argument: str = "task") -> Any:
    """The task of a run or an evaluation: `task` itself, or the one that a data set and a reward
    function make.
    Raises TypeError: one of the two without the other."""
    verifies = hasattr(task, "verify")
    if reward is not None:
        if verifies:
            raise TypeError(
                "reward: expected None with a task that verifies its completions, got "
                f"{type(task).__name__} and {reward!r}"
            )
        return DataTask(task, reward)
    rows = isinstance(task, list | tuple) or hasattr(task, "column_names")
    if rows and not verifies:
        what = f"a {type(task).__name__} of {len(task)} prompts" if hasattr(task, "__len__") else ""
        raise TypeError(
            f"reward: expected a reward function with {what or 'a data set'} as {argument}, got "
            f"none; {WRITE}"
        )
    return task


def _conversation(prompt: Any, where: str) -> Messages:
    ok = isinstance(prompt, list | tuple) and len(prompt) > 0
    if not ok or not all(
        isinstance(m, Mapping) and {"role", "content"} <= m.keys() for m in prompt
    ):
        raise TypeError(
            f"{where}: expected a text, or a list of messages with `role` and `content`, got "
            f"{prompt!r}"
        )
    if prompt[-1]["role"] == "assistant":
        raise ValueError(
            f"{where}: expected a conversation that an answer follows, got one that ends with the "
            "assistant's"
        )
    single = len(prompt) == 1
    lines = [str(m["content"]) if single else f"{m['role']}: {m['content']}" for m in prompt]
    text = Messages("\n\n".join(lines))
    text.messages = tuple(prompt)
    return text


def _check_function(function: Any, columns: set[str]) -> None:
    """Refuse what is no reward function, or needs something that it will not get."""
    if not callable(function):
        raise TypeError(f"reward: expected a function, got {function!r}; {WRITE}")
    if inspect.iscoroutinefunction(function):
        raise TypeError(
            f"reward: expected a plain function, got {_named(function)}, which is async"
        )
    known = {*GIVEN, *columns}
    for name, parameter in _parameters(function).items():
        named = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if named and parameter.default is parameter.empty and name not in known:
            raise ValueError(
                f"reward: {_named(function)} takes {name!r}, expected arguments among "
                f"{', '.join(sorted(known))}{NOT_GIVEN.get(name, '')}"
            )


def _parameters(function: Any) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function).parameters


def _named(function: Any) -> str:
    """FILE:NAME of a function, without folders."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{Path(code.co_filename).name}:{name}" if code is not None else name


def _as_trl_gives_it(
    prompts: Sequence[Prompt], completions: Sequence[str], token_ids: Sequence[list[int] | None]
) -> dict[str, Any]:
    """The arguments of a reward function: those of `GIVEN`, and every column."""
    talks = [getattr(prompt.text, "messages", ()) for prompt in prompts]
    rows = [getattr(prompt, "columns", {}) for prompt in prompts]
    return {
        **{
            name: [row.get(name) for row in rows]
            for name in dict.fromkeys(n for r in rows for n in r)
        },
        "prompts": [list(talk) or str(p.text) for talk, p in zip(talks, prompts, strict=True)],
        "completions": [
            [{"role": "assistant", "content": text}] if talk else text
            for talk, text in zip(talks, completions, strict=True)
        ],
        "completion_ids": list(token_ids),
    }


def _rewards(function: Reward, given: Mapping[str, Any], n: int) -> list[float | None]:
    parameters = _parameters(function)
    every = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    try:
        returned = function(**{k: v for k, v in given.items() if every or k in parameters})
    except TrlibError:
        raise
    except Exception as error:
        code = getattr(inspect.unwrap(function), "__code__", None)
        line = "" if code is None else f" (line {line_of(code, error)})"
        raise MethodError(f"{_named(function)}{line}: {type(error).__name__}: {error}") from error
    try:
        if any(isinstance(r, str) for r in returned):
            raise TypeError("a text")
        rewards = [None if r is None else float(r) for r in returned]
    except (TypeError, ValueError) as error:
        raise MethodError(
            f"{_named(function)}: expected a list of {n} numbers, one per completion, got "
            f"{returned!r}"
        ) from error
    if len(rewards) != n:
        raise MethodError(
            f"{_named(function)}: expected {n} rewards, one per completion, got {len(rewards)}"
        )
    return rewards
