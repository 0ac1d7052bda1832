"""What a page's text asks is chosen by a button; the choice is kept and uncovers the answer, and so does
scrolling on."""

import re

import pytest
from playwright.sync_api import expect

from tests.book.browser.explorable import violations
from tests.by_day import by_day

COVERED = re.compile(r"\bcovered\b")


@pytest.mark.parametrize(
    "width", by_day([1280, 360], 360, later=[1280], reason="the same page, wider")
)
def test_a_choice_uncovers_the_answer_and_is_kept_until_it_is_taken_back(chromium, address, width):
    context = chromium.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto(f"{address}/book/purpose.html")
    every = page.locator("article").get_by_role("group", name="Your prediction")
    asked = every.filter(has_text="Less than twice as high")
    chosen = asked.get_by_role("button", name="less than twice as high")
    message = page.get_by_role("status").filter(has_text="You predicted: Less than twice as high")
    answer = page.locator("article details", has_text="What the recorded runs say")
    expect(answer).to_have_class(COVERED)
    expect(message).to_have_count(0)
    chosen.press("Enter")
    expect(message).to_be_visible()
    expect(answer).not_to_have_class(COVERED)
    assert violations(page) == []
    page.reload()
    expect(message).to_be_visible()
    chosen.press("Enter")
    expect(message).to_have_count(0)
    context.close()


def test_whoever_scrolls_on_sees_what_was_found_and_nothing_moves(chromium, address):
    page = chromium.new_page(viewport={"width": 1366, "height": 768})
    page.goto(f"{address}/notebooks/05_grpo.html")
    fold = page.locator("details.covered", has=page.locator(".trlib-drawing")).first
    fold.evaluate("node => { node.scrollIntoView({ block: 'end' }); window.fold = node; }")
    curve = "getComputedStyle(window.fold.querySelector('.trlib-drawing')).maskImage"
    assert "gradient" in page.evaluate(curve)
    height = page.evaluate("window.fold.offsetHeight")
    assert height > 150, "a teaser is open"
    page.evaluate("window.fold.scrollIntoView({ block: 'start' })")
    page.wait_for_function("!window.fold.classList.contains('covered')")
    assert page.evaluate(curve) == "none"
    assert page.evaluate("window.fold.offsetHeight") == height
    page.close()


def test_a_choice_is_drawn_into_its_figure(chromium, address):
    page = chromium.new_page()
    page.goto(f"{address}/notebooks/05_grpo.html")
    page.get_by_role("button", name="More than 40.").press("Enter")
    expect(page.locator(".drawn-wide text.level")).to_be_visible()
    page.close()
