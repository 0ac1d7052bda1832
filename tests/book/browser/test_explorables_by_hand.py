"""What single explorables are for: their handles follow a hand and the keyboard, and a formula is
typed. What all of them share is in `test_every_explorable.py`."""

import re

import pytest
from playwright.sync_api import expect

from tests.book.browser.test_every_explorable import DRAWN, SMALL, keys_of
from tests.by_day import by_day

pytestmark = pytest.mark.test_all("each figure by hand: seconds of a browser for each")

HANDLE = ".trx .handle"
BY_DAY = (
    "Projection",
    "RatioMap",
    "Simplex",
    "Staleness",
    "TokenMicroscope",
)


@pytest.mark.parametrize(
    "name",
    by_day(
        [name for name in DRAWN if name not in ("Loop", "Wall", *SMALL)],
        *BY_DAY,
        reason="the same for every handle of every figure",
    ),
)
def test_a_handle_follows_a_hand_and_keys(visit, name):
    """The first and the last of a figure. A step in one direction may meet an end."""
    one, keys = visit(name), keys_of(name)
    for place in {0, one.page.locator(HANDLE).count() - 1}:
        way = []
        for right, up in ((60, 60), (-60, -60)):
            before, start = one.state(keys), one.middle(HANDLE, place)
            one.drag(start, right=right, down=-up)
            end = one.middle(HANDLE, place)
            if one.state(keys) != before:
                way.append(min(abs(end[0] - start[0] - right), abs(start[1] - end[1] - up)))
        assert way and min(way) < 30, "it is where the hand is"
        states = [one.state(keys)]
        for key in ("Left", "Right", "Up", "Down"):
            one.press(f"{HANDLE} >> nth={place}", f"Arrow{key}")
            states.append(one.state(keys))
        assert any(state != states[0] for state in states), "the keyboard moves it"
    assert one.page.locator(".trx .notes").is_hidden(), "an ordinary drag shows no note"


LANE_OF = '[data-explorable="playground"] [data-lane]'


def test_a_formula_is_typed_marked_drawn_shared_and_written_as_python(visit, until):
    page = visit(
        "Playground", "#playground:seed=1&a=ppo,group:2", viewport={"width": 360, "height": 800}
    ).page
    page.get_by_label("Lane A, method").select_option(label="your own")
    expect(page.locator(LANE_OF).first).to_have_attribute("data-method", "own")
    field, problem = page.get_by_label("Your formula for w"), page.locator(".fm-problem")
    expect(field).to_have_value("A*r")
    expect(page.locator(".fm-up")).to_have_attribute("d", re.compile("^M.+L"))
    before = page.locator(".fm-up").get_attribute("d")
    field.fill("A*r*(abs(p-q) < d")
    expect(problem).to_contain_text('Character 18: expected ")", got the end.')
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("A*r*(abs(p-q) < d)")
    expect(problem).to_have_text("")
    page.get_by_role("slider", name="Lane A, constant d").press("ArrowLeft")  # 0.2 becomes 0.15
    reading = page.locator(".fm-reading")
    expect(reading).to_contain_text("A > 0: zero below r = 0.50 and above r = 1.50.")
    assert page.locator(".fm-up").get_attribute("d") != before
    page.get_by_text("The same in Python").click()
    expect(page.get_by_label("Python", exact=True)).to_contain_text("d: float = 0.15")
    until(page, "location.hash.includes('_d:0.15')")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="One batch", exact=True).click()
    expect(page.locator(LANE_OF).first).to_have_attribute("data-batch", "1")
    other = visit("Playground", page.evaluate("location.hash")).page
    expect(other.get_by_label("Your formula for w")).to_have_value("A*r*(abs(p-q) < d)")
    slider = other.get_by_role("slider", name="Lane A, constant d")
    expect(slider).to_have_attribute("aria-valuetext", "0.15")
