"""The front page's figure in Chromium: it is read by hand and keyboard, and trains one curve more
when its slider is let go."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.test_all("the first page's figure by hand")

LINES = ".trx:not(.still) path.line"
SLIDER = "Width of the clip"


def test_a_batch_is_read_by_keyboard_and_a_clip_that_is_let_go_begins_to_learn(visit):
    one = visit("Front")
    plane = one.page.get_by_role("slider", name="Batch to read")
    answers = one.page.locator(".answers-of li")
    expect(answers.nth(0)).to_contain_text("16 epochs after 30 batches")
    plane.press("Home")
    expect(answers.nth(0)).to_contain_text("before training")
    assert plane.get_attribute("aria-valuetext").startswith("batch 0: 1 epoch 0.")
    plane.press("Escape")
    expect(answers.nth(1)).to_contain_text("clip 0.2 after 30 batches")
    assert not [url for url in one.requests if "engine" in url]
    one.page.get_by_role("slider", name=SLIDER).press("ArrowRight")
    expect(answers.nth(2)).to_contain_text("16 epochs, clip 1")
    expect(answers.nth(2)).to_contain_text(re.compile(r"after \d+ batch"))
    assert [url for url in one.requests if url.endswith("playground/engine.js")]


def test_without_a_network_it_says_so_inside_the_frame(visit):
    one = visit("Front")
    one.page.route("**/playground/*.js", lambda route: route.abort())
    one.page.get_by_role("slider", name=SLIDER).press("ArrowRight")
    one.page.locator(".trx .trouble").filter(has_text="are you offline?").wait_for()
    assert any(url.endswith("playground/engine.js") for url in one.requests)
    assert one.page.locator(LINES).count() == 3
    one.complaints.clear()  # the browser's, of what was not let through
