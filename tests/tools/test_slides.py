"""Slides: what the rules read off a page, what a choice may name, what a deck carries, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from tools import editions, pdf_print, slides
from tools.pdf_pages import NotPrintable
from tools.slides_page import sentences, text
from tools.slides_read import MOST, Reader
from trbook.address import Address, address

HEAD = "<!doctype html><head></head><body><article class='bd-article'>{}</article></body>"
RAN = '<div class="executed"><details><summary>Executed 1 May 2027 in 3 s</summary></details></div>'
FIGURE = """<figure id="{0}"><div class="trlib-drawing"><style>x</style><div class="drawn-wide"><svg role="img"
aria-label="A line rises."></svg></div><div class="drawn-narrow"><svg aria-label="A line rises."></svg></div></div>
<figcaption><p><span class="caption-number">Fig. 1 </span><span class="caption-text">It rises. {0}.</span></p>
</figcaption></figure>"""
CHAPTER = f"""<section><h1>Clip<a class="headerlink" href="#clip">#</a></h1>{RAN}
<section><h2>The question: is it near?</h2><p>You clip at 0.2. Is the policy
<a href="../book/glossary.html#near">near</a>? We looked.</p>
<div class="cell tag_hide-input"><details class="hide above-input"><div class="cell_input">secret_plotting()</div>
</details><div class="cell_output">{FIGURE.format("near-picture")}</div></div></section>
<section><h2>The idea</h2><p>Stop paying. Beyond the window the objective is flat:</p></section>
<section><h2>The derivation</h2><p>It is short. The loss is</p>
<div class="math" id="equation-near-loss"><span class="eqno">(1)</span><span class="tex">L = r A</span></div>
<p>computed by <code>near</code>. Case by case:</p>
<p>There is more.</p><div class="math" id="equation-near-more"><span class="tex">x</span></div>
<p><strong>Pseudocode: near</strong></p><div class="highlight-text"><pre>repeat:
    step</pre></div></section>
<section><h2>By hand</h2><p><strong>Predict.</strong> does it hold?</p><ol><li>Yes.</li><li>No.</li></ol>
<div class="cell tag_hide-cell"><details class="hide above-input"></details><div class="cell_output">
{FIGURE.format("near-answer")}</div></div>
<details><summary>Which prediction was right, and why</summary><p>The second. It leaves.</p></details>
<div class="cell"><div class="cell_output">{FIGURE.format("near-later")}</div></div></section>
<section><h2>For practitioners</h2><details><summary>More</summary><p>Pitfalls.</p></details></section>
<section><h2>Exercises</h2><p><strong>1. Ratio.</strong> Of every token.</p>
<div class="cell tag_exercise"><div class="cell_input"><pre>import torch

def ratio(new, old):
    ...</pre></div></div></section>
<section><h2>Next</h2><p><a href="05_grpo.html">GRPO</a> asks a group.</p></section></section>
<p id="meaning-near" class="meaning" role="tooltip" hidden>Not far. Measured in nats.</p>"""
WORDS = "<section><h1>Glossary</h1><section id='near'><h3>Near</h3><p>Not far.</p></section></section>"
LADDER = """<section id="step-4"><h2>4. The clip</h2><p>It stops.
(<a href="../notebooks/04_ppo.html">chapter 4</a>)</p>
<div class="highlight"><pre>- -A * r
+ -min(A * r, 1)</pre></div><svg role="img" aria-label="A curve."></svg>
<p class="caption">Solid: after.</p></section>"""
CHOICES = yaml.safe_load(slides.CHOICES.read_text("utf-8"))
PAGES = {"notebooks/04_ppo": CHAPTER, "book/glossary": WORDS, "book/ladder": LADDER}


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A book of one chapter, as the build leaves it."""
    for name, page in PAGES.items():
        path = tmp_path / f"{name}.html"
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEAD.format(page), encoding="utf-8")
    return tmp_path


def deck(book: Path, where: Address | None = None, **choices: Any) -> dict[str, Any]:
    made = Reader(book, where or Address(), {"04_ppo": {"keep": ["We looked"], **choices}}).deck("04_ppo", "4")
    return {slide.name: slide for slide in made.slides}


def test_a_deck_has_the_chapters_own_pieces_in_their_order(book: Path) -> None:
    found = deck(book)
    assert list(found) == [
        *("title", "question", "near-picture", "words", "idea", "near-loss", "near-more", "pseudocode", "step-4"),
        *("predict-1", "predict-1-answer", "near-later", "exercises", "task", "keep", "next"),
    ]
    assert text(found["title"].title) == "Clip" and "Is it near?" in found["title"].body
    assert found["question"].title == "Is it near?" and found["question"].body.count("<p>") == 3
    assert text(found["words"].body) == "NearNot far. Measured in nats."
    assert text(found["idea"].body) == "Stop paying."
    assert text(found["near-loss"].body) == "The loss isL = r Acomputed by near."
    assert "+ -min(A * r, 1)" in found["step-4"].body and text(found["step-4"].title) == "The changed line: The clip"
    assert text(found["predict-1"].body) == "Does it hold?Yes.No."
    assert "near-answer" in found["predict-1-answer"].body and "The second." in found["predict-1-answer"].body
    assert "def ratio(new, old):" in found["task"].body and "import torch" not in found["task"].body
    assert text(found["keep"].body) == "We looked."
    whole = "".join(slide.body for slide in found.values())
    assert "secret_plotting" not in whole and "drawn-narrow" not in whole and "Fig. 1" not in whole
    assert whole.count('aria-label="A line rises."') == 3
    assert "<a " not in whole


def test_links_lead_to_the_published_book(book: Path) -> None:
    found = deck(book, Address("https://github.com/me/my-book"))
    assert 'href="https://me.github.io/my-book/notebooks/05_grpo.html"' in found["next"].body
    assert "https://me.github.io/my-book/notebooks/04_ppo.html" in found["next"].body


def test_choices_name_what_there_is(book: Path) -> None:
    found = deck(
        book, formulas=["near-more"], leave_out=["near-answer", "words"], keep=[["Stop paying", "It is short"]]
    )
    assert "near-loss" not in found and "words" not in found and "figure" not in found["predict-1-answer"].body
    assert text(found["keep"].body) == "Stop paying. It is short."
    with pytest.raises(NotPrintable, match=r"tools/slides.yml, 04_ppo: no sentence begins with 'Nowhere'"):
        deck(book, keep=["Nowhere"])
    with pytest.raises(NotPrintable, match="no slide gone"):
        deck(book, leave_out=["gone"])
    with pytest.raises(NotPrintable, match="no formula gone"):
        deck(book, formulas=["gone"])


def test_the_least_needed_slides_go_first(book: Path) -> None:
    page = book / "notebooks/04_ppo.html"
    more = "".join(f'<div class="cell">{FIGURE.format(f"more-{n}")}</div>' for n in range(9))
    page.write_text(page.read_text("utf-8").replace("<section><h2>For pr", f"{more}<section><h2>For pr"), "utf-8")
    found = deck(book)
    assert len(found) == MOST and "near-more" not in found and "more-8" not in found
    assert {"more-0", "predict-1-answer", "keep", "next"} <= set(found)


def test_sentences_keep_their_markup() -> None:
    from bs4 import BeautifulSoup

    page = "<p><b>No.</b> It is <i>near</i>, e.g. here. <span>π</span> moves (a lot). Why? At 0.2 it stops.</p>"
    tag = BeautifulSoup(page, "html.parser").p
    assert tag is not None
    parts = ["<b>No.</b>", "It is <i>near</i>, e.g. here.", "<span>π</span> moves (a lot).", "Why?", "At 0.2 it stops."]
    assert sentences(tag) == parts
    assert sentences(tag, 6) == parts[:2] and sentences(tag, 1) == parts[:1]


def test_a_deck_is_one_file_that_asks_nobody(book: Path) -> None:
    made = Reader(book, Address(), {"04_ppo": {}}).deck("04_ppo", "4")
    page = slides.document(made, "4", [slides.Fit()] * len(made.slides))
    assert 'data-theme="light"' in page and "default-src 'none'" in page
    assert not re.findall(r"(?:src|href)=[\"'](?!#)|url\((?!data:)|@import", page.replace("src:url(data:", ""))
    assert page.count('<section class="slide') == len(made.slides)


def test_every_numbered_chapter_has_a_deck_and_choices_of_its_own() -> None:
    chapters = slides.numbered()
    assert list(chapters.values()) == [str(number) for number in range(1, 14)]
    assert list(CHOICES) == list(chapters)


def test_what_cannot_be_shown_is_said(book: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def said(*options: str) -> str:
        assert slides.main(["--folder", str(book), "--out", str(book / "out"), *options]) == 1
        return capsys.readouterr().err

    assert "slides: 04_clip: expected one of 01_policies_that_write" in said("--only", "04_clip")
    assert "no page notebooks/01_policies_that_write here; `make html` builds the book" in said()
    monkeypatch.setattr(slides, "CHOICES", book / "choices.yml")
    (book / "choices.yml").write_text("{}", encoding="utf-8")
    monkeypatch.setenv("TRLIB_CHROMIUM", "/nowhere/chromium")
    assert "expected the path of a Chromium, got '/nowhere/chromium'" in said("--only", "04_ppo")
    page = book / "notebooks/04_ppo.html"
    page.write_text(page.read_text("utf-8").replace("Executed 1 May", "This page is being executed"), "utf-8")
    assert "notebooks/04_ppo has not been executed" in said("--only", "04_ppo")
    page.unlink()
    assert "no page notebooks/04_ppo here" in said("--only", "04_ppo")


def test_a_machine_without_fonts_is_told_what_to_install() -> None:
    def page(missing: list[str], monospaced: bool) -> Any:
        return SimpleNamespace(evaluate=lambda code, *given: missing if given else monospaced)

    with pytest.raises(pdf_print.NoFonts, match=r"did not load \(Inter\): `make html` builds it with them"):
        pdf_print.check_fonts(page(["Inter"], True))
    with pytest.raises(pdf_print.NoFonts, match=r"no monospaced font for code; .* fonts-dejavu-core"):
        pdf_print.check_fonts(page([], False))


@pytest.mark.parametrize("url", ["https://github.com/me/my-book", "https://github.com/me/my-book/"])
def test_a_trailing_slash_makes_no_difference(book: Path, url: str) -> None:
    where = address({"repository": {"url": url}})
    assert "https://me.github.io/my-book/notebooks/04_ppo.html" in deck(book, where)["next"].body


def test_pages_link_to_the_editions_that_exist_and_to_no_other(book: Path, capsys: Any) -> None:
    made, page = book / "made", book / "book/teaching.html"
    (made / "slides").mkdir(parents=True)
    empty = "".join(f'<div class="editions" data-of="{kind}" hidden></div>' for kind in ("slides", "pdf"))
    page.write_text(f"<p>before</p>{empty}<p>after</p>", encoding="utf-8")
    options = ["--folder", str(book), "--made", str(made)]
    assert editions.main(options) == 1
    assert "no book here; `make html` builds it" in capsys.readouterr().err
    (book / "index.html").write_text("", encoding="utf-8")
    before = page.read_text("utf-8")
    assert editions.main(options) == 0 and page.read_text("utf-8") == before
    assert "nothing links to one" in capsys.readouterr().out
    (made / "slides/05_grpo.html").write_text("deck", encoding="utf-8")
    (made / "trust-region-book-a4.pdf").write_text("pdf", encoding="utf-8")
    (made / "trust-region-book.epub").write_text("epub", encoding="utf-8")
    whole = ["../trust-region-book-a4.pdf", "../trust-region-book.epub"]
    for _ in range(2):
        assert editions.main(options) == 0
        shown = page.read_text("utf-8")
        assert re.findall('href="([^"]+)"', shown) == ["../slides/05_grpo.html", *whole]
        assert "hidden" not in shown and shown.endswith("<p>after</p>")
    assert (book / "slides/05_grpo.html").read_text("utf-8") == "deck"
    (made / "slides/05_grpo.html").unlink()
    for link in whole:
        (made / link[3:]).unlink()
    assert editions.main(options) == 0 and page.read_text("utf-8") == before
    assert not (book / "slides/05_grpo.html").exists()


def prose(chapter: str) -> str:
    """A chapter's prose in its notebook, without the marks of Markdown."""
    cells = json.loads((slides.ROOT / "notebooks" / f"{chapter}.ipynb").read_text("utf-8"))["cells"]
    written = " ".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return " ".join(re.sub(r"\[([^]]*)\]\([^)]*\)|[*`]", r"\1", written).split())


@pytest.mark.parametrize(("chapter", "choices"), [(name, own) for name, own in CHOICES.items() if "keep" in own])
def test_a_deck_s_sentences_stand_in_its_chapter(chapter: str, choices: dict[str, Any]) -> None:
    wanted = [start for starts in choices["keep"] for start in ([starts] if isinstance(starts, str) else starts)]
    assert wanted and [start for start in wanted if start not in prose(chapter)] == []
