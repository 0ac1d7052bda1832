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
NO_WORDS = re.compile(
    r"```.*?```|\$\$.*?\$\$|<!--.*?-->|</?[a-z][^>\n]*>|\[([^\]]*)\]\([^)]*\)", re.DOTALL
)
"""What is not read word by word; of a link its words are."""
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
class Chapter:
    """What a teacher wants to know about a notebook."""

    name: str
    title: str
    words: int
    """Before its exercises."""
    plays: int
    exercises: int

    @property
    def number(self) -> str:
        return self.title.partition(" · ")[0]


def chapter(path: Path, title: str) -> Chapter:
    """Reads a notebook."""
    cells = nbformat.read(path, as_version=4)["cells"]
    text = "\n".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")
    words = NO_WORDS.sub(r"\1", text.partition("\n## Exercise")[0]).split()
    plays = sum("from trbook.explorables import" in cell["source"] for cell in cells)
    exercises = sum("exercise" in cell["metadata"].get("tags", ()) for cell in cells)
    return Chapter(path.stem, title, len(words), plays, exercises)


def chapters() -> list[Chapter]:
    """The chapters that have a number, in its order: those of the part *Learn*, with their
    companions."""
    numbered = [
        (match[1], name, title)
        for name, title in contents().items()
        if name.startswith(PART) and (match := LEARN.match(title))
    ]
    numbered.sort(key=lambda one: (int(one[0].rstrip("abc")), one[0]))
    return [chapter(ROOT / f"{name}.ipynb", title) for _, name, title in numbered]


def rounded(minutes: float) -> int:
    return int(-(-minutes // GRAIN) * GRAIN)


@cache
def known() -> tuple[dict[str, Any], dict[str, Chapter]]:
    """The file of courses, and the chapters by name."""
    kept = yaml.safe_load(Path(ROOT, *COURSES).read_text(encoding="utf-8"))
    return kept, {one.name: one for one in chapters()}


def course(name: str) -> tuple[list[str], list[list[str]]]:
    """The headings and rows of a course."""
    kept, by_name = known()
    sessions = kept["courses"][name]
    headings = [heading for key, heading in HEADINGS.items() if key in sessions[0]]
    return [*headings, "minutes"], [session(one, kept["minutes"], by_name) for one in sessions]


def times() -> list[tuple[str, ...]]:
    """What each chapter takes; words in hundreds."""
    kept, by_name = known()
    rates = kept["minutes"]
    return [
        (
            f"[{one.title}](../notebooks/{one.name}.ipynb)",
            f"{round(one.words, -2):,}",
            str(one.plays),
            str(rounded(one.words / rates["words"] + rates["play"] * one.plays)),
            str(one.exercises),
            str(rounded(rates["exercise"] * one.exercises)),
        )
        for one in by_name.values()
    ]


def session(
    one: Mapping[str, Any], rates: Mapping[str, float], found: Mapping[str, Chapter]
) -> list[str]:
    """A row of a syllabus: in a course with goals everybody plays before, else in the room.

    Raises:
        KeyError: a chapter that the book does not have; ValueError: such an exercise.
    """
    chosen = [found[name] for name in one["read"]]
    count, done = 0, []
    for name, numbers in one["exercises"].items():
        if max(numbers) > found[name].exercises:
            raise ValueError(f"{name} has exercises 1 to {found[name].exercises}, got {numbers}")
        count += len(numbers)
        done.append(f"{found[name].number}: {', '.join(map(str, numbers))}")
    before = sum(each.words for each in chosen) / rates["words"]
    room = rates["present"] * len(chosen) + rates["exercise"] * count
    if "goal" in one:
        before += rates["play"] * sum(each.plays for each in chosen)
    else:
        room += rates["play"] * one.get("plays", 1)
    links = (f"[{each.number}](../notebooks/{each.name}.ipynb)" for each in chosen)
    columns = {**one, "read": ", ".join(links), "exercises": "; ".join(done)}
    minutes = f"{rounded(before)} before, {rounded(room)} together"
    return [*(columns[key] for key in HEADINGS if key in one), minutes]
