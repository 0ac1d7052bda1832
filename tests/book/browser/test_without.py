"""A machine without a Chromium: `make test` says what it leaves out and passes; `make test-all`
fails."""

import subprocess
import sys

import pytest

from book.build.browser import HOW
from book.build.paths import ROOT
from tests.by_day import by_day

NONE = """
import sys, pytest
from book.build import browser

def none():
    raise browser.NoChromium(browser.HOW)

browser.chromium = none
sys.exit(pytest.main(sys.argv[1:]))
"""
SMALL = ("tests/book/browser/test_maths_survival.py", "-n", "0", "-p", "no:cacheprovider")


@pytest.mark.parametrize(
    ("chromium", "status", "said"),
    by_day(
        [("optional", 0, "left out: "), ("needed", 1, "ERROR ")],
        ("optional", 0, "left out: "),
        reason="starts another pytest",
    ),
)
def test_what_needs_a_browser_is_left_out_or_fails(chromium, status, said):
    command = [sys.executable, "-c", NONE, *SMALL, "--chromium", chromium]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == status, done.stdout
    assert said in done.stdout and HOW in done.stdout and " passed" not in done.stdout
