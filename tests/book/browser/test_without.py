"""A machine without a Chromium: `make test` says what it leaves out and passes; `make test-all`
fails."""

import subprocess
import sys
from contextlib import contextmanager

import pytest

from book.build import browser
from book.build.browser import HOW
from book.build.paths import ROOT
from tests.browser import launched

NONE = """
import sys, pytest
from book.build import browser

def none():
    raise browser.NoChromium(browser.HOW)

browser.chromium = none
sys.exit(pytest.main(sys.argv[1:]))
"""
SMALL = ("tests/book/browser/test_front.py", "-n", "0", "-p", "no:cacheprovider")


@pytest.mark.nightly("starts another pytest")
@pytest.mark.parametrize(
    ("chromium", "status", "said"),
    [("optional", 0, "left out: "), ("needed", 1, "ERROR ")],
)
def test_what_needs_a_browser_is_left_out_or_fails(chromium, status, said):
    command = [sys.executable, "-c", NONE, *SMALL, "--chromium", chromium]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == status, done.stdout
    assert said in done.stdout and HOW in done.stdout and " passed" not in done.stdout


@pytest.mark.parametrize(
    ("wanted", "how", "ends"),
    [
        ("optional", HOW, pytest.skip.Exception),
        ("needed", HOW, pytest.fail.Exception),
        ("optional", "a path that is none", pytest.fail.Exception),
    ],
)
def test_one_test_without_a_browser_is_skipped_only_where_none_is_installed(
    monkeypatch, wanted, how, ends
):
    @contextmanager
    def none():
        raise browser.NoChromium(how)
        yield

    monkeypatch.setattr("tests.browser.browser", none)
    with pytest.raises(ends, match=how[:20]), launched(wanted):
        pass
