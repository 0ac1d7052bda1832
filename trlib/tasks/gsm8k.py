"""GSM8K: grade-school word problems with worked solutions, from the hub or from a local file.

    prompt      Natalia sold clips to ... How many did she sell altogether?
    right       ... #### 72      (or The answer is 72, \\boxed{72}, ...: `trlib.tasks.answers`)

A local file has the hub's format, JSON lines: {"question": "...", "answer": "the solution\\n####
72"}. So your own problems are a task as well; "#### 72" alone is an answer without a solution. If a
percentage is expected, 72% and 72 are the same answer.

Source: Cobbe et al. 2021, arXiv 2110.14168."""

import os
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from trlib.arguments import setting, whole
from trlib.errors import DataError, first_line
from trlib.tasks import knobs
from trlib.tasks.answers import judge, reference, show
from trlib.tasks.knobs import stream
from trlib.tasks.lines import loaded
from trlib.tasks.task import Prompt, Verdict, check_asked

HUB = ("openai/gsm8k", "main")  # the data set on the hub and its configuration
#: What the prompt says after the question.
INSTRUCTION = "Think step by step, then give the answer alone after ####."
MARKS = re.compile(r"<<[^<>\n]*>>")
"""Notes for a calculator in the solutions: 48/2 = <<48/2=24>>24."""
PERCENT = "(?:%|[Pp]er ?cent)"


@dataclass(frozen=True)
class Gsm8k(knobs.Embedded):
    """Grade-school word problems, from the hub or a local file; it has no model of its own.

    Without `path` the problems are downloaded when first asked for; a file is read at once.
    Training and evaluation both draw from the problems that were loaded, so evaluate on another
    split or file."""

    name: ClassVar[str] = "gsm8k"
    path: str | None = None
    """A local file of JSON lines; None: the hub."""
    split: str | None = None
    """The hub's split, "train" or "test"; None: "train". A local file has none."""
    instruction: str = INSTRUCTION
    """Follows the question after an empty line; "" for nothing."""
    last_number: bool = setting(True)
    """If no answer is marked, the last number of a completion counts; False: that is "bad
    format"."""
    max_tokens: int = setting(256, least=1)
    """The token limit of a completion, its end token included."""

    def __post_init__(self) -> None:
        knobs.validate(self)
        for knob, value in (
            ("path", self.path),
            ("split", self.split),
            ("instruction", self.instruction),
        ):
            may_be = str if knob == "instruction" else str | os.PathLike | None
            if not isinstance(value, may_be):
                raise TypeError(f"{knob}: expected text, got {type(value).__name__}")
        if self.path is None:
            if self.split not in (None, "train", "test"):
                raise ValueError(f"split: expected 'train' or 'test', got {self.split!r}")
            return
        object.__setattr__(self, "path", str(self.path))
        if self.split is not None:
            raise ValueError(f"split: expected none with a local file, got {self.split!r}")
        _ = self.problems

    @cached_property
    def problems(self) -> list[Prompt]:
        """Every problem once, in the file's order; its difficulty is the number of lines of its
        solution.

        A problem that occurs again, with the same question, answer and number of lines, is not
        repeated; its last solution is the one that is demonstrated.
        Raises DataError: no such file, a line that is broken (named by number), no problem at all,
        or a hub out of reach."""
        return list(self._solved)

    def prompts(self, n: int, *, seed: int) -> list[Prompt]:
        """The first `n` prompts of a seed: ten prompts are the first ten of a hundred.

        No problem is repeated before all have been drawn; if `n` is larger than the file, problems
        repeat.

        Warns, once per task, that `n` is larger than the number of problems."""
        whole("n", n, least=0)
        self._warn_of_repeats(n)
        random = stream(self.name, "prompts", seed)
        return knobs.without_repeats(random, self.problems, n)

    def demonstrations(self, prompts: Sequence[Prompt], *, seed: int) -> list[str | None]:
        """The data set's solution for each prompt, without the calculator's notes; None for any
        other prompt."""
        return [self._solved.get(prompt) for prompt in prompts]

    def verify(self, prompt: Prompt, completion: str, *, ended: bool) -> Verdict:
        """As in `Task`. The final answer of a completion counts
        (`trlib.tasks.answers.final_answer`), compared as a number. A wrong answer after an equation
        that does not hold is "bad arithmetic"."""
        check_asked(prompt, completion, ended)
        if not prompt.text.strip() or reference(prompt.answer) is None:
            raise ValueError(
                f"prompt: expected a question and a number as its answer, got {prompt.text!r} "
                f"and {prompt.answer!r}"
            )
        return judge(completion, prompt.answer, ended=ended, last_number=self.last_number)

    def _warn_of_repeats(self, n: int) -> None:
        distinct = len(self.problems) if n else 0
        if n > distinct and "_warned" not in self.__dict__:
            object.__setattr__(self, "_warned", True)
            again = (
                f"problems: {n} prompts asked of {distinct} distinct problems, so problems repeat"
            )
            narrow = (
                f"an evaluation of them has {distinct} independent prompts, and its "
                "intervals are too narrow"
            )
            advice = f"Evaluate with at most {distinct} prompts (said once per task)"
            warnings.warn(f"{again}; {narrow}. {advice}", stacklevel=3)

    @cached_property
    def _solved(self) -> dict[Prompt, str]:
        """Each problem's solution."""
        where = f"path {self.path!r}" if self.path else f"{HUB[0]}, split {self.split or 'train'!r}"
        if self.path:
            solved = dict(loaded(self.path, self._problem))
        else:
            rows = _hub(self.split or "train")
            solved = dict(self._problem(row, f"{where}, line {line}") for line, row in rows)
        if not solved:
            raise DataError(f"{where}: expected at least one problem, got none")
        return solved

    def _problem(self, row: Any, where: str) -> tuple[Prompt, str]:
        if not isinstance(row, Mapping):
            raise DataError(
                f"{where}: expected an object with `question` and `answer`, got "
                f"{type(row).__name__}"
            )
        if not {"question", "answer"} <= row.keys():
            raise DataError(
                f"{where}: expected the keys `question` and `answer`, got "
                f"{', '.join(row) or 'none'}"
            )
        for key in ("question", "answer"):
            if not isinstance(row[key], str) or not row[key].strip():
                raise DataError(f"{where}: {key}: expected text, got {row[key]!r}")
        solution = MARKS.sub("", row["answer"]).strip()
        steps, mark, last = solution.rpartition("####")
        question, lines, last = row["question"].strip(), steps.strip().splitlines(), last.strip()
        number = reference(last) if mark else None
        if number is None:
            wanted = "`#### ` and a number, after a solution or alone"
            raise DataError(f"{where}: answer: expected {wanted}, got {solution[-40:]!r}")
        answer = show(number) + ("%" if _per_cent(question, lines, last) else "")
        text = question + (f"\n\n{self.instruction}" if self.instruction else "")
        return Prompt(text, answer, len(lines)), "\n".join([*lines, f"#### {last}"])


def _per_cent(question: str, lines: Sequence[str], last: str) -> bool:
    """Whether a percentage is expected: the answer, the solution's last line or the question's last
    sentence says so.

    That is so in 120 of GSM8K's 8,792 problems. None of its answers has a percent sign."""
    number = last.rstrip("%")
    return (
        last.endswith("%")
        or bool(lines and re.search(rf"(?<![\d.,]){re.escape(number)}\s*{PERCENT}", lines[-1]))
        or re.search(rf"(?<!\d)(?<!\d[ -]){PERCENT}", re.split(r"(?<=[.!?])\s", question)[-1])
        is not None
    )


def _hub(split: str) -> Iterable[tuple[int, Any]]:
    instead = "with a copy of it on this machine: load_task('gsm8k', path='file.jsonl')"
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise ImportError(
            f"gsm8k: needs datasets; `pip install datasets` installs it. Or {instead}"
        ) from error
    try:
        rows = load_dataset(*HUB, split=split)
    except Exception as error:  # the hub's client has many ways to say that it is out of reach
        raise DataError(
            f"gsm8k: cannot load {HUB[0]} from the hub ({first_line(error)}). Or {instead}"
        ) from error
    return enumerate(rows, 1)
