"""`query_dual` by hand: completions that change sides, groups that grow, a reward that moves, a
root that is lost."""

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

    def click(self, selector: str, index: int = 0) -> None:
        self.page.locator(selector).nth(index).evaluate("node => node.click()")
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


def test_what_a_group_says_changes_with_its_completions(hand: Hand) -> None:
    assert hand.facts()["A: λ"] == "0.93" and hand.facts()["B: λ"] == "0.36"
    assert hand.facts()["A: KL spent"] == hand.facts()["B: KL spent"] == "0.10"
    for i in (1, 2, 3):
        hand.click(".trx .completions >> nth=0 >> button", i)
    assert hand.get("rewards") == [1, 1, 1, 1, 0, 0, 0, 0] and hand.facts()["A: λ"] == "1.06"
    assert (
        hand.facts()["A: target of its best"] == "+0.36"
        and hand.facts()["A: target of its worst"] == "−0.58"
    )
    for i in range(4):
        hand.click(".trx .completions >> nth=0 >> button", i)
    assert hand.verdict() == "Prompt A teaches nothing" and hand.facts()["A: λ"] == "0"
    assert hand.facts()["B: λ"] == "0.36", "the other prompt is solved by itself"


def test_groups_grow_until_a_nearly_solved_prompt_loses_its_root(hand: Hand) -> None:
    hand.set(rewards=[1] * 9 + [0], other=[1] * 9 + [0])
    assert hand.verdict() == "One radius, two multipliers"
    hand.click(".trx .groups .marks button", 1)
    assert len(hand.get("rewards")) == len(hand.get("other")) == 11
    hand.click(".trx .completions >> nth=0 >> button", 10)
    assert hand.verdict() == "✕ Prompt A is at the floor", "log(11/10) is below the radius of 0.1"
    hand.set(direction="forward")
    assert hand.verdict() == "One radius, two multipliers" and hand.facts()["A: KL spent"] == "0.10"
    hand.set(direction="backward", delta=0.05)
    assert hand.facts()["A: KL spent"] == "0.05", "a smaller radius has a root again"


def test_a_reward_is_moved_by_keys_and_the_impossible_is_told(hand: Hand) -> None:
    grip = hand.page.locator(".trx .handle").first
    assert "Reward of completion 1 of prompt A: 1.00" in grip.get_attribute("aria-label")
    grip.focus()
    grip.press("Shift+ArrowDown")
    hand.page.evaluate(SETTLED)
    moved = hand.get("rewards")[0]
    assert 0 < moved < 1 and hand.get("rewards")[1:] == [0] * 7
    hand.set(rewards=[1, 0, 0])
    assert hand.get("rewards") == [1, 0, 0] and len(hand.get("other")) == 8, (
        "groups may differ in size"
    )
    hand.set(rewards=[2, 0, 0])
    assert hand.get("rewards") == [1] + 7 * [0], (
        "what it began with stands in for an impossible group"
    )
    assert "2 to 16 rewards from 0 to 1" in hand.page.locator(".trx .notes").inner_text()
    hand.set(delta=0)
    assert hand.verdict() == "✕ A radius of 0 allows nothing" and hand.facts()["A: λ"] == "∞"
