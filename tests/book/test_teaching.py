"""The page for teachers: its courses name what there is, and its wrong answers are those that the
checks know."""

import pytest

from book.build import teaching


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
