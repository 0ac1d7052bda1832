"""A Chromium is found or refused in words; the report is printed by it."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
from docutils import nodes

from book.build import browser
from book.build.ext import previews
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


def test_a_library_that_its_program_lacks_is_named_and_nothing_else_is_printed(
    monkeypatch, tmp_path, capfd
):
    node = tmp_path / "driver" / "node"
    node.parent.mkdir()
    node.write_text("#!/bin/sh\necho 'node: libatomic.so.1: cannot open' >&2; exit 127\n")
    node.chmod(0o755)
    monkeypatch.setattr("playwright.__file__", str(tmp_path / "__init__.py"))
    monkeypatch.setenv("TRLIB_CHROMIUM", str(tmp_path))
    with pytest.raises(browser.NoChromium) as error, browser.browser():
        pass
    assert "does not start (node: libatomic.so.1: cannot open)" in str(error.value)
    assert browser.HOW in str(error.value), "by this tests know what was left out"
    assert capfd.readouterr() == ("", "")


def test_without_a_browser_the_build_says_what_is_left_out_and_that_it_is_harmless(
    monkeypatch, tmp_path
):
    def none():
        raise browser.NoChromium("its program does not start")

    messages = []
    monkeypatch.setattr(previews, "browser", none)
    monkeypatch.setattr(previews.logger, "info", lambda text, *of: messages.append(text % of))
    (tmp_path / "page.md").write_text("![A line](line.svg)", encoding="utf-8")
    (tmp_path / "line.svg").write_text("<svg></svg>", encoding="utf-8")
    out = tmp_path / "html"
    config = SimpleNamespace(first_pages=[], root_doc="index")
    app = SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=out, config=config)
    page = SimpleNamespace(
        found_docs={"page"},
        doc2path=lambda name: tmp_path / f"{name}.md",
        titles={"page": nodes.title("", "A page")},
        metadata={"page": {}},
    )
    previews.draw(app, page)
    assert messages == [
        "previews: a shared link shows the book's picture and not that of its page, and nothing else "
        "is missing (its program does not start)"
    ]
    assert list((out / previews.FOLDER).iterdir()) == []


@pytest.fixture
def as_root(monkeypatch, tmp_path):
    """Root on Debian, without a Chromium: the commands that would install one, which fail."""
    ran = []

    def run(command, **_):
        ran.append(command)
        return subprocess.CompletedProcess(command, 100, "", "E: no net\nE: no package chromium\n")

    monkeypatch.setattr(browser, "BUILD", tmp_path)
    monkeypatch.setattr(browser, "_installed", lambda: None)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("subprocess.run", run)
    for name in ("TRLIB_CHROMIUM", "TRLIB_APT"):
        monkeypatch.delenv(name, raising=False)
    return ran


def test_root_is_told_what_is_installed_and_why(as_root, capfd):
    with pytest.raises(browser.NoChromium):
        browser.chromium()
    update, install = as_root
    assert update[-1] == "update" and install[-3:] == [*browser.PACKAGES]
    messages = capfd.readouterr().err.splitlines()
    assert messages[0] == f"browser: {browser.announced()}"
    assert "tests of pages and link previews of drawings need" in messages[0]
    assert (
        "apt-get installs chromium, fonts-dejavu-core, libatomic1; TRLIB_APT=0 prev" in messages[0]
    )
    assert [line.rpartition(": ")[2] for line in messages[1:]] == ["no package chromium"] * 2


def test_a_variable_prevents_that_anything_is_installed(as_root, monkeypatch, capfd):
    monkeypatch.setenv("TRLIB_APT", "0")
    with pytest.raises(browser.NoChromium, match="install it"):
        browser.chromium()
    assert (as_root, browser.announced(), capfd.readouterr()) == ([], "", ("", ""))


def test_tests_of_the_package_need_nothing_that_builds_the_book():
    book = ("sphinx", "sphinx_external_toc", "jupyter_book", "nbformat", "playwright")
    code = f"import sys; sys.modules.update(dict.fromkeys({book})); import conftest"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_without_playwright_there_is_no_browser_and_none_is_installed(monkeypatch):
    """`make book` installs no playwright: its pages have no previews of their own then."""
    monkeypatch.setattr(browser, "find_spec", {"playwright": None}.get)
    monkeypatch.setattr(browser, "chromium", lambda: pytest.fail("looks for a Chromium"))
    with pytest.raises(browser.NoChromium, match="make dev"), browser.browser():
        pass
