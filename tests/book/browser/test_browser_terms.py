"""A word of the glossary shows its meaning to a mouse, the keyboard and a screen reader; a finger
follows the link."""

import pytest

from book.build.browser import settle

PAGE = "book/notation.html"
WORD = "main a.term"
CARD = "#meaning-nat"
SHOWN = "!document.querySelector('#meaning-nat').hidden"
HIDDEN = "document.querySelector('#meaning-nat').hidden"
NEAR = 8
"""Pixels between a word and its meaning, at most."""


def apart(card, word):
    """Pixels between a word and its meaning, which stands above it or below; negative where the
    meaning covers the word."""
    box, line = card.bounding_box(), word.bounding_box()
    return float(max(box["y"] - line["y"] - line["height"], line["y"] - box["y"] - box["height"]))


@pytest.fixture
def page(chromium, address):
    context = chromium.new_context(viewport={"width": 360, "height": 800}, color_scheme="dark")
    page = context.new_page()
    page.goto(f"{address}/{PAGE}", wait_until="load")
    settle(page)
    yield page
    context.close()


def test_the_keyboard_reaches_the_meaning_and_escape_takes_it_away(page, until):
    page.locator(WORD).first.evaluate("node => { node.focus({ focusVisible: true }); }")
    until(page, SHOWN)
    assert -1 <= apart(page.locator(CARD), page.locator(WORD).first) <= NEAR
    page.keyboard.press("Escape")
    assert page.locator(CARD).is_hidden()
    assert page.evaluate("document.activeElement.matches('a.term')")
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    until(page, SHOWN)
    page.keyboard.press("Tab")
    until(page, HIDDEN)
    assert page.locator(WORD).first.get_attribute("aria-describedby") == CARD[1:]


def test_a_finger_goes_to_the_glossary(chromium, address):
    context = chromium.new_context(
        viewport={"width": 360, "height": 780}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(f"{address}/{PAGE}", wait_until="load")
    page.locator(WORD).first.tap()
    page.wait_for_url("**/book/glossary.html#nat")
    assert page.locator("#nat h3").is_visible()
    context.close()
