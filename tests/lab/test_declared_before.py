"""Every record was made after its sweep and its predictions had been committed, by the history of
the repository."""

import ast
import subprocess
from pathlib import Path

import pytest

from tests.by_day import by_day
from tests.lab.records import sweeps
from trlab import recorded
from trlab.record import all_recorded
from trlab.sweep import SWEEPS

ROOT = Path(__file__).parents[2]
FOLDERS = ("trlab/sweeps", "trlib/lab/sweeps")
"""Where sweeps are declared, and where they were before the package was divided."""


def git(*arguments):
    """What git says; None if it knows no such thing."""
    told = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return told.stdout if told.returncode == 0 else None


def predictions(source):
    """The texts of all predictions that a file declares."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return {
        ast.dump(call.args[0])
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "Prediction"
    }


def objection(name, commit, today):
    """What a referee would say of runs made at a commit; empty: nothing."""
    if git("merge-base", "--is-ancestor", commit, "HEAD") is None:
        return f"{commit} is not in the history"
    then = next(
        (text for folder in FOLDERS if (text := git("show", f"{commit}:{folder}/{name}.py"))), None
    )
    if then is None:
        return f"the sweep was not declared at {commit}"
    late = predictions(today) - predictions(then)
    return f"{len(late)} predictions were written after {commit}" if late else ""


DAILY = ("basin", "basin_bases", "best", "gallery_best", "refit", "relay_best", "sgd")
history = pytest.mark.skipif(
    git("rev-parse", "--verify", "HEAD") is None,
    reason="an unpacked archive or a copy of the files has no history to look into",
)


@history
@pytest.mark.parametrize(
    "name", by_day(all_recorded(), *DAILY, reason="asks git about every sweep")
)
def test_a_sweep_was_declared_and_predicted_before_it_was_run_or_its_page_says_otherwise(name):
    today, provenance = (
        (SWEEPS / f"{name}.py").read_text(encoding="utf-8"),
        sweeps()[name].provenance,
    )
    for commit in recorded(name)[0]["commit"].unique():
        assert not (found := objection(name, commit, today)) or commit in provenance, found


@history
def test_a_prediction_that_is_written_after_the_runs_is_found():
    today = (SWEEPS / "reuse.py").read_text(encoding="utf-8")
    commit = recorded("reuse")[0]["commit"].iloc[0]
    late = f'{today}\nLATE = Prediction("as it turned out", higher="ppo", lower="pg_is")\n'
    assert objection("reuse", commit, late) == f"1 predictions were written after {commit}"
    assert objection("basin_map", commit, today) == f"the sweep was not declared at {commit}"
    assert objection("reuse", "0123456789ab", today) == "0123456789ab is not in the history"
