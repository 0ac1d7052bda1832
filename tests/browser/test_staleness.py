"""Staleness by hand: edges and update are dragged and moved by keys, and the words say what the
record holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from trbook.explorables import Staleness

PAGE = (
    '<!doctype html><html lang="en" data-theme="light"><meta '
    'charset="utf-8"><title>staleness</title>'
    "<body><main>{}</main></body></html>"
)
GET = "name => document.querySelector('.trlib-explorable').model.get(name)"


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    opened = chromium.new_page(viewport={"width": 1000, "height": 900})
    opened.set_content(PAGE.format(Staleness().html()))
    opened.wait_for_selector(".trx[data-drawn]")
    yield opened
    opened.close()


def handle(page: Any, name: str) -> Any:
    return page.locator(f".handle[aria-label^='{name}']")


def fact(page: Any, name: str) -> str:
    return page.locator(f".facts div:has(dt span:text-is('{name}')) dd").inner_text()


def test_an_edge_is_dragged_and_the_counts_follow(page: Any, until: Any) -> None:
    assert fact(page, "silenced, A > 0") == "22 of 182"
    box = handle(page, "Upper edge").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 160, y, steps=4)
    page.mouse.up()
    until(page, "() => document.querySelector('.trlib-explorable').model.get('eps_high') > 3")
    until(page.locator(".facts dd").first, "node => node.textContent === '0 of 182'")
    assert page.evaluate(GET, "eps_low") == 0.2, "the other edge stays"


def test_arrow_keys_scrub_the_updates(page: Any, until: Any) -> None:
    handle(page, "Update").focus()
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Shift+ArrowLeft")
    until(page, "() => document.querySelector('.trlib-explorable').model.get('update') === 0")
    until(page.locator(".verdict b"), "node => node.textContent.startsWith('Every ratio is 1')")
    assert (
        fact(page, "mean of |r − 1| / 2") == "0"
        and fact(page, "farthest token") == "none has moved"
    )


def test_the_failing_state_says_that_the_promise_is_broken(page: Any, until: Any) -> None:
    page.get_by_role("button", name="make it fail").click()
    until(
        page.locator(".verdict"),
        "node => node.dataset.tone === 'fail' && node.textContent.includes('earns 0.59')",
    )
    assert page.evaluate(GET, "update") == 32
    assert "more than the highest reward there is" in page.locator(".verdict").inner_text()


def test_only_tokens_that_the_clip_had_silenced_are_called_silenced(page: Any, until: Any) -> None:
    model = "document.querySelector('.trlib-explorable').model"
    page.get_by_role("button", name="the last update").click()
    until(page.locator(".verdict"), "node => node.textContent.includes('The clip silenced')")
    assert "≤ 0.0025" in fact(page, "farthest token"), "the record ends at e^-6"
    page.evaluate(f"() => {model}.set('update', 1)")
    until(page.locator(".verdict"), "node => node.textContent.includes('earn 0.47')")
    assert "silenced" not in page.locator(".verdict").inner_text(), (
        "before the first update every ratio is 1"
    )
