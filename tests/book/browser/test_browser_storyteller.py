"""The storyteller in Chromium: it is read and played by keyboard, and a policy learns in the page."""

import re

import pytest
from playwright.sync_api import expect

from tests.book.browser.explorable import violations

pytestmark = pytest.mark.test_all("the storyteller by hand")


def test_a_story_is_read_and_a_policy_learns_by_keyboard(visit):
    one = visit("Storyteller", viewport={"width": 390, "height": 844})
    page = one.page
    judge, spoken, asked = (page.locator(f".trx .{name}") for name in ("judge", "told", "asked"))
    expect(judge).to_contain_text("✕ not a story")
    assert page.locator(".trx .said .wrong").count() > 10, "what the judge finds wrong is marked"
    plane = page.get_by_role("slider", name="Batch to read")
    plane.press("Home")
    expect(asked).to_contain_text("after 0 batches")
    assert plane.get_attribute("aria-valuetext").startswith("batch 0, β = 0: reward −0.18")
    plane.press("Escape")
    assert not [url for url in one.requests if "engine" in url]
    page.get_by_role("button", name="Train with β = 0.1").press("Enter")
    expect(spoken).to_contain_text(re.compile(r"β.=.0\.1, batch \d+ of 40"), timeout=60_000)
    page.get_by_role("button", name="Pause").press("Enter")
    page.get_by_role("button", name="Go on").wait_for()
    assert [url for url in one.requests if url.endswith("playground/engine.js")]
    assert page.locator(".trx:not(.still) path.line").count() == 4, "both curves of both runs"
    assert violations(page) == []


def test_a_penalty_that_is_let_go_begins_another_run(visit):
    one = visit("Storyteller")
    slider = one.page.get_by_role("slider", name="beta")
    slider.press("ArrowRight")
    expect(one.page.locator(".trx .told")).to_contain_text(re.compile(r"β.=.0\.3"), timeout=60_000)
    assert one.get("beta") == 0.3


def test_without_a_network_it_says_so_inside_the_frame(visit):
    one = visit("Storyteller")
    one.page.route("**/playground/*.js", lambda route: route.abort())
    one.page.get_by_role("button", name="Train with").click()
    one.page.locator(".trx .trouble").filter(has_text="Are you offline?").wait_for()
    expect(one.page.locator(".trx .judge")).to_contain_text("✕ not a story")
    one.complaints.clear()  # the browser's, of what was not let through
