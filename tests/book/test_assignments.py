"""The assignments: solutions pass every hidden test, the skeleton none, and plausible wrong answers
not all."""

import csv
import inspect
import itertools
import re
from pathlib import Path

import pytest
import torch

from trbook.assignments import hidden, skeleton, solutions
from trlib.advantages import leave_one_out

RIGHT = {name: getattr(solutions, name) for name in hidden.ASSIGNMENTS}


def _biased(rewards, group):
    found = torch.zeros_like(rewards)
    for one in group.unique():
        own = rewards[group == one]
        found[group == one] = (own - own.mean()) / (own.std(correction=0) + 1e-6)
    return found


def _clip(logp, old, advantages, mask, low, high):
    return (logp - old).exp(), (logp - old).exp().clamp(1 - low, 1 + high), advantages


def _only_clipped(**given):
    _, clipped, A = _clip(**given)
    return -(clipped * A)[given["mask"]].mean()


def _largest(**given):
    ratio, clipped, A = _clip(**given)
    return -torch.maximum(ratio * A, clipped * A)[given["mask"]].mean()


def _padded(**given):
    ratio, clipped, A = _clip(**given)
    return -(torch.minimum(ratio * A, clipped * A) * given["mask"]).mean()


def _paired(a, b):
    signs = torch.tensor(list(itertools.product((1.0, -1.0), repeat=len(a))), dtype=a.dtype)
    means, found = (signs * (a - b)).mean(-1), (a - b).mean()
    return float((means.abs() >= found.abs() - 1e-12).double().mean())


def _one_side(a, b):
    results, n = torch.cat([a, b]), len(a)
    sums = torch.tensor(
        [results[list(own)].sum() for own in itertools.combinations(range(2 * n), n)]
    )
    return float((sums >= a.sum() - 1e-12).double().mean())


WRONG = {
    "advantages": {
        "divisor G": _biased,
        "the others' mean": lambda rewards, group: leave_one_out(rewards, group),
        "over the batch": lambda rewards, group: (rewards - rewards.mean()) / rewards.std(),
    },
    "clipped_loss": {
        "the clip alone": _only_clipped,
        "the larger one": _largest,
        "a mean over padding": _padded,
    },
    "nearest": {
        "always to the edge": lambda new, q, delta: solutions.nearest(q + 30 * (new - q), q, delta),
    },
    "p_value": {
        "one side": _one_side,
        "paired by seed": _paired,
    },
    "sums": {
        "one space": lambda text: solutions.sums(
            " ".join(re.findall(r"\d+(?: \+ \d+)+ = \d+", text))
        ),
    },
}


@pytest.mark.parametrize("seed", [0, 7])
def test_solutions_have_all_points(seed):
    results = hidden.grade(RIGHT, seed)
    assert [one.says for one in results if one.says] == []
    total = {
        name: sum(one.points for one in results if one.test.assignment == name)
        for name in hidden.ASSIGNMENTS
    }
    assert total == dict.fromkeys(hidden.ASSIGNMENTS, 4)


def test_the_skeleton_has_none_and_says_why():
    functions = {name: getattr(skeleton, name) for name in hidden.ASSIGNMENTS}
    results = hidden.grade(functions)
    assert all(one.points == 0 and one.says.startswith("NotImplementedError") for one in results)
    for name, function in functions.items():
        assert [*inspect.signature(function).parameters] == [
            *inspect.signature(RIGHT[name]).parameters
        ]
        assert inspect.getdoc(function)


@pytest.mark.parametrize(
    ("assignment", "mistake"), [(name, one) for name, some in WRONG.items() for one in some]
)
def test_a_wrong_answer_loses_points(assignment, mistake):
    for seed in (0, 7):
        results = hidden.grade({**RIGHT, assignment: WRONG[assignment][mistake]}, seed)
        lost = [one for one in results if one.points < one.test.points]
        assert lost and {one.test.assignment for one in lost} == {assignment}
        assert all(one.says for one in lost)


def test_the_command_line_grades_files(tmp_path, capsys):
    files = {
        "ada": Path(solutions.__file__).read_text(encoding="utf-8"),
        "ben": "raise SystemExit('no')",
        "cem": "def sums(text):\n    return 0, 0\n",
    }
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    paths = [str(tmp_path / f"{name}.py") for name in files]
    assert hidden.main([*paths, "--csv", str(tmp_path / "points.csv")]) == 0
    out = capsys.readouterr().out
    assert "ben: cannot be run, SystemExit: no" in out and "no function 'advantages'" in out
    rows = list(csv.DictReader((tmp_path / "points.csv").open(encoding="utf-8")))
    assert [row["student"] for row in rows] == [*files]
    assert [sum(int(row[name]) for name in hidden.ASSIGNMENTS) for row in rows] == [20, 0, 0]
