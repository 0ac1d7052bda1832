"""A Chromium is found or refused in words; the report is printed by it."""

import subprocess
import sys

import pytest

from book.build.paths import ROOT
from book.build.report import PAPER


@pytest.mark.nightly("builds a page and prints it")
def test_the_report_is_printed(chromium):
    subprocess.run([sys.executable, "-m", "book.build.report"], cwd=ROOT, check=True)
    assert PAPER.read_bytes().count(b"/Type /Page\n") > 3
