"""The projection by hand: bars are dragged, the way out is walked, and what TROLL does in bad
company is said."""

import math

import pytest

from trbook.explorables.projection import NAMES, OLD


def probability(one, word):
    state = one.state(["shift", "reach"])
    tilted = [q * math.exp(state["reach"] * x) for q, x in zip(OLD, state["shift"], strict=True)]
    return tilted[NAMES.index(word)] / sum(tilted)


def test_a_bar_is_dragged_to_a_probability(visit):
    one = visit("Projection")
    one.set(shift=[0.0] * 8)
    assert "Inside the region" in one.text(".trx .verdict")
    before = probability(one, "easy") / probability(one, "plan")
    one.drag(one.middle(".trx .handle", NAMES.index("slowly")), down=-60)
    assert probability(one, "slowly") > 0.25
    assert probability(one, "easy") / probability(one, "plan") == pytest.approx(before, rel=1e-2), (
        "in proportion"
    )
    assert "One way out, and it is closed" in one.text(".trx .verdict"), "a single word has moved"
    held = probability(one, "plan")
    one.press(f".trx .handle >> nth={NAMES.index('plan')}", "Shift+ArrowUp")
    assert probability(one, "plan") > held + 0.01 and "closed" not in one.text(".trx .verdict")


def test_bad_company_is_told(visit):
    one = visit("Projection")
    one.click(".trx .try .marks button")
    assert "Nothing brings π̃ back" in one.text(".trx .verdict")
    one.set(alpha=1.0)
    assert "Nothing brings" not in one.text(".trx .verdict")
    one.set(delta=0.0)
    assert "Radius 0: the reward has no say" in one.text(".trx .verdict")
    assert one.page.locator(".trx .facts dd").nth(1).inner_text() == "∞", "the multiplier"
    one.set(delta=0.05, advantage=0.0)
    assert "No advantage, and still a push" in one.text(".trx .verdict")
    one.set(advantage=1.0, support="rest", k=5.0, shift=[0, 0, 0, 0, 0, 0.68, -3, -3])
    assert "Blind in the tail" in one.text(".trx .verdict")
    one.set(support="drop")
    assert "Blind in the tail" in one.text(
        ".trx .verdict"
    ) and "no gradient goes there" in one.text(".trx .verdict")
    one.set(support="all")
    assert "Blind" not in one.text(".trx .verdict")
