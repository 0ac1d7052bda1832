"""What a page says of itself where it is shared, and the pictures of shared links."""

import base64
import io

from PIL import Image

from book.build.ext import previews
from book.build.ext.head import sitemap, tags
from book.build.ext.previews import Card, Figure
from trbook.explorables.files import PAGE


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
