"""The whole book on paper: every link between its pages knows a number, and the file is not too large."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import pdf
from tools.pdf_print import targets

pytestmark = pytest.mark.nightly("prints some hundreds of pages of the built book, twice")


def test_the_whole_book_is_printed(book: Path, tmp_path: Path) -> None:
    path = pdf.make(book, tmp_path, ["a4"])[0]
    assert path.stat().st_size < pdf.LARGEST
    numbers, count = targets(path)
    assert count > 300 and numbers["the-index"] <= count
    assert numbers["notebooks-05_grpo"] < numbers["notebooks-06_what_clipping_gets_wrong"] < numbers["part-solutions"]
