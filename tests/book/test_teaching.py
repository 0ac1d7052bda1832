"""The page for teachers: its courses name what there is, and its wrong answers are those that the
checks know."""

import pytest
import yaml

from book.build import teaching
from book.build.paths import ROOT
from trbook.exercises import grpo, regions, scale

KEPT = yaml.safe_load(ROOT.joinpath(*teaching.COURSES).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def chapters():
    """Every chapter of the part *Learn*, by its file."""
    return teaching.known()[1]


def test_every_exercise_has_a_title_a_solution_and_wrong_answers(
    chapters,
):
    for one in chapters.values():
        assert [task.number for task in one.tasks] == list(range(1, len(one.tasks) + 1)), one.name
        for task in one.tasks:
            assert task.solution and "exercise.check" not in task.solution, (one.name, task.number)
            known = teaching.wrong(task.check)
            assert len(known) < 40 and all(hint for _, hint in known), (one.name, task.number)


def test_wrong_answers_are_the_checks_own():
    named = teaching.wrong(grpo.check_advantages)
    assert [name for name, _ in named] == [
        mistake.name for mistake in grpo.check_advantages.mistakes
    ]
    words, hint = teaching.wrong(scale.check_at_once)[-1]
    assert words.startswith("`") and hint
    refused = [hint for _, hint in teaching.wrong(regions.check_enough)]
    assert any("never stops, and the policy is lost" in hint for hint in refused)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"read": ["99_gone"]}, "expected a chapter, got 99_gone"),
        ({"exercises": {"99_gone": [1]}}, "expected a chapter, got 99_gone"),
        ({"exercises": {"05_grpo": [1, 77]}}, "05_grpo has no exercise 77"),
    ],
)
def test_a_course_that_names_nothing_is_refused(change, words, chapters):
    one = {**KEPT["courses"]["seminar"][0], **change}
    with pytest.raises(ValueError, match=words):
        teaching.session(one, KEPT["minutes"], chapters)


def test_an_exercise_without_a_solution_is_refused(tmp_path):
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
