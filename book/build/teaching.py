"""For teachers: the tables of the courses of `book/courses.yml` and of what each chapter takes, and the
exercises with their solutions and the wrong answers that their checks know:

    python -m book.build.teaching         # prints these, for whoever teaches

Tasks and solutions come from the notebooks, wrong answers from the checks themselves.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from book.build.markdown import escape, folded
from book.build.paths import ROOT, contents
from trbook.exercises.built import Built
from trbook.exercises.check import Exercise, Numbers
from trbook.exercises.inside import Choice, InTheLoop

COURSES = ("book", "courses.yml")
PART = "notebooks/"
LEARN = re.compile(r"(\d+\w?) · ")
"""A chapter's title in the table of contents."""
ASKED = re.compile(r"^\*\*(?:\d+\. )?(.+?)\*\*", re.MULTILINE)
CALLED = re.compile(r"^exercise\.(check_\w+)\(", re.MULTILINE)
MODULE = re.compile(r"^from trbook\.exercises import (\w+) as exercise$", re.MULTILINE)
NOT_SHOWN = re.compile(
    r"^(# @title.*|from trbook\.exercises import .*|exercise\.check_.*)$\n?", re.MULTILINE
)
FENCED = re.compile(
    r"```.*?```|\$\$.*?\$\$|<!--.*?-->|</?[a-z][^>\n]*>|\[([^\]]*)\]\([^)]*\)", re.DOTALL
)
FOLD = re.compile(r"<details>.*?</details>", re.DOTALL)
FORMULA = re.compile(r"\$\$.*?\$\$", re.DOTALL)
TABLE = re.compile(r"^\|[ :]*-{3}", re.MULTILINE)
PREDICT = re.compile(r"\*\*Predict")
FOLDED = {"hide-cell", "hide-input", "remove-cell", "remove-input", "solution", "exercise"}
"""Tags of cells whose code nobody has to read."""
SHOWN_BY_CODE = {"image/png", "text/html", "text/markdown"}
NO_FIGURE = re.compile(r"trbook\.explorables import|trbook\.strip import")
"""An explorable, which has minutes of its own, and the strip of the four boxes."""
SHOWN = 3
"""Wrong numbers that are listed of those with one hint."""
HEADINGS = {
    "title": "session",
    "goal": "goal",
    "read": "read before",
    "run": "run",
    "ask": "ask",
    "exercises": "exercises",
}
"""Of a course's columns, by what a session in the file has."""
TIMES = ("chapter", "words", "explorables", "minutes with them", "exercises", "minutes for these")
GRAIN = 5
"""Minutes are rounded up to a multiple of it."""


@dataclass(frozen=True)
class Task:
    """An exercise of a chapter."""

    number: int
    title: str
    check: Any
    solution: str


@dataclass(frozen=True)
class Text:
    """What there is to read and to look at, of a page or of its beginning."""

    words: int
    code: int
    """Words of code that is not folded."""
    figures: int
    """Of them also the small tables that code shows."""
    tables: int
    formulas: int
    """That are displayed, outside of folds."""
    predictions: int

    def minutes(self, rates: Mapping[str, float]) -> float:
        """Without what is played with, and without exercises."""
        return (
            self.words / rates["words"]
            + self.code / rates["code"]
            + rates["figure"] * self.figures
            + rates["table"] * self.tables
            + rates["formula"] * self.formulas
            + rates["predict"] * self.predictions
        )


def text_of(path: Path, before: str = "Exercise") -> Text:
    """Counts a page as far as its first section whose title begins so, or to its end.

    Args:
        path: a notebook, or a page of Markdown.
        before: the beginning of that title.
    """
    page = path.read_text(encoding="utf-8")
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "source": page}]
    if path.suffix == ".ipynb":
        cells = json.loads(page)["cells"]
    words = code = figures = tables = formulas = predictions = 0
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            kinds = {kind for one in cell["outputs"] for kind in one.get("data", ())}
            if not NO_FIGURE.search(source):
                figures += bool(kinds & SHOWN_BY_CODE)
            if not FOLDED & {*cell["metadata"].get("tags", ())}:
                code += len(source.split())
            continue
        source = re.sub(r"<!--.*?-->", "", source, flags=re.DOTALL)
        read, end, _ = f"\n{source}".partition(f"\n## {before}")
        words += len(FENCED.sub(r"\1", read).split())
        figures += read.count("](_static/recorded/")
        tables += len(TABLE.findall(read))
        predictions += len(PREDICT.findall(read))
        formulas += len(FORMULA.findall(FOLD.sub("", read)))
        if end:
            break
    return Text(words, code, figures, tables, formulas, predictions)


@dataclass(frozen=True)
class Chapter:
    """What a teacher wants to know about a notebook."""

    name: str
    title: str
    text: Text
    plays: int
    tasks: tuple[Task, ...]

    @property
    def number(self) -> str:
        return self.title.partition(" · ")[0]


def chapter(path: Path, title: str) -> Chapter:
    """Reads a notebook.

    Raises:
        ValueError: an exercise has no title, no check or no solution.
    """
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    plays = sum("from trbook.explorables import" in "".join(cell["source"]) for cell in cells)
    return Chapter(
        path.stem,
        title,
        text_of(path),
        plays,
        tuple(tasks(cells, path.stem)),
    )


def tasks(cells: list[dict[str, Any]], name: str) -> Iterator[Task]:
    """The exercises of a notebook's cells, in their order."""
    asked: list[str] = []
    waiting, number = None, 0
    for cell in cells:
        source, tags = "".join(cell["source"]), cell["metadata"].get("tags", [])
        if cell["cell_type"] == "markdown":
            asked = ASKED.findall(source) or asked
        elif "exercise" in tags:
            module, check = MODULE.search(source), CALLED.search(source)
            if not (asked and module and check):
                raise ValueError(f"{name}: an exercise without a title or a check: {source[:60]!r}")
            number += 1
            waiting = (
                asked[-1],
                getattr(importlib.import_module(f"trbook.exercises.{module[1]}"), check[1]),
            )
        elif "solution" in tags:
            if waiting is None:
                raise ValueError(f"{name}: a solution without an exercise: {source[:60]!r}")
            title, grader = waiting
            yield Task(
                number,
                title.rstrip("."),
                grader,
                re.sub(r"\n{3,}", "\n\n", NOT_SHOWN.sub("", source)).strip(),
            )
            waiting = None
    if waiting is not None:
        raise ValueError(f"{name}: exercise {number} has no solution")


def wrong(check: Any) -> list[tuple[str, str]]:
    """The typical wrong answers that a check knows, each with its hint."""
    if isinstance(check, Numbers):
        return numbers(check)
    if isinstance(check, Choice):
        return [(f"`{word}`", hint) for word, hint in check.wrong.items()]
    if isinstance(check, Exercise | Built | InTheLoop):
        return [(mistake.name, mistake.hint) for mistake in check.mistakes]
    return [("refused", hint) for hint in refusals(getattr(check, "tried", None) or type(check))]


def numbers(check: Numbers) -> list[tuple[str, str]]:
    """Wrong numbers by their hint, a few of those that have the same."""
    found: dict[str, list[str]] = {}
    for name, one in check.wanted.items():
        for value, hint in one.mistakes.items():
            found.setdefault(hint, []).append(f"`{name}` = {value:g}")
    return [
        (", ".join(every[:SHOWN]) + (", …" if len(every) > SHOWN else ""), hint)
        for hint, every in found.items()
    ]


def refusals(code: Any) -> list[str]:
    """What a check's own code says when it refuses; a number that it computes is a dot."""
    found = []
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(code)))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "NotYet":
            parts = (
                node.args[0].values if isinstance(node.args[0], ast.JoinedStr) else [node.args[0]]
            )
            found.append(
                "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "…" for part in parts
                )
            )
    return [text for text in found if len(text) > 20]


def chapters() -> list[Chapter]:
    """The chapters that have a number, in its order: those of the part *Learn*, with their
    companions."""
    numbered = [
        (found[1], name, title)
        for name, title in contents().items()
        if name.startswith(PART) and (found := LEARN.match(title))
    ]
    numbered.sort(key=lambda one: (int(one[0].rstrip("abc")), one[0]))
    return [chapter(ROOT / f"{name}.ipynb", title) for _, name, title in numbered]


def rounded(minutes: float) -> int:
    return int(-(-minutes // GRAIN) * GRAIN)


def reading(one: Chapter, rates: Mapping[str, float]) -> int:
    """Minutes for a chapter's text, its figures and its explorables, without exercises."""
    return rounded(one.text.minutes(rates) + rates["play"] * one.plays)


@cache
def known() -> tuple[dict[str, Any], dict[str, Chapter]]:
    """The file of courses, and the chapters by name."""
    kept = yaml.safe_load(Path(ROOT, *COURSES).read_text(encoding="utf-8"))
    return kept, {one.name: one for one in chapters()}


def course(name: str) -> tuple[list[str], list[list[str]]]:
    """The headings and rows of a course.

    Raises:
        ValueError: a course, chapter or exercise that the book does not have.
    """
    kept, found = known()
    if name not in kept["courses"]:
        raise ValueError(f"expected one of {', '.join(kept['courses'])}, got {name}")
    sessions = kept["courses"][name]
    headings = [heading for key, heading in HEADINGS.items() if key in sessions[0]]
    return [*headings, "minutes"], [session(one, kept["minutes"], found) for one in sessions]


def times() -> list[tuple[str, ...]]:
    """What each chapter takes; words in hundreds."""
    kept, found = known()
    rates = kept["minutes"]
    return [
        (
            f"[{one.title}](../notebooks/{one.name}.ipynb)",
            f"{round(one.text.words, -2):,}",
            str(one.plays),
            str(reading(one, rates)),
            str(len(one.tasks)),
            str(rounded(rates["exercise"] * len(one.tasks))),
        )
        for one in found.values()
    ]


def session(
    one: Mapping[str, Any], rates: Mapping[str, float], found: Mapping[str, Chapter]
) -> list[str]:
    """A row of a syllabus: in a course with goals everybody plays before, else in the room.

    Raises:
        ValueError: a chapter or an exercise that the book does not have.
    """
    chosen, done, count = chosen_of(one, found)
    plays = sum(task.plays for task in chosen) if "goal" in one else 0
    before = sum(task.text.minutes(rates) for task in chosen) + rates["play"] * plays
    room = (
        rates["present"] * len(chosen)
        + rates["play"] * (0 if "goal" in one else one.get("plays", 1))
        + rates["exercise"] * count
    )
    told = {**one, "read": linked(chosen), "exercises": "; ".join(done)}
    minutes = f"{rounded(before)} before, {rounded(room)} together"
    return [*(told[key] for key in HEADINGS if key in one), minutes]


def linked(chosen: list[Chapter]) -> str:
    """The chapters by their numbers."""
    return ", ".join(f"[{task.number}](../notebooks/{task.name}.ipynb)" for task in chosen)


def chosen_of(
    one: Mapping[str, Any], found: Mapping[str, Chapter]
) -> tuple[list[Chapter], list[str], int]:
    """The chapters of a session, its exercises in words, and how many they are.

    Raises:
        ValueError: a chapter or an exercise that the book does not have.
    """
    chosen = []
    for name in one["read"]:
        if name not in found:
            raise ValueError(f"expected a chapter, got {name}")
        chosen.append(found[name])
    count, done = 0, []
    for name, numbers in one["exercises"].items():
        if name not in found:
            raise ValueError(f"expected a chapter, got {name}")
        missing = sorted(set(numbers) - {task.number for task in found[name].tasks})
        if missing:
            raise ValueError(f"{name} has no exercise {missing[0]}")
        count += len(numbers)
        done.append(f"{found[name].number}: {', '.join(map(str, numbers))}")
    return chosen, done, count


def wrong_answers(chapters: Iterable[Chapter]) -> str:
    """By chapter, folded, every exercise with its solution and the wrong answers that its check
    knows."""
    folds = []
    for one in chapters:
        told = [
            f"**{task.number}. {task.title}.** {task.check.asks}\n\n```python\n{task.solution}\n```\n\n"
            + "\n".join(f"- {name}: {hint}".replace("<", r"\<") for name, hint in wrong(task.check))
            for task in one.tasks
        ]
        if told:
            known = sum(len(wrong(task.check)) for task in one.tasks)
            words = f"{one.title}: {len(told)} exercises, {known} wrong answers"
            folds.append(folded("\n\n".join(text.strip() for text in told), escape(words)))
    return "\n\n".join(folds)


if __name__ == "__main__":
    print(wrong_answers(known()[1].values()))
