"""No state of an explorable is higher than a screen and a little, its question in full: 980 pixels at
1280, 1,450 at 360.
Every preset, every drawer, every reply, and states that random events reach."""

from pathlib import Path

import pytest

from tests.book.browser.explorable import Visit
from tests.book.browser.test_every_explorable import DRAWN
from tests.by_day import by_day

pytestmark = pytest.mark.test_all("every state of two figures, at two widths")

DRIVE = Path(__file__).with_name("heights.js").read_text(encoding="utf-8")
EVENTS = 120
SHOWN = ("TokenMicroscope", "Unifier")
HIGHEST = {1280: 980, 360: 1450}
COLUMN = {1280: 700, 360: 328}
"""What a page of the book leaves for a figure."""
NARROWED = """
const column = new CSSStyleSheet();
column.replaceSync("main {{ max-width: {}px !important }}");
document.adoptedStyleSheets = [column];
"""
"""The column before the page is read: a figure is drawn once, at the width that is measured."""


@pytest.mark.parametrize(
    "name", by_day(DRAWN, *SHOWN, reason="ten seconds of a browser for each explorable")
)
@pytest.mark.parametrize("width", HIGHEST)
def test_no_state_is_higher_than_a_screen_and_a_little(chromium, figures, name, width):
    phone = {"has_touch": True, "is_mobile": True} if width == 360 else {}
    viewport = {"width": width, "height": 900}
    narrowed = NARROWED.format(COLUMN[width])
    one = Visit(chromium, f"{figures}/{name}.html", narrowed, viewport=viewport, **phone)
    drawn = one.page.evaluate("document.querySelector('main').getBoundingClientRect().width")
    assert drawn <= COLUMN[width]
    heights = one.page.evaluate(DRIVE, {"events": EVENTS, "seed": 7})
    one.context.close()
    assert len(heights) > EVENTS
    too_high = {state: high for state, high in heights if high > HIGHEST[width]}
    assert too_high == {}


def test_a_reply_stands_where_the_answers_stood(visit):
    one = visit("Unifier")
    one.page.locator(".trx .ask > summary").click()
    assert one.page.locator(".trx .try").is_hidden(), "a drawer takes the place of the presets"
    one.page.locator(".trx .answers button").nth(1).click()
    assert one.page.locator(".trx .answers").is_hidden()
    assert one.text(".trx .revealed").startswith("✕ Not quite")
    one.page.get_by_role("button", name="choose again").press("Enter")
    assert one.page.locator(".trx .revealed").is_hidden()
    one.page.locator(".trx .answers button").nth(2).press("Enter")
    assert one.text(".trx .revealed").startswith("✓ Right")
    one.page.get_by_role("button", name="close").press("Enter")
    assert one.page.locator(".trx .try").is_visible()
    one.page.locator(".trx input[type=range]").first.press("ArrowRight")
    one.settle()
    assert one.page.locator(".trx .replied").is_hidden(), "what was closed stays closed"
