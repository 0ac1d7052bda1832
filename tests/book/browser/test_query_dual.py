"""`query_dual` by hand: how many are right is dragged, a root is lost, and the impossible is told."""

import pytest


@pytest.fixture
def hand(visit):
    return visit("QueryDual")


def verdict(one):
    return one.text(".trx .verdict b")


def test_how_many_are_right_decides_what_a_group_says(hand):
    assert hand.facts()["A: λ"] == "0.93" and hand.facts()["B: λ"] == "0.36"
    assert hand.facts()["A: KL spent"] == hand.facts()["B: KL spent"] == "0.10"
    grip = hand.page.locator(".trx .handle").first
    assert "Right completions of prompt A: 1 of 8" in grip.get_attribute("aria-label")
    hand.press(".trx .handle", *3 * ["ArrowRight"])
    assert hand.get("rewards") == 4 * [1] + 4 * [0]
    assert hand.facts()["A: λ"] == "1.06" and hand.facts()["A: target of its worst"] == "−0.58"
    hand.drag(hand.middle(".trx .handle"), right=400)
    assert hand.get("rewards") == 8 * [1]
    assert verdict(hand) == "Prompt A teaches nothing" and hand.facts()["A: λ"] == "0"
    assert hand.facts()["B: λ"] == "0.36", "the other prompt is solved by itself"


def test_a_nearly_solved_prompt_loses_its_root_and_the_impossible_is_told(hand):
    hand.set(rewards=[1] * 9 + [0], other=[1] * 9 + [0])
    assert verdict(hand) == "One radius, two multipliers"
    hand.set(rewards=[1] * 10 + [0])
    assert verdict(hand) == "✕ Prompt A is at the floor", "log(11/10) is below the radius of 0.1"
    hand.set(direction="forward")
    assert verdict(hand) == "One radius, two multipliers" and hand.facts()["A: KL spent"] == "0.10"
    hand.set(direction="backward", delta=0.05)
    assert hand.facts()["A: KL spent"] == "0.05", "a smaller radius has a root again"
    hand.set(rewards=[1, 0.4, 0])
    assert hand.get("rewards") == [1, 0.4, 0] and len(hand.get("other")) == 10
    assert "Prompt A: 3 rewards" in hand.page.locator(".trx svg .name").first.text_content()
    hand.set(rewards=[2, 0, 0])
    assert hand.get("rewards") == [1] + 7 * [0], (
        "what it began with stands in for an impossible group"
    )
    assert "2 to 16 rewards from 0 to 1" in hand.page.locator(".trx .notes").inner_text()
    hand.set(delta=0)
    assert verdict(hand) == "✕ A radius of 0 allows nothing" and hand.facts()["A: λ"] == "∞"
