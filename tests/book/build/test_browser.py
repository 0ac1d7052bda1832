"""A Chromium is found or refused in words; the report is printed by it."""

import subprocess
import sys

import pytest

from book.build import browser
from book.build.paths import ROOT
from book.build.report import PAPER


@pytest.mark.nightly("builds a page and prints it")
def test_the_report_is_printed(chromium):
    subprocess.run([sys.executable, "-m", "book.build.report"], cwd=ROOT, check=True)
    assert PAPER.read_bytes().count(b"/Type /Page\n") > 3


def test_a_playwright_that_does_not_start_is_as_if_there_were_no_chromium(monkeypatch, tmp_path):
    """A slim image lacks a library of its program, and all that playwright says is "closed"."""

    class Closed:
        def __enter__(self):
            raise Exception("Connection closed while reading from the driver")

    monkeypatch.setattr("playwright.sync_api.sync_playwright", Closed)
    monkeypatch.setenv("TRLIB_CHROMIUM", str(tmp_path))
    with pytest.raises(browser.NoChromium, match="libatomic1"), browser.browser():
        pass


def test_without_playwright_there_is_no_browser_and_none_is_installed(monkeypatch):
    """`make book` installs no playwright: its pages have no previews of their own then."""
    monkeypatch.setattr(browser, "find_spec", {"playwright": None}.get)
    monkeypatch.setattr(browser, "chromium", lambda: pytest.fail("looks for a Chromium"))
    with pytest.raises(browser.NoChromium, match="make dev"), browser.browser():
        pass
