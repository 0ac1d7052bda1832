"""`tools/install.sh` where no Python is new enough, has no venv, was interrupted, or is in a folder that
has been moved: a sentence that says what was found, no traceback, and no state in which it stays."""

import subprocess

import pytest

from book.build.paths import ROOT


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({}, "got Python 3.10.12 as python3;"),
        ({"TRLIB_PYTHON": "python3.9"}, "got Python 3.9.2 as python3.9;"),
        ({"TRLIB_PYTHON": "no-such-python"}, "got none as no-such-python;"),
    ],
)
def test_an_older_python_is_one_sentence(tmp_path, named, words):
    """On a path that has only two Pythons, which say their versions and can do nothing else."""
    for name, version in (("python3", "3.10.12"), ("python3.9", "3.9.2")):
        (tmp_path / name).write_text(f'#!/bin/sh\n[ "$1" = -V ] && echo Python {version}\n')
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", str(ROOT / "tools/install.sh")],
        cwd=tmp_path,
        env={"PATH": str(tmp_path), **named},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and not done.stdout and not (tmp_path / ".venv").exists()
    assert done.stderr == (
        f"install: expected Python 3.11 or newer, {words} name another: make "
        "TRLIB_PYTHON=/path/to/python3.11 ...\n"
    )
