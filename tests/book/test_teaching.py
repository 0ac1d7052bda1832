"""The page for teachers: its courses name what there is, and its wrong answers are those that the
checks know."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bookext import teaching
from bookext.modules import entries
from tools.paths import ROOT
from trbook.exercises import grpo, regions, scale

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
KEPT = yaml.safe_load(ROOT.joinpath(*teaching.COURSES).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def chapters() -> dict[str, teaching.Chapter]:
    """Every chapter of the part *Learn*, by its file."""
    found = [
        teaching.chapter(ROOT / f"{entry['file']}.ipynb", entry["title"])
        for entry in entries(TOC)
        if entry["file"].startswith(teaching.PART) and teaching.LEARN.match(entry.get("title", ""))
    ]
    return {one.name: one for one in found}


def test_every_exercise_has_a_title_a_solution_and_wrong_answers(
    chapters: dict[str, teaching.Chapter],
) -> None:
    for one in chapters.values():
        assert [task.number for task in one.tasks] == list(range(1, len(one.tasks) + 1)), one.name
        for task in one.tasks:
            assert task.solution and "exercise.check" not in task.solution, (one.name, task.number)
            known = teaching.wrong(task.check)
            assert len(known) < 40 and all(hint for _, hint in known), (one.name, task.number)


def test_wrong_answers_are_the_checks_own() -> None:
    named = teaching.wrong(grpo.check_advantages)
    assert [name for name, _ in named] == [
        mistake.name for mistake in grpo.check_advantages.mistakes
    ]
    words, hint = teaching.wrong(scale.check_at_once)[-1]
    assert words.startswith("`") and hint
    refused = [hint for _, hint in teaching.wrong(regions.check_enough)]
    assert any("never stops, and the policy is lost" in hint for hint in refused)


def test_courses_name_chapters_and_exercises_that_there_are(
    chapters: dict[str, teaching.Chapter],
) -> None:
    for course in KEPT["courses"].values():
        for one in course:
            before, together = re.findall(
                r"\d+", teaching.session(one, KEPT["minutes"], chapters)[-1]
            )
            assert 5 <= int(before) <= 60 and 40 <= int(together) <= 120, one["title"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"read": ["99_gone"]}, "expected a chapter, got 99_gone"),
        ({"exercises": {"99_gone": [1]}}, "expected a chapter, got 99_gone"),
        ({"exercises": {"05_grpo": [1, 77]}}, "05_grpo has no exercise 77"),
    ],
)
def test_a_course_that_names_nothing_is_refused(
    change: dict[str, Any], words: str, chapters: dict[str, teaching.Chapter]
) -> None:
    one = {**KEPT["courses"]["seminar"][0], **change}
    with pytest.raises(ValueError, match=words):
        teaching.session(one, KEPT["minutes"], chapters)


def test_an_exercise_without_a_solution_is_refused(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": "**1. Advantages.** Of a group."},
        {
            "cell_type": "code",
            "metadata": {"tags": ["exercise"]},
            "source": "from trbook.exercises import grpo as "
            "exercise\n\nexercise.check_advantages(1)",
        },
    ]
    with pytest.raises(ValueError, match="04_ppo: exercise 1 has no solution"):
        list(teaching.tasks(cells, "04_ppo"))
