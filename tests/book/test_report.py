"""A student's verdicts are written as they come, and read as one table."""

import csv
import io
import json

import pytest
from IPython.core.interactiveshell import InteractiveShell

from trbook.exercises import report
from trbook.exercises.verdict import Verdict

WRONG = """from trbook.exercises import grpo as exercise

def group_advantages(rewards, group):
    return rewards

exercise.check_advantages(group_advantages)
"""
RIGHT = """from trlib.advantages import group_relative
def group_advantages(rewards, group):
    return group_relative(rewards, group)

exercise.check_advantages(group_advantages)
"""


@pytest.fixture
def shell():
    InteractiveShell.clear_instance()
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_a_notebook_writes_its_verdicts(shell, tmp_path):
    file = tmp_path / "ada.json"
    shell.run_cell(f"from trbook.exercises import report\nreport.keep({str(file)!r})")
    assert not file.exists()
    shell.run_cell(WRONG)
    first = json.loads(file.read_text(encoding="utf-8"))["verdicts"]["grpo.check_advantages"]
    assert (first["right"], first["tries"]) == (False, 1) and first["says"]
    shell.run_cell(f"report.keep({str(file)!r})")  # a second time it is watched once
    shell.run_cell(RIGHT)
    shell.run_cell(WRONG.rstrip() + ".of_the_solution()")
    kept = report.read(file)["verdicts"]
    assert [*kept] == ["grpo.check_advantages"]
    assert (kept["grpo.check_advantages"]["right"], kept["grpo.check_advantages"]["tries"]) == (
        True,
        2,
    )
    shell.run_cell("1 + 1")
    assert report.read(file)["verdicts"] == kept


def test_a_folder_is_one_table(tmp_path, capsys):
    report.note(tmp_path / "ben.json", "ppo.check_clip", Verdict(False, "too wide"))
    report.note(tmp_path / "ada.json", "ppo.check_clip", Verdict(True, "well, done"))
    report.note(tmp_path / "ada.json", "ppo.check_kl", Verdict(True, "yes").of_the_solution())
    assert report.main([str(tmp_path)]) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows == [
        [*report.COLUMNS],
        ["ada", "ppo.check_clip", "True", "1", "well, done"],
        ["ben", "ppo.check_clip", "False", "1", "too wide"],
    ]
    assert report.main([]) == 2


def test_without_a_notebook_it_says_so(tmp_path):
    InteractiveShell.clear_instance()
    with pytest.raises(RuntimeError, match="expected a notebook, got plain Python"):
        report.keep(tmp_path / "ada.json")
