"""`query_dual` by hand: how many are right is dragged, a root is lost, and the impossible is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from trbook.explorables import QueryDual

PAGE = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>query dual</title>
<style>body {{ margin: 16px; background: #fff; color: #111 }}</style></head><body>{body}</body></html>"""
MODEL = "document.querySelector('.trlib-explorable').model"
SETTLED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


class Hand:
    def __init__(self, page: Any) -> None:
        self.page = page

    def get(self, key: str) -> Any:
        return self.page.evaluate(f"{MODEL}.get('{key}')")

    def set(self, **traits: Any) -> None:
        self.page.evaluate(
            f"all => Object.entries(all).forEach(([key, value]) => {MODEL}.set(key, value))", traits
        )
        self.page.evaluate(SETTLED)

    def facts(self) -> dict[str, str]:
        return self.page.locator(".trx .facts > div").evaluate_all(
            "all => Object.fromEntries(all.map(row => [row.children[0].textContent, "
            "row.children[1].textContent]))"
        )

    def verdict(self) -> str:
        return self.page.locator(".trx .verdict b").inner_text()


@pytest.fixture
def hand(chromium: Any) -> Iterator[Hand]:
    page = chromium.new_page(viewport={"width": 1000, "height": 900})
    page.set_content(PAGE.format(body=QueryDual().html()))
    page.wait_for_selector(".trx:not(.still)[data-drawn]", state="attached")
    page.evaluate(SETTLED)
    yield Hand(page)
    page.close()


def test_how_many_are_right_decides_what_a_group_says(hand: Hand) -> None:
    assert hand.facts()["A: λ"] == "0.93" and hand.facts()["B: λ"] == "0.36"
    assert hand.facts()["A: KL spent"] == hand.facts()["B: KL spent"] == "0.10"
    grip = hand.page.locator(".trx .handle").first
    assert "Right completions of prompt A: 1 of 8" in grip.get_attribute("aria-label")
    grip.focus()
    for count in (2, 3, 4):
        grip.press("ArrowRight")
        hand.page.evaluate(SETTLED)
        assert hand.get("rewards") == count * [1] + (8 - count) * [0]
    assert hand.facts()["A: λ"] == "1.06" and hand.facts()["A: target of its worst"] == "−0.58"
    box = grip.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    hand.page.mouse.move(x, y)
    hand.page.mouse.down()
    hand.page.mouse.move(x + 400, y, steps=4)
    hand.page.mouse.up()
    hand.page.evaluate(SETTLED)
    assert hand.get("rewards") == 8 * [1]
    assert hand.verdict() == "Prompt A teaches nothing" and hand.facts()["A: λ"] == "0"
    assert hand.facts()["B: λ"] == "0.36", "the other prompt is solved by itself"


def test_a_nearly_solved_prompt_loses_its_root_and_the_impossible_is_told(hand: Hand) -> None:
    hand.set(rewards=[1] * 9 + [0], other=[1] * 9 + [0])
    assert hand.verdict() == "One radius, two multipliers"
    hand.set(rewards=[1] * 10 + [0])
    assert hand.verdict() == "✕ Prompt A is at the floor", "log(11/10) is below the radius of 0.1"
    hand.set(direction="forward")
    assert hand.verdict() == "One radius, two multipliers" and hand.facts()["A: KL spent"] == "0.10"
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
    assert hand.verdict() == "✕ A radius of 0 allows nothing" and hand.facts()["A: λ"] == "∞"
