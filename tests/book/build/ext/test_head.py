"""What the build says of pages: description, address, the line at a notebook's foot, the index
of the search."""

import base64
import io

from docutils.core import publish_doctree
from PIL import Image

from book.build.ext import previews
from book.build.ext.execution import NEVER, facts
from book.build.ext.head import sitemap, tags
from book.build.ext.previews import Card, Figure, described, sentences
from trbook.explorables.files import PAGE

RECORD = {
    "when": "2026-11-26T19:47:51+00:00",
    "seconds": 3.1,
    "profile": "cpu",
    "hardware": "2 cores of <a processor>",
    "versions": {"torch": "2.11.0"},
    "text": "a",
}
CARD = {"gpu": "A card", "memory": "16 GiB", "cuda": "3.4"}


def test_the_line_at_a_foot_is_short_and_opens():
    text = facts(RECORD, None, larger=False)
    assert "<summary>Executed 26 November 2026 in 3 s</summary>" in text
    assert "profile cpu, on 2 cores of &lt;a processor&gt; · torch 2.11.0</p>" in text
    assert NEVER not in text and NEVER in facts(RECORD, None, larger=True)
    text = facts(RECORD, {**RECORD, **CARD}, larger=True)
    assert "&gt; beside A card (16 GiB, CUDA 3.4) · torch 2.11.0</p>" in text
    assert "other code" in facts(RECORD, {**RECORD, **CARD, "text": "b"}, larger=True)


def test_a_description_is_sentences_without_formulas():
    tree = publish_doctree(
        "Title\n=====\n\n.. note:: An aside that is none of it.\n\nHow far may it go? The ratio "
        ":math:`r` is 1. "
        "As far as its data reach, and no further than that.\n\n+---+\n| a |\n+---+\n"
    )
    found = sentences(tree)
    assert found == ["How far may it go?", "As far as its data reach, and no further than that."]
    assert described(found) == " ".join(found)
    long = "word " * 100 + "ends."
    assert described([long, "Next."]) == long
    assert described(["A short one.", long]) == "A short one."
    assert described([]) == ""


def test_a_card_has_title_question_and_figure_and_cuts_nothing(chromium):
    """However long the title is, however high the figure."""
    tall = b"<svg xmlns='http://www.w3.org/2000/svg' width='300' height='900'></svg>"
    still = b"<style></style><div style='height: 2000px' class='still'></div>"
    page = chromium.new_page(viewport={"width": previews.WIDTH, "height": previews.HEIGHT})
    inside = """node => { const { top, bottom, left, right } = node.getBoundingClientRect();
        return top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth; }"""
    for title in ("PPO", "A long title of seven or eight words, cut nowhere " * 2):
        for file in (tall, still, None):
            card = Card(title, "Which & why? " * 20, file and Figure(file, "says"))
            page.set_content(card.page)
            page.evaluate(previews.FIT)
            shown = page.locator(".figure img, .still, h1, p, small")
            assert shown.evaluate_all(f"all => all.every({inside})"), (title, file)
            assert page.locator("h1").inner_text().strip() == title.strip()
    page.close()


def test_the_head_escapes_what_it_says():
    made = tags('A "title" & more', "<b>", "", "figures/wall.png", "Book")
    assert 'content="A &quot;title&quot; &amp; more"' in made and 'content="&lt;b&gt;"' in made
    assert "og:url" not in made, "no address, no claim"
    assert 'og:image:alt" content="Three walls of 64 answers' in made
    assert "<loc>https://a.org/book/index.html</loc>" in sitemap("https://a.org/", ["book/index"])


def test_a_card_shows_an_explorable_s_picture_without_the_note_above_it():
    out = io.BytesIO()
    Image.new("RGB", (950, 400)).save(out, "PNG")
    held = {"image/png": base64.b64encode(out.getvalue()).decode()}
    for page, height in (({"explorable": "clip"}, 400 - previews.NOTE), ({"html": ""}, 400)):
        output = {
            "data": {**held, PAGE: page},
            "metadata": {"image/png": {"alt": "Two curves that cross."}},
        }
        drawn = Image.open(io.BytesIO(previews._stored(output).file))
        assert drawn.size == (950, height)
