"""The built book, served on loopback; the Chromium that looks at it is that of `tests/browser.py`.

The book is built once: a page of each kind (`DAILY`), or the whole book as `make html` builds it, as
`--book` says. A test that needs more than these pages is one for `make nightly`.
"""

import os
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

from book.build.ext.security import sealed
from book.build.pages import build
from book.build.paths import ANNEX, ANNEXED, BUILD, ROOT
from book.build.serve import served
from tests.book.browser.explorable import page_of, visits
from trbook import explorables
from trbook.explorables.modules import link_modules
from trbook.explorables.publish import publish

DAILY = (
    "book/index",
    "book/notation",
    "book/check/diagnose",
    "book/glossary",
    "book/playground",
    "book/purpose",
    "book/questions",
    "book/methods/index",
    "book/methods/dppo",
    "book/interface/losses",
    "notebooks/00_quickstart",
    "notebooks/05_grpo",
)
"""A page of each kind: what `make test` builds and opens."""


@pytest.fixture(scope="session")
def book(request):
    """The folder of the built pages. TRLIB_BOOK names one that is built already."""
    named = os.environ.get("TRLIB_BOOK")
    if named:
        return Path(named).resolve()
    some = request.config.getoption("book") == "some"
    BUILD.mkdir(exist_ok=True)
    with FileLock(BUILD / "tests.lock"):  # several workers come here at once
        if some:
            return built_once(BUILD / "some")
        subprocess.run(["make", "html"], cwd=ROOT, check=True)
    return BUILD / "html"


def built_once(out):
    """The folder of a page of each kind, which the first worker of a run builds."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    mark = out / "run"
    if not mark.exists() or mark.read_text() != run:
        build(out, [page for page in DAILY if ANNEXED or not page.startswith(ANNEX)])
        mark.write_text(run)
    return out / "html"


@pytest.fixture(scope="session")
def address(book):
    """Where the built book is served."""
    with served(book) as address:
        yield address


@pytest.fixture(scope="session")
def figures(tmp_path_factory):
    """Where a page for each explorable is served, linked as the book links them and sealed as its
    pages are."""
    folder = tmp_path_factory.mktemp("figures")
    publish(folder / "_static" / "explorables")
    for name in explorables.__all__:
        kind = getattr(explorables, name)
        files = {name: {}, **{f"{name}.{one}": state for one, state in kind.shown.items()}}
        for file, settings in files.items():
            html = link_modules(kind(**settings).html(), "_static/explorables")
            (folder / f"{file}.html").write_text(sealed(page_of(file, html)), encoding="utf-8")
    with served(folder) as address:
        yield address


@pytest.fixture
def visit(chromium, figures):
    """Opens the page of an explorable: `visit("Unifier")`."""
    with visits(chromium, figures) as visit:
        yield visit
