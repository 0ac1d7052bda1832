"""A chapter that cannot run as asked says so in one line: out of order, without an extra, in a size
it cannot have."""

import os
import subprocess
import sys

import pytest

from tests.by_day import by_day
from trbook.profile import profile

SHELL = """
import io, sys
from contextlib import redirect_stdout
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance(colors="NoColor")
for cell in sys.argv[1:]:
    said = io.StringIO()
    with redirect_stdout(said):
        done = shell.run_cell(cell)
print(type(done.error_in_exec).__name__)
print(said.getvalue().strip())
"""
"""Cells in the shell of a notebook, one process for each test: what the last one raised and
printed."""


def shown(*cells, **environment):
    """The last cell's error and the lines that a reader sees of it."""
    done = subprocess.run(
        [sys.executable, "-c", SHELL, *cells],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TRLIB_PROFILE": "", "CUDA_VISIBLE_DEVICES": "", **environment},
    )
    error, *lines = done.stdout.splitlines()
    return error, lines


def test_a_cell_that_comes_too_early_says_what_it_lacks():
    error, lines = shown("from trbook.profile import profile, size", "task.prompts(3)")
    assert (error, lines) == (
        "NameError",
        [
            "NameError: no cell has made `task` yet. Run the chapter from its top, or check how "
            "the name is spelt."
        ],
    )


def test_a_chapter_without_an_extra_names_it():
    missing = "import sys; sys.modules['{0}'] = None"
    error, lines = shown(missing.format("anywidget"), "from trbook.explorables import RatioMap")
    assert (error, lines) == (
        "MissingExtra",
        [
            "MissingExtra: explorables need anywidget, an optional part of "
            "trust-region-book: `pip install anywidget` installs it"
        ],
    )


NO_GPU = (
    "ProfileError: TRLIB_PROFILE: expected a machine with a GPU for 'gpu', and torch finds none; "
    "'cpu' runs the same chapter smaller"
)
NO_SIZE = (
    "ProfileError: TRLIB_PROFILE: expected one of cpu, gpu, smoke, got {!r}; did you mean {!r}?"
)


@pytest.mark.parametrize(
    ("named", "line"),
    by_day(
        [
            ("gpu", NO_GPU),
            ("smok", NO_SIZE.format("smok", "smoke")),
            ("CPU", NO_SIZE.format("CPU", "cpu")),
        ],
        ("gpu", NO_GPU),
        reason="a process for each",
    ),
)
def test_a_size_that_cannot_be_had_is_one_line(named, line):
    error, lines = shown(
        "from trbook.profile import profile, size", "size(smoke=1, cpu=2)", TRLIB_PROFILE=named
    )
    assert (error, lines) == ("ProfileError", [line])


def test_the_owner_of_a_gpu_is_told_once_which_profile_runs_and_why(monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setenv("TRLIB_PROFILE", "gpu")
    assert (profile(), capsys.readouterr().out) == ("gpu", "")
    monkeypatch.delenv("TRLIB_PROFILE")
    assert (profile(), profile()) == ("gpu", "gpu")
    output = capsys.readouterr().out
    assert (
        "because torch finds a GPU" in output
        and "TRLIB_PROFILE=cpu" in output
        and output.count("\n") == 1
    )
