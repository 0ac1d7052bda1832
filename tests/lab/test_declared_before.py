"""Every record was made after its sweep and its predictions had been committed, by the history of
the repository."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.by_day import by_day
from tests.lab.records import sweeps
from trlab import recorded
from trlab.record import all_recorded

ROOT = Path(__file__).parents[2]
FOLDERS = ("trlab/sweeps", "trlib/lab/sweeps")
"""Where sweeps are declared before they are run, and where they were before the package was
divided."""


def git(*arguments):
    """What git says; None if it knows no such thing."""
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout if done.returncode == 0 else None


@cache
def declared_at(commit):
    """The names of the sweeps that were declared at a commit, and patterns of all that their files
    said: a text with values in it matches whatever they were."""
    for folder in FOLDERS:
        files = (git("ls-tree", "--name-only", commit, f"{folder}/") or "").split()
        if files:
            break
    patterns = set()
    for file in files:
        for node in ast.walk(ast.parse(git("show", f"{commit}:{file}") or "")):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            texts = [
                re.escape(part.value)
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
                else ".*"
                for part in parts
            ]
            if any(text != ".*" for text in texts):
                patterns.add("".join(texts))
    return {Path(file).stem for file in files}, re.compile("|".join(sorted(patterns)), re.DOTALL)


def objection(name, commit, predictions):
    """What a referee would say of runs made at a commit; empty: nothing."""
    if git("merge-base", "--is-ancestor", commit, "HEAD") is None:
        return f"{commit} is not in the history"
    names, declared = declared_at(commit)
    if name not in names:
        return f"the sweep was not declared at {commit}"
    late = [one.text for one in predictions if not declared.fullmatch(one.text)]
    return f"{len(late)} predictions were written after {commit}" if late else ""


LATER = ("basin_bases", "best", "gallery_best", "refit", "relay_best", "sgd")
history = pytest.mark.skipif(
    git("rev-parse", "--verify", "HEAD") is None,
    reason="an unpacked archive or a copy of the files has no history to look into",
)


@history
@pytest.mark.parametrize(
    "name",
    by_day(all_recorded(), "basin", later=LATER, reason="asks git about every sweep"),
)
def test_a_sweep_was_declared_and_predicted_before_it_was_run_or_its_page_says_otherwise(name):
    sweep = sweeps()[name]
    for commit in recorded(name)[0]["commit"].unique():
        found = objection(name, commit, sweep.predictions)
        assert not found or commit in sweep.provenance, found


@history
def test_a_prediction_that_is_written_after_the_runs_is_found():
    sweep = sweeps()["reuse"]
    commit = recorded("reuse")[0]["commit"].iloc[0]
    late = [*sweep.predictions, type(sweep.predictions[0])("as it turned out", "ppo", "pg_is")]
    assert objection("reuse", commit, late) == f"1 predictions were written after {commit}"
    assert objection("basin_map", commit, []) == f"the sweep was not declared at {commit}"
    assert objection("reuse", "0123456789ab", []) == "0123456789ab is not in the history"
