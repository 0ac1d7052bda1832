"""Three walls in Chromium: they play, ask, and tell; by hand, by keys, by a link; on a phone, on paper
and without a script."""

import pytest
from playwright.sync_api import expect

from tests.book.browser.explorable import page_of, violations
from trbook.explorables import Wall

pytestmark = pytest.mark.test_all("one figure by hand")

MODEL = "document.querySelector('.trlib-explorable').model"
RING = "Batch that is shown"


def test_it_plays_asks_and_tells(visit, until):
    one = visit("Wall", reduced_motion="no-preference")
    guess = one.page.locator(".trx:not(.still) [data-guess]")
    assert not violations(one.page)
    until(one.page, f"{MODEL}.get('batch') === 6")
    expect(one.page.locator(".verdict")).to_contain_text("Which wall is greenest")
    expect(one.page.locator(".called").first).to_be_hidden()
    assert guess.get_attribute("data-guess") == "" and "#" not in one.page.url
    assert not violations(one.page)
    one.page.locator("[data-wall=B] .tiles").click()
    expect(guess).to_have_attribute("data-guess", "B")
    assert not violations(one.page)
    until(one.page, f"{MODEL}.get('batch') === 16")
    until(one.page, "location.hash === '#wall:guess=B'")  # and no result is passed on
    expect(one.page.locator(".verdict b")).to_have_text(
        "You said B. B could add. Now it writes 14 + 21 = 42."
    )
    expect(one.page.locator(".verdict")).to_contain_text("B learned eight times from every batch")
    expect(one.page.locator(".key")).to_contain_text("Tap a tile to read it")
    expect(one.page.locator(".bubble")).to_be_hidden()  # it would cover the walls' end
    expect(one.page.locator("[data-wall=B]")).to_contain_text("many updates")
    assert one.page.locator("[data-wall=B] [data-tile][data-is='1']").count() == 0
    one.page.get_by_role("button", name="Did it happen again?").click()
    expect(one.page.locator("[data-kind^=other]")).to_have_count(12)
    expect(one.page.locator(".verdict")).to_contain_text("It did, in 6 of 7 other runs")
    tile = one.page.locator("[data-wall=C] [data-tile='20']")
    tile.click()
    expect(one.page.locator("[data-wall=C] .on[data-tile='20']")).to_be_visible()
    bubble, tapped = one.page.locator("[data-wall=C] .bubble").bounding_box(), tile.bounding_box()
    assert 0 < bubble["y"] - tapped["y"] - tapped["height"] < 20, "it stands beside the tile"


def test_keys_guess_move_the_ring_and_read_an_answer(visit):
    one = visit("Wall")
    assert one.get("batch") == 6, "it asks, and does not move, where less motion is wished"
    ring = one.page.get_by_role("slider", name=RING)
    expect(ring).to_have_attribute("aria-valuetext", "batch 6 of 16")
    tap = one.page.get_by_role("button", name="Guess wall A")
    tap.press("Enter")
    expect(one.page.locator(".verdict")).to_contain_text("A it is")
    expect(tap).to_be_focused()
    ring.press("Home")
    plane = one.page.get_by_role("slider", name="Answers of wall C")
    plane.press("Home")
    plane.press("ArrowDown")
    expect(plane).to_have_attribute("aria-valuenow", "8")
    assert "Answer" in plane.get_attribute("aria-valuetext")
    expect(one.page.locator(".asked")).to_contain_text("C answers 24 + 14 + 18")
    one.page.get_by_role("button", name="Guess anew").press("Enter")
    expect(one.page.locator(".verdict")).to_contain_text("Which wall is greenest")
    assert one.get("batch") == 6


def test_a_link_asks_and_tells_nothing(visit, until):
    one = visit("Wall", "#wall:guess=c&batch=16")
    until(one.page, f"{MODEL}.get('batch') === 6 && {MODEL}.get('guess') === ''")
    expect(one.page.locator(".verdict")).to_contain_text("A friend says C. What do you say?")
    expect(one.page.locator(".called").first).to_be_hidden()
    expect(one.page.locator("[data-wall=C] .yours")).to_be_hidden()
    assert "#wall:guess=c" in one.page.url
    one.page.get_by_role("button", name="Guess wall A").press("Enter")
    expect(one.page.locator(".verdict")).to_contain_text("A it is")


def test_paper_shows_the_end(visit):
    one = visit("Wall", reduced_motion="no-preference")
    one.page.pdf()
    expect(one.page.locator(".called").first).to_be_visible()
    assert one.get("batch") == 16
    one.page.emulate_media(media="print")
    exact = "tile => getComputedStyle(tile).printColorAdjust"
    assert one.page.locator(".trx:not(.still) [data-tile]").first.evaluate(exact) == "exact"


def test_without_a_script_it_asks(chromium):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_content(page_of("Wall", Wall().html()))
    expect(page.locator(".still .verdict")).to_contain_text("Which wall is greenest in batch 16?")
    for part in (".called", ".doing", ".slider", ".bubble"):
        expect(page.locator(f".still {part}").first).to_be_hidden()
    assert page.locator(".still [data-tile]").count() == 3 * 64
    context.close()
