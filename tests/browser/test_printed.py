"""The whole book on paper: every link between its pages knows a number, and the file is not too
large."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.paths import ROOT
from tools.pdf import __main__ as pdf
from tools.pdf.print import targets

pytestmark = pytest.mark.nightly("prints some hundreds of pages of the built book, twice")


def test_the_whole_book_is_printed(book: Path, tmp_path: Path) -> None:
    # In a process of its own: a browser of another test may be open in this one.
    command = [
        sys.executable,
        "-m",
        "tools.pdf",
        "--folder",
        str(book),
        "--out",
        str(tmp_path),
        "--paper",
        "a4",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "trust-region-book-a4.pdf"
    assert path.stat().st_size < pdf.LARGEST
    numbers, count = targets(path)
    assert count > 300 and numbers["the-index"] <= count
    assert (
        numbers["notebooks-05_grpo"]
        < numbers["notebooks-06_what_clipping_gets_wrong"]
        < numbers["part-solutions"]
    )
