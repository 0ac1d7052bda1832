"""Sums thought aloud: a language model that has read arithmetic writes its steps before its answer.

    prompt      18 + 25 + 31:     (after solved sums of the same kind, a line each)
    right        18 + 25 = 43, 43 + 31 = 74. Answer 74

A completion ends with its line (`ends_at`). Only the answer is rewarded; the verdict on a wrong one
names the first step that is wrong."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from trlib.arguments import setting
from trlib.errors import DataError, first_line
from trlib.tasks import knobs
from trlib.tasks.knobs import OPERATIONS, span, stream
from trlib.tasks.task import Prompt, Recipe, Verdict, check_asked

if TYPE_CHECKING:
    import datasets

MOST = 1_000_000  #: Problems in a table, at most.
COLUMNS = {"question": str, "steps": str, "answer": int}  #: Of a table of problems.
STEP = re.compile(r"(?<!\d)(-?\d{1,30}) ?([-+*]) ?(\d{1,30}) ?= ?(-?\d{1,30})", re.ASCII)
ANSWER = re.compile(r"\bAnswer:? ?(-?\d{1,30})\.?\s*\Z", re.ASCII)
Step = tuple[int, str, int, int]  #: Left, sign, right, result.


@dataclass(frozen=True)
class Aloud(knobs.Embedded):
    """Sums of several numbers, a step at a time; it has no model of its own.

    The problems are a table of the library `datasets` (`problems`): look at it, filter it, or put
    another in its place (`path`). A prompt's difficulty is how many of its additions carry a
    ten."""

    name: ClassVar[str] = "aloud"
    ends_at: ClassVar[str] = "\n"
    recipes: ClassVar[Mapping[str, Recipe]] = {
        "smollm2": Recipe(
            lora={"r": 8, "target_modules": "all-linear"},
            chat=False,
            settings={"steps": 24, "prompts": 8, "group": 8, "lr": 5e-4, "warmup": 5, "probe": 8},
        )
    }

    numbers: int | tuple[int, int] = (10, 40)
    """The range (low, high) of a question's numbers, both ends included; one number: always
    that."""
    terms: int = setting(3, least=2)
    """How many numbers a question adds."""
    examples: int = setting(2, least=0)
    """How many solved questions come before the prompt's own, one per line, the same in every
    prompt."""
    path: str | None = None
    """A folder that `Dataset.save_to_disk` wrote: other problems, with the columns of `problems`.
    None: every sum of `terms` such `numbers`."""
    max_tokens: int = setting(32, least=1)
    """The token limit of a completion, its end included."""

    def __post_init__(self) -> None:
        knobs.validate(self)
        low, high = span("numbers", self.numbers, 0)
        if not isinstance(self.path, str | os.PathLike | None):
            raise TypeError(f"path: expected text, got {type(self.path).__name__}")
        if self.path is not None:
            object.__setattr__(self, "path", str(self.path))
            _ = self.problems
        elif (count := (high - low + 1) ** self.terms) > MOST:
            raise ValueError(
                f"numbers, terms: expected at most {MOST:,} different questions, got {count:,}"
            )

    @cached_property
    def problems(self) -> "datasets.Dataset":
        """Every problem once, in a mixed order that is always the same: `question`, `steps` and
        `answer`. The first `examples` of them are the solved ones; the others are asked.

            hard = task.problems.filter(lambda row: row["answer"] > 99)
            hard.save_to_disk("hard")
            trlib.load_task("aloud", path="hard")

        Raises DataError: no such table in `path`, a column that it lacks, a problem that is not
        one line, or too few of them."""
        from datasets import Dataset

        rows = Dataset.from_dict(self._sums()) if self.path is None else self._saved(self.path)
        if len(rows) <= self.examples:
            raise DataError(
                f"{self._where}: expected more than examples = {self.examples} problems, got "
                f"{len(rows)}"
            )
        return rows

    def prompts(self, n: int, *, seed: int) -> list[Prompt]:
        """The first `n` prompts of a seed: ten prompts are the first ten of a hundred. No problem
        is repeated before all have been drawn."""
        random = stream(self.name, "prompts", seed)
        asked = range(self.examples, len(self.problems))
        rows = self.problems.select(knobs.without_repeats(random, asked, n))
        return [
            Prompt(f"{self._solved}{row['question']}", str(row["answer"]), _carries(row["steps"]))
            for row in rows
        ]

    def demonstrations(self, prompts: Sequence[Prompt], *, seed: int) -> list[str]:
        """The solution of each prompt, after a space as in the solved ones."""
        return [f" {_solution(*self._problem(prompt))}" for prompt in prompts]

    def verify(self, prompt: Prompt, completion: str, *, ended: bool) -> Verdict:
        """As in `Task`. The first line of a completion counts, and ends it; right if it ends with
        `Answer N` and N is the answer. Of a wrong one the first step is named that does not hold or
        is not the solution's."""
        check_asked(prompt, completion, ended)
        steps, answer = self._problem(prompt)
        line, newline, _ = completion.partition(self.ends_at)
        if not ended and not newline:
            return Verdict(0.0, "no end", "the token limit came before the end of the line")
        answered = ANSWER.search(line)
        if answered is None:
            return Verdict(0.0, "bad format", "expected `Answer` and a number at the end")
        if int(answered[1]) == answer:
            return Verdict(1.0, "right")
        if wrong := _wrong_step(_steps(line), _steps(steps)):
            return Verdict(0.0, "bad arithmetic", wrong)
        return Verdict(0.0, "wrong answer", f"the answer is {answer}, not {int(answered[1])}")

    @property
    def _where(self) -> str:
        return "problems" if self.path is None else f"path {self.path!r}"

    @cached_property
    def _solved(self) -> str:
        """The solved problems that come before each prompt's own."""
        return "".join(
            f"{row['question']} {_solution(row['steps'], row['answer'])}\n"
            for row in self.problems.select(range(self.examples))
        )

    @cached_property
    def _answers(self) -> dict[str, tuple[str, int]]:
        """The steps and the answer of each question."""
        columns = (self.problems[:][name] for name in COLUMNS)
        return {question: (steps, n) for question, steps, n in zip(*columns, strict=True)}

    def _problem(self, prompt: Prompt) -> tuple[str, int]:
        """The steps and the answer of a prompt's question."""
        solution = self._answers.get(prompt.text.rpartition("\n")[2])
        if solution is None or str(solution[1]) != prompt.answer:
            raise ValueError(
                "prompt: expected one of `problems` in its last line, and its answer, got "
                f"{prompt.text!r} and {prompt.answer!r}"
            )
        return solution

    def _sums(self) -> dict[str, list[Any]]:
        """Every sum, by column."""
        low, high = span("numbers", self.numbers, 0)
        each = list(product(range(low, high + 1), repeat=self.terms))
        mixed = knobs.without_repeats(stream(self.name, "problems", 0), range(len(each)), len(each))
        questions = [each[i] for i in mixed]
        return {
            "question": [f"{' + '.join(map(str, terms))}:" for terms in questions],
            "steps": [_written(terms) for terms in questions],
            "answer": [sum(terms) for terms in questions],
        }

    def _saved(self, path: str) -> "datasets.Dataset":
        """The table in a folder, checked."""
        from datasets import Dataset, load_from_disk

        try:
            rows = load_from_disk(str(Path(path).expanduser()))
        except Exception as error:  # a folder can be no table in many ways
            wanted = "a folder that Dataset.save_to_disk wrote"
            raise DataError(f"{self._where}: expected {wanted}: {first_line(error)}") from error
        columns = rows.column_names if isinstance(rows, Dataset) else []
        if not set(COLUMNS) <= set(columns):
            raise DataError(
                f"{self._where}: expected a table with the columns {', '.join(COLUMNS)}, got "
                f"{', '.join(columns) or 'several tables'}"
            )
        for number, row in enumerate(rows):
            _check_row(row, f"{self._where}, row {number}")
        if len(set(rows[:]["question"])) < len(rows):
            raise DataError(f"{self._where}: expected every question once, got one again")
        return rows


def _check_row(row: Mapping[str, Any], where: str) -> None:
    """Refuse a problem of another type, or of several lines."""
    for name, kind in COLUMNS.items():
        value = row[name]
        lines = value.split("\n") if isinstance(value, str) else [""]
        if type(value) is not kind or (kind is str and (len(lines) > 1 or not lines[0].strip())):
            wanted = "one line of text" if kind is str else "a whole number"
            raise DataError(f"{where}: {name}: expected {wanted}, got {value!r}")


def _written(terms: Sequence[int]) -> str:
    """A sum's steps: 18 + 25 = 43, 43 + 31 = 74."""
    totals = accumulate(terms)
    steps = zip(pairwise(totals), terms[1:], strict=True)
    return ", ".join(f"{so_far} + {term} = {total}" for (so_far, total), term in steps)


def _solution(steps: str, answer: int) -> str:
    return f"{steps}. Answer {answer}"


def _steps(text: str) -> list[Step]:
    return [(int(a), sign, int(b), int(c)) for a, sign, b, c in STEP.findall(text)]


def _carries(steps: str) -> int:
    """How many of the additions carry a ten."""
    return sum(sign == "+" and a % 10 + b % 10 > 9 for a, sign, b, _ in _steps(steps))


def _wrong_step(written: Sequence[Step], solution: Sequence[Step]) -> str | None:
    """The first step that does not hold, or that is not the solution's; None if there is none."""
    for i, (left, sign, right, result) in enumerate(written):
        value = OPERATIONS[sign](left, right)
        if value != result:
            return f"{left} {sign} {right} is {value}, not {result}"
        if i < len(solution):
            a, wanted, b, _ = solution[i]
            if (sign, sorted((left, right))) != (wanted, sorted((a, b))):
                return f"step {i + 1} is {a} {wanted} {b}, not {left} {sign} {right}"
    return None
