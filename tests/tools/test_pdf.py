"""The printed book: what a page becomes on paper, numbers of pages behind links, the index, and
what is refused."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

from tools import browser
from tools.paths import ROOT, config
from tools.pdf import __main__ as pdf
from tools.pdf.index import Entry, entries, index, look_for, words
from tools.pdf.pages import (
    GLOSSARY,
    LEFT_OUT,
    NUMBER,
    SOLUTIONS,
    NotPrintable,
    Part,
    Reader,
    check,
    parts,
)
from tools.pdf.print import numbered
from trbook.address import Address

HEAD = "<!doctype html><head>{}</head><article class='bd-article'>{}</article>"
RAN = '<div class="executed"><details><summary>Executed 1 May 2027 in 3 s</summary></details></div>'
CHAPTER = f"""<section id="clip"><h1>Clip<a class="headerlink" href="#clip">#</a></h1>{RAN}
<p>A <a href="../book/glossary.html#ratio">ratio</a>, and <a href="../book/glossary.html">all words</a>;
<a href="../book/interface/losses.html#x">losses</a>; <a href="https://example.org">far</a>;
<a href="#eq">above</a>.</p>
<div class="cell tag_hide-input"><details class="hide above-input"><summary>Show</summary>
<div class="cell_input">secret_plotting()</div></details><div class="cell_output" id="eq"><svg viewBox="0 0 9 9">
<clipPath id="c"><rect width="9" height="9"/></clipPath><use href="#c"/><g clip-path="url(#c)"/></svg></div></div>
<details><summary>The proof</summary><p>It holds.</p></details><p class="on-phone">for a phone</p>
<div><template shadowrootmode="open"><p>a curve</p><p class="ask">Predict, then play</p><div class="bar"><button
data-start="play">Play</button></div><p class="soft">Nothing is loaded</p></template></div>
<div class="toctree-wrapper"> </div>
<div class="cell tag_solution"><details class="hide above-input"><summary>Show</summary>
<div class="cell_input"><pre>return 42</pre></div></details></div></section>"""
WORDS = """<section id="glossary"><h1>Glossary</h1><section id="ratio"><h3>Ratio</h3><p>A quotient. The
<a href="../notebooks/04_clip.html#clip">clip</a> bounds it.</p></section></section>"""
CHOSEN = [Part("Learn", {"notebooks/04_clip": "4 · Clip"}), Part("Reference", {GLOSSARY: ""})]
NAMES = [name for part in CHOSEN for name in part.pages]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A book of two pages, as the build leaves it."""
    for name, text in zip(NAMES, (CHAPTER, WORDS), strict=True):
        path = tmp_path / f"{name}.html"
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEAD.format("", text), encoding="utf-8")
    return tmp_path


def test_a_page_on_paper_shows_what_a_screen_folds_and_nothing_that_needs_a_click(
    book: Path,
) -> None:
    page = Reader(book, NAMES, Address()).page("notebooks/04_clip")
    text = str(page.body)
    assert page.title == "Clip"
    assert (
        '<p class="fold-title with-above">The proof</p>' in text
        and "It holds." in text
        and "<details" not in text
    )
    assert not any(
        word in text
        for word in ("secret_plotting", "Executed", "headerlink", "for a phone", "return 42")
    )
    assert "a curve" in text and not any(
        word in text for word in ("play", "Play", "Nothing is", "toctree")
    )
    assert (
        "return 42" in str(page.solutions[0])
        and page.solutions[0]["id"] == "notebooks-04_clip-solution-1"
    )
    assert 'Solution: <a href="#notebooks-04_clip-solution-1">1</a>' in text
    assert 'id="notebooks-04_clip--c"' in text and "url(#notebooks-04_clip--c)" in text
    assert '<use href="#notebooks-04_clip--c"' in text


def test_the_answer_to_a_prediction_stands_at_the_end(tmp_path: Path) -> None:
    asked = """<h1>Bets</h1><p><b>Predict.</b> Where does it end?</p><ol><li>Near 1.</li></ol>
<div class="cell">trained = 3</div><div class="cell tag_hide-cell"><details class="hide above-input"><summary>Show</summary>
<div class="cell_input">plot()</div></details><div class="cell_output">at 20.8</div></div>
<details><summary>The answer</summary><p>Above 20.</p></details><div class="cell tag_hide-cell"><div class="cell_output">its table</div></div>
<details><summary>How long?</summary><p>A minute.</p></details>
<p>Another bet.</p><div class="cell tag_hide-output"><div class="cell_input">forget()</div><details class="hide below-input">
<summary>Show</summary><div class="cell_output">0.05</div></details></div><p>In the open.</p>"""
    (tmp_path / "bets.html").write_text(HEAD.format("", asked), encoding="utf-8")
    page = Reader(tmp_path, ["bets"], Address()).page("bets")
    first, second = (answer.get_text() for answer in page.solutions)
    assert all(word in first for word in ("Answer 1", "at 20.8", "Above 20.", "its table"))
    assert "Answer 2" in second and "0.05" in second
    left = page.body.get_text()
    for word in ("trained = 3", "A minute.", "forget()", "In the open."):
        assert word in left and word not in first + second
    assert not any(word in left for word in ("20.8", "Above 20.", "0.05", "plot"))
    assert page.solutions[0]["id"] == "bets-answer-1" and "Answer: " in left


def test_choices_stay_and_their_replies_stand_at_the_end(tmp_path: Path) -> None:
    folds = "".join(
        f"<details><summary>{choice}</summary><p><em>{said}</em> {why}</p></details>"
        for choice, said, why in (("Luck", "Not yet.", "Why?"), ("Age", "Right.", "It is."))
    )
    asked = f"<h1>Designs</h1><p>What is wrong?</p>{folds}<p>And here?</p>{folds}<p>End.</p>"
    (tmp_path / "designs.html").write_text(HEAD.format("", asked), encoding="utf-8")
    page = Reader(tmp_path, ["designs"], Address()).page("designs")
    assert [one["id"] for one in page.solutions] == ["designs-answer-1", "designs-answer-2"]
    assert all("Luck" in one.get_text() and "It is." in one.get_text() for one in page.solutions)
    assert [one.get_text() for one in page.body.find_all("li")] == ["Luck", "Age"] * 2
    assert "Right." not in page.body.get_text()


def test_a_line_that_leads_on_and_the_last_lines_stay_with_the_others(book: Path) -> None:
    chapter = book / "notebooks/04_clip.html"
    more = (
        '<h2>Play</h2><div class="cell"><div class="trlib-explorable"><div style="min-height: '
        '66rem"><div class='
    )
    more += '"trlib-still">One. It needs JavaScript.</div></div></div></div>'
    more += f"<p>So:</p><pre>x</pre><p>{'y' * 300}</p><ul><li>one</li><li>two</li></ul><h2>Next</h2><p>End.</p>"
    chapter.write_text(
        HEAD.format("", CHAPTER.removesuffix("</section>") + more + "</section>"), encoding="utf-8"
    )
    body = Reader(book, NAMES, Address()).page("notebooks/04_clip").body
    assert [tag.get_text() for tag in body.select(".leads")][-1] == "So:"
    assert [tag.get_text() for tag in body.select(".with-above")] == ["one", "two", "Next", "End."]
    assert [tag.get_text() for tag in body.select(".together > *")] == [
        "Play",
        "One. It moves in the book on a screen.",
    ]
    assert "66rem" not in str(body)


def test_links_stay_inside_the_document_or_lead_to_the_published_book(book: Path) -> None:
    here = Reader(book, NAMES, Address())
    text = str(here.page("notebooks/04_clip").body)
    assert 'href="#book-glossary--ratio"' in text and 'href="#notebooks-04_clip--eq"' in text
    assert "interface" not in text and "losses" in text and 'href="https://example.org"' in text
    there = str(
        Reader(book, NAMES, Address("https://github.com/me/my-book")).page("notebooks/04_clip").body
    )
    assert 'href="https://me.github.io/my-book/book/interface/losses.html#x"' in there
    assert [name for name, _ in here.mentions["book-glossary--ratio"]] == ["notebooks/04_clip"]


def test_the_index_lists_a_page_once(book: Path) -> None:
    reader = Reader(book, NAMES, Address())
    bodies = {name: reader.page(name).body for name in NAMES}
    lines = entries(bodies[GLOSSARY], dict.fromkeys(NAMES, ""), reader.mentions)
    assert [(line.word, line.explained) for line in lines] == [("Ratio", "book-glossary--ratio")]
    pages = {"explained": 9, "a": 3, "b": 3, "c": 9, "d": 12}
    text = numbered(index([Entry("Ratio", "explained", ("a", "b", "c", "d"))], pages), pages)
    assert re.sub(r"<[^>]+>", "", text) == "IndexRatio 9, 3, 12"
    assert "000" in numbered(NUMBER.format("unknown"), {})


def test_a_word_that_nobody_links_is_looked_for_in_the_chapters() -> None:
    page = (
        "<section id='g'><h2>Words</h2><section id='mask'><h3>Mask</h3></section><section "
        "id='k1'><h3>k1</h3></section>"
    )
    glossary = BeautifulSoup(f"{page}</section>", "html.parser")
    assert list(words(glossary)) == [("Mask", "mask"), ("k1", "k1")]
    chapter = BeautifulSoup(
        "<p>Unmasked, k1-like.</p><p>Two masks.</p><p>A mask.</p>", "html.parser"
    )
    found = look_for({"Mask": "mask", "k1": "k1"}, {"notebooks/04_clip": chapter})
    assert found == {"mask": [("notebooks/04_clip", "notebooks-04_clip---w1")]}
    assert chapter.find_all("p")[1]["id"] == "notebooks-04_clip---w1" and not chapter.p.has_attr(
        "id"
    )
    lines = entries(glossary, {"book/methods/ppo": "PPO", "book/methods/index": "All"}, found)
    assert [(line.word, line.mentioned) for line in lines] == [
        ("k1", ()),
        ("Mask", ("notebooks-04_clip---w1",)),
        ("PPO", ()),
    ]
    cards = [(f"book/methods/{number}", f"card-{number}") for number in range(6)]
    for few, listed in ((5, ("chapter", *(link for _, link in cards[:5]))), (6, ("chapter",))):
        lines = entries(glossary, {}, {"k1": [("notebooks/04_clip", "chapter"), *cards[:few]]})
        assert lines[0].mentioned == listed, "a word of nearly every card lists no card"


def test_what_cannot_be_printed_is_said(book: Path, tmp_path: Path) -> None:
    with pytest.raises(NotPrintable, match="no book here; `make html` builds the book"):
        check(tmp_path / "nowhere", NAMES)
    with pytest.raises(NotPrintable, match="no page book/other"):
        check(book, [*NAMES, "book/other"])
    chapter = book / "notebooks/04_clip.html"
    chapter.write_text(
        HEAD.format("", CHAPTER.replace("Executed 1 May", "This page is being executed")),
        encoding="utf-8",
    )
    with pytest.raises(NotPrintable, match="notebooks/04_clip has not been executed"):
        check(book, NAMES)


def test_without_chromium_the_command_says_how_to_bring_one(
    book: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("TRLIB_CHROMIUM", "/nowhere/chromium")
    assert pdf.main(["--folder", str(book), "--out", str(book), "--only", *NAMES]) == 1
    assert "expected the path of a Chromium" in capsys.readouterr().err
    assert pdf.main(["--folder", str(book / "none"), "--out", str(book)]) == 1
    assert "`make html` builds the book" in capsys.readouterr().err


PRINT = (
    "import sys; from tools.pdf import __main__ as pdf, print; print.FONTS = {}; "
    "sys.exit(pdf.main(sys.argv[1:]))"
)


def run(book: Path, *fonts: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own: a browser of another test may be open in this one."""
    options = ["--folder", str(book), "--out", str(book), "--paper", "letter", "--only", *NAMES]
    command = [sys.executable, "-c", PRINT.format(repr(fonts)), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.nightly("prints for seconds")
def test_two_pages_are_printed_with_the_numbers_of_their_pages(book: Path) -> None:
    pypdf = pytest.importorskip("pypdf")
    try:
        browser.chromium()
    except browser.NoChromium as error:
        pytest.skip(str(error))
    without = run(book, "Source Serif", "Inter")
    assert without.returncode == 1 and "fonts did not load (Source Serif, Inter)" in without.stderr
    done = run(book)
    assert done.returncode == 0, done.stderr
    path = book / "trust-region-book-letter.pdf"
    assert path.stat().st_size < 200_000
    document = pypdf.PdfReader(path)
    texts = [" ".join(page.extract_text().split()) for page in document.pages]
    assert [round(float(side)) for side in document.pages[0].mediabox[2:]] == [612, 792]
    chapter, words, solution, last = (
        next(number for number, text in enumerate(texts, start=1) if number > 2 and mark in text)
        for mark in ("The proof", "A quotient", "return 42", "Index")
    )
    assert (
        f"Clip {chapter}" in texts[1]
        and f"Glossary {words}" in texts[1]
        and f"Index {last}" in texts[1]
    )
    assert f"Solution: 1 p. {solution}" in texts[chapter - 1]
    assert f"clip p. {chapter} bounds it" in texts[words - 1]
    assert f"Ratio {words}, {chapter}" in texts[last - 1]
    assert document.metadata.title == config()["title"]
    assert [item.title for item in document.outline] == ["Clip", "Glossary", SOLUTIONS, "Index"]


def test_everything_a_reader_learns_from_is_printed() -> None:
    chosen = parts()
    names = [name for part in chosen for name in part.pages]
    assert names[0] == "book/index" and GLOSSARY in names and len(names) == len(set(names))
    assert not [name for name in names if name.startswith(LEFT_OUT)]
    assert chosen[1].pages["notebooks/05_grpo"] == "5 · GRPO: a group instead of a critic"
