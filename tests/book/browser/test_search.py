"""The book's search: questions of practitioners find their page, and odd queries get a plain
answer."""

import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from docutils.nodes import make_id

from book.build.ext import search as search_words
from book.build.paths import ROOT, contents
from tests.book.browser.test_pages import accessibility, visited

HINTS = search_words.load(ROOT / "book" / "search.yml")
DONE = "document.querySelector('.search-summary').textContent !== ''"
HITS = (
    "[...document.querySelectorAll('#search-results li a')].map(link => link.getAttribute('href'))"
)
SUMMARY = "document.querySelector('.search-summary').textContent"
FIRST = 3
"""Hits among which the right page must be."""
ASKED = json.loads(Path(__file__).with_name("asked.json").read_text(encoding="utf-8"))
"""Forty questions from issue threads, each in up to three phrasings, and the addresses that answer it:
of a page, or the beginning of a question's."""
FOUND = 34
"""Of the forty, so many at least have their answer among the first hits of one phrasing."""
LISTS = {
    make_id(question): path.stem
    for path in (ROOT / "book" / "questions").glob("*.md")
    for question in re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
}
"""Each question has a page of its own, and the lists above name it by its file and its address there."""
FORTY = json.loads(Path(__file__).with_name("forty.json").read_text(encoding="utf-8"))
"""What askers of forty threads would type, eight of them in Chinese."""
ODD = {
    "": "Type a word or a question.",
    " ": "Type a word or a question.",
    "a": "One letter",
    "?!": "There is no word in this search.",
    "ζψ": "Search finished: no page matches. The book is in English.",
    "鸡蛋 面包": "Search finished: no page matches. The book is in English.",
    "qqqqzzzz": "Search finished: no page matches.",
    "x" * 20_000: "Search finished: no page matches. The search reads 200 characters",
    "<img src=x onerror=alert(1)>": "",
    "__proto__ constructor toString": "",
}
"""What nobody should be left alone with, and how the answer begins."""


def search(page, address, query, until):
    """The addresses of the hits, in their order, without `.html`."""
    page.goto(f"{address}/search.html?q={quote(query)}", wait_until="load")
    until(page, DONE)
    return [listed(href.replace(".html", "", 1)) for href in page.evaluate(HITS)]


def listed(hit):
    """A question's page as the place where its answer is written."""
    name = hit.removeprefix("book/questions/")
    return f"book/questions/{LISTS[name]}#{name}" if name in LISTS else hit


def answered(hits, right):
    """One of the first hits begins as a right address does."""
    return any(hit.startswith(tuple(right)) for hit in hits[:FIRST])


@pytest.fixture(scope="module")
def page(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    yield context.new_page()
    context.close()


def test_what_the_search_is_told_names_pages_that_exist():
    named = {
        *HINTS["keywords"],
        *(question["page"].partition("#")[0] for question in HINTS["questions"]),
    }
    assert named <= set(contents())
    assert len(HINTS["also"]) >= 60


@pytest.mark.nightly("searches the whole book")
def test_questions_of_issue_threads_find_their_answer_among_the_first_three(page, address, until):
    assert len(ASKED) == 40
    missed = [
        one["phrasings"]
        for one in ASKED
        if not any(
            answered(search(page, address, text, until), one["right"]) for text in one["phrasings"]
        )
    ]
    assert len(ASKED) - len(missed) >= FOUND, missed


@pytest.mark.nightly("searches the whole book")
def test_askers_find_their_answer_among_the_first_five_in_english_and_in_chinese(
    page, address, until
):
    missed = {}
    for one in FORTY:
        hits = search(page, address, one["query"], until)[:5]
        if not any(hit.startswith(tuple(one["right"])) for hit in hits):
            missed[one["query"]] = hits
    assert len(FORTY) == 40 and len(missed) <= 4, missed


@pytest.mark.nightly("seven searches, one after the other")
def test_odd_queries_get_a_plain_answer_and_run_nothing(book, address, chromium, until):
    context = chromium.new_context()
    for query, expected in ODD.items():
        visit = visited(context, address, f"search.html?q={quote(query)}")
        until(visit.page, DONE)
        assert visit.page.evaluate(SUMMARY).startswith(expected), query[:40]
        assert visit.page.locator("#search-results img").count() == 0
        listed = visit.page.locator("#search-questions").is_visible()
        assert listed or visit.page.locator("#search-results li").count() > 0, query[:40]
        assert visit.complaints == [], query[:40]
        assert visit.page.locator("#main-content input").input_value() == query[:200]
        visit.page.close()
    context.close()


def test_hits_fit_a_phone_and_break_no_accessibility_rule(address, chromium, until):
    context = chromium.new_context(
        viewport={"width": 360, "height": 780},
        color_scheme="dark",
        is_mobile=True,
        reduced_motion="reduce",
    )
    page = context.new_page()
    assert search(page, address, "ppo_loss clip", until)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert accessibility(page, "dark") == []
    context.close()
