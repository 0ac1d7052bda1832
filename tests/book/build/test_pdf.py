"""The printed book: what is printed, where its links lead, and what is refused."""

import subprocess
import sys

import pytest

from book.build import browser, pdf
from book.build.paths import ROOT, config

HEAD = "<!doctype html><title>{0}</title><article><h1>{0}<a>#</a></h1>{1}</article>"
FAR = '<div style="height: 1500px"></div><h2 id="end">End</h2>'
CHAPTER = (
    '<p><a href="../book/glossary.html#ratio">ratio</a> <a href="#end">below</a> '
    '<a href="../book/interface/losses.html#x">losses</a> <a href="https://example.org/">far</a></p>'
)
NAMES = ("notebooks/04_clip", "book/glossary")


@pytest.fixture
def book(tmp_path):
    """A book of two pages, as the build leaves it."""
    for name, title, text in zip(
        NAMES,
        ("Clip", "Glossary"),
        (CHAPTER + FAR, '<p><a href="#end">below</a></p>' + FAR),
        strict=True,
    ):
        path = tmp_path / f"{name}.html"
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEAD.format(title, text), encoding="utf-8")
    return tmp_path


PRINT = (
    "import sys; from book.build import pdf; from trbook.address import Address; "
    "pdf.address = lambda _: Address({!r}); sys.exit(pdf.main(sys.argv[1:]))"
)


@pytest.mark.nightly("prints for seconds")
@pytest.mark.parametrize("repository", ["", "https://github.com/me/my-book"])
def test_links_stay_inside_the_document_or_lead_to_the_published_book(book, repository):
    pypdf = pytest.importorskip("pypdf")
    try:
        browser.chromium()
    except browser.NoChromium as error:
        pytest.skip(str(error))
    # In a process of its own: a browser of another test may be open in this one.
    options = ["--folder", str(book), "--out", str(book), "--only", *NAMES]
    command = [sys.executable, "-c", PRINT.format(repository), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    document = pypdf.PdfReader(book / "trust-region-book.pdf")
    texts = [page.extract_text() for page in document.pages]
    assert len(texts) == 4 and "Clip" in texts[0] and "Glossary" in texts[2]
    assert [text.split()[-1] for text in texts] == ["1", "2", "3", "4"]
    assert document.metadata.title == config()["title"]
    assert [item.title for item in document.outline] == ["Clip", "Glossary"]
    numbers = {page.indirect_reference: number for number, page in enumerate(document.pages)}
    led = []
    for link in pdf.links(document.pages):
        if "/Dest" in link:
            led.append(numbers[link["/Dest"].get_object()[0].indirect_reference])
        elif "/A" in link:
            led.append(link["/A"]["/URI"])
    public = ["https://me.github.io/my-book/book/interface/losses.html#x"] if repository else []
    assert led == [2, 1, *public, "https://example.org/", 3], "an #end on each page is its own"


def test_what_cannot_be_printed_is_said(book, monkeypatch, capsys):
    assert pdf.main(["--folder", str(book), "--only", "book/other"]) == 1
    assert "no page book/other here; `make html` builds the book" in capsys.readouterr().err
    monkeypatch.setenv("TRLIB_CHROMIUM", "/nowhere/chromium")
    assert pdf.main(["--folder", str(book), "--out", str(book), "--only", *NAMES]) == 1
    assert "expected the path of a Chromium" in capsys.readouterr().err


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
