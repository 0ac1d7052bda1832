"""The storyteller in Chromium: it plays, asks, is read by hand, and a policy learns in the page."""

import re

import pytest
from playwright.sync_api import expect

from tests.book.browser.explorable import violations

pytestmark = pytest.mark.test_all("the storyteller by hand")
PAYS, CALLS, STORY, TOLD = (
    f".trx:not(.still) {name}" for name in (".pays .big", ".calls .big", ".said", ".told")
)


def test_it_plays_to_six_nats_asks_and_plays_on_when_pressed(visit):
    moving = visit("Storyteller", reduced_motion="no-preference").page
    resting = visit("Storyteller").page
    for page in (moving, resting):
        expect(page.locator(TOLD)).to_contain_text("in the 25 that are left?", timeout=15_000)
        expect(page.locator(CALLS)).to_have_text("44\u00a0%")
        page.get_by_role("button", name="Play on").click()
        expect(page.locator(PAYS)).to_have_text("8.7", timeout=15_000)
        expect(page.locator(CALLS)).to_have_text("0\u00a0%")
        expect(page.locator(STORY)).to_contain_text("happy happy happy")
    moving.get_by_role("button", name="Again").click()
    moving.get_by_role("button", name="Stop").click()
    expect(moving.locator(TOLD)).to_contain_text("Which of the two numbers do you trust?")


def test_a_batch_is_read_by_keyboard(visit):
    one = visit("Storyteller", viewport={"width": 390, "height": 844})
    slider = one.page.get_by_role("slider", name="Batch that is shown")
    slider.press("Home")
    expect(one.page.locator(PAYS)).to_have_text("−0.2")
    assert slider.get_attribute("aria-valuetext") == "batch 1 of 40"
    assert "happy happy" not in one.text(STORY)
    assert not [url for url in one.requests if "engine" in url]


def test_a_press_trains_one_run_and_the_link_asks_its_question(visit):
    one = visit("Storyteller", viewport={"width": 390, "height": 844})
    one.page.get_by_role("button", name="a little").press("Enter")
    expect(one.page.locator(TOLD)).to_have_text(
        re.compile("^Held a little, after ([2-9]|[1-9]\\d) batches")
    )
    assert one.page.locator(PAYS).inner_text() != "8.7"
    assert violations(one.page) == []
    mark = one.page.evaluate("location.hash")
    asked = visit("Storyteller", mark).page
    expect(asked.locator(TOLD)).to_contain_text("Hold it a little: will the stories stay good?")
    expect(asked.get_by_role("button", name="a little")).to_have_attribute("aria-pressed", "true")
    assert "happy happy" not in asked.locator(STORY).inner_text()


def test_without_a_network_it_says_so_inside_the_frame(visit):
    one = visit("Storyteller")
    one.page.route("**/playground/*.js", lambda route: route.abort())
    one.page.get_by_role("button", name="barely").click()
    one.page.locator(".trx .trouble").filter(has_text="Are you offline?").wait_for()
    expect(one.page.locator(CALLS)).to_have_text("44\u00a0%")
    one.complaints.clear()  # the browser's, of what was not let through
