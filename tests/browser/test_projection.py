"""The projection by hand: bars are dragged, the way out is walked, and what TROLL does in bad
company is said."""

from __future__ import annotations

import math
from typing import Any

import pytest

from trbook.explorables.projection import NAMES, OLD


def bars(one: Any, kind: str) -> list[float]:
    """The bars' heights in pixels, a word each."""
    found = one.page.locator(f".trx .bar.{kind}")
    return found.evaluate_all("all => all.map(bar => Number(bar.getAttribute('height')))")


def ring(one: Any, word: str) -> tuple[float, float]:
    box = one.page.locator(".trx .handle").nth(NAMES.index(word)).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def probability(one: Any, word: str) -> float:
    state = one.state(["shift", "reach"])
    tilted = [q * math.exp(state["reach"] * x) for q, x in zip(OLD, state["shift"], strict=True)]
    return tilted[NAMES.index(word)] / sum(tilted)


def test_a_bar_is_dragged_to_a_probability(visit: Any) -> None:
    one = visit("Projection")
    one.set(shift=[0.0] * 8)
    assert "Inside the region" in one.text(".trx .verdict")
    before = probability(one, "easy") / probability(one, "plan")
    x, y = ring(one, "slowly")
    one.page.mouse.move(x, y)
    one.page.mouse.down()
    one.page.mouse.move(x, y - 60, steps=5)
    one.page.mouse.up()
    one.settle()
    assert probability(one, "slowly") > 0.25
    assert probability(one, "easy") / probability(one, "plan") == pytest.approx(before, rel=1e-2), (
        "in proportion"
    )
    assert "One way out, and it is closed" in one.text(".trx .verdict"), "a single word has moved"
    handle = one.page.locator(".trx .handle").nth(NAMES.index("plan"))
    held = probability(one, "plan")
    handle.focus()
    handle.press("Shift+ArrowUp")
    one.settle()
    assert probability(one, "plan") > held + 0.01 and "closed" not in one.text(".trx .verdict")


def test_the_projection_does_not_follow_the_way_out(visit: Any) -> None:
    one = visit("Projection")
    one.click(".trx .try .marks button")
    one.set(scale="log")  # an axis that stays as it is
    near, gone = bars(one, "projected"), bars(one, "new")
    one.set(reach=3.0)
    assert bars(one, "projected") == pytest.approx(near, abs=0.05)
    assert max(abs(a - b) for a, b in zip(bars(one, "new"), gone, strict=True)) > 3
    assert "Nothing brings π̃ back" in one.text(".trx .verdict")
    one.set(alpha=1.0)
    assert "Nothing brings" not in one.text(".trx .verdict")


def test_bad_company_is_told(visit: Any) -> None:
    one = visit("Projection")
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
