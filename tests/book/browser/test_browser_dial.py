"""The dial in Chromium: it is drawn before and after, and a model learns in the page."""

import re

import pytest
from playwright.sync_api import expect

from tests.book.browser.explorable import violations

pytestmark = pytest.mark.test_all("the dial by hand")


def arrows(page):
    return [page.locator(f".trx li:nth-child({i}) .lines path").count() for i in (1, 2)]


def test_what_a_run_comes_to_is_seen_when_it_has_been_made(visit):
    page = visit("Dial").page
    button, verdict = page.locator(".trx .go button"), page.locator(".trx .go p")
    assert arrows(page) == [1, 0]
    assert "88" not in verdict.inner_text()
    button.click()
    expect(button).to_have_text(re.compile("again"))
    assert arrows(page) == [1, 5]
    assert page.locator(".trx li").evaluate_all("all => all.map(one => one.dataset.right)") == [
        "no",
        "yes",
    ]
    expect(verdict).to_contain_text("after 30 batches 88 in 100")
    expect(verdict).to_contain_text("19, 1, 7, 10, 14")


def test_a_model_learns_by_keyboard_and_is_stopped(visit):
    one = visit("Dial", viewport={"width": 390, "height": 844})
    assert not [url for url in one.requests if "engine" in url]
    one.page.get_by_role("button", name="Train it here").press("Enter")
    expect(one.page.locator(".trx .go p")).to_have_text(
        re.compile(r"Batch [1-9]\d* of 30: \d+ in 100")
    )
    one.page.get_by_role("button", name="Stop").press("Enter")
    one.page.get_by_role("button", name="Train it here").wait_for()
    assert violations(one.page) == []


def test_eight_answers_change_while_it_trains(visit):
    page = visit("Dial.eight").page
    before = page.locator(".trx li code").all_text_contents()
    page.get_by_role("button", name="Train it here").click()
    expect(page.locator(".trx .go p")).to_have_text(re.compile(r"Batch [1-9]\d* of 30"))
    expect(page.locator(".trx li code")).not_to_have_text(before)
    assert len(before) == 8


def test_without_a_network_it_says_so(visit):
    one = visit("Dial")
    one.page.route("**/playground/*.js", lambda route: route.abort())
    one.page.get_by_role("button", name="Train it here").click()
    one.page.locator(".trx .trouble").filter(has_text="Are you offline?").wait_for()
    assert arrows(one.page) == [1, 0]
    one.complaints.clear()  # the browser's, of what was not let through
