"""For teachers: the tables of the courses of `book/courses.yml`, and of what each chapter takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import yaml

from book.build.paths import ROOT, contents

COURSES = ("book", "courses.yml")
PART = "notebooks/"
LEARN = re.compile(r"(\d+\w?) · ")
"""A chapter's title in the table of contents."""
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
class Text:
    """What there is to read and to look at before a chapter's exercises."""

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


def text_of(cells: list[dict[str, Any]]) -> Text:
    """Counts the cells of a notebook as far as its exercises, or to its end."""
    words = code = figures = tables = formulas = predictions = 0
    for cell in cells:
        source = cell["source"]
        if cell["cell_type"] == "code":
            kinds = {kind for one in cell["outputs"] for kind in one.get("data", ())}
            if not NO_FIGURE.search(source):
                figures += bool(kinds & SHOWN_BY_CODE)
            if not FOLDED & {*cell["metadata"].get("tags", ())}:
                code += len(source.split())
            continue
        source = re.sub(r"<!--.*?-->", "", source, flags=re.DOTALL)
        read, end, _ = f"\n{source}".partition("\n## Exercise")
        words += len(FENCED.sub(r"\1", read).split())
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
    exercises: int

    @property
    def number(self) -> str:
        return self.title.partition(" · ")[0]


def chapter(path: Path, title: str) -> Chapter:
    """Reads a notebook."""
    cells = nbformat.read(path, as_version=4)["cells"]
    plays = sum("from trbook.explorables import" in cell["source"] for cell in cells)
    exercises = sum("exercise" in cell["metadata"].get("tags", ()) for cell in cells)
    return Chapter(path.stem, title, text_of(cells), plays, exercises)


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
            str(one.exercises),
            str(rounded(rates["exercise"] * one.exercises)),
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
    plays = sum(each.plays for each in chosen) if "goal" in one else 0
    before = sum(each.text.minutes(rates) for each in chosen) + rates["play"] * plays
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
    return ", ".join(f"[{one.number}](../notebooks/{one.name}.ipynb)" for one in chosen)


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
        if not 0 < min(numbers) <= max(numbers) <= found[name].exercises:
            raise ValueError(f"{name} has exercises 1 to {found[name].exercises}, got {numbers}")
        count += len(numbers)
        done.append(f"{found[name].number}: {', '.join(map(str, numbers))}")
    return chosen, done, count
