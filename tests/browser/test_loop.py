"""The figure of the loop in Chromium: boxes are chosen by hand and by keyboard, and its words
follow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from trbook.explorables import Loop

PAGE = (
    '<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8"><title>The '
    "loop</title><body>{}</body>"
)
MODEL = "document.querySelector('.trlib-explorable').model"
CHOSEN = (
    "document.querySelector('.trlib-view > "
    "div').shadowRoot.querySelector('[data-chosen]').dataset.card"
)


@pytest.fixture(params=[820, 360])
def page(chromium: Any, request: Any) -> Iterator[Any]:
    context = chromium.new_context(
        viewport={"width": request.param, "height": 900}, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_content(PAGE.format(Loop(lit=["advantage"]).html()))
    page.wait_for_selector(".trx[data-drawn] [data-chosen]")
    yield page
    context.close()


def unfold(page: Any) -> None:
    """On a phone the completions and the presets are folded away until they are asked for, and all
    presets but the first until more are."""
    more = page.locator(".unfold")
    if more.is_visible():
        assert (
            not page.locator(".try").is_visible()
            and not page.locator("[data-chosen] table").is_visible()
        )
        more.click()
        assert more.get_attribute("aria-expanded") == "true"
    assert page.locator(".try").is_visible() and page.locator("[data-chosen] table").is_visible()
    rest = page.get_by_role("button", name="more to try")
    if rest.is_visible():
        rest.click()


def test_boxes_answer_to_hand_and_keyboard(page: Any, until: Any) -> None:
    assert page.evaluate(CHOSEN) == "advantage"
    unfold(page)
    page.locator("[data-box=objective]").click()
    until(page, f"{CHOSEN} === 'objective'")
    page.keyboard.press("ArrowRight")
    until(page, f"{CHOSEN} === 'update'")
    page.keyboard.press("ArrowLeft")
    until(page, f"{CHOSEN} === 'objective'")
    assert page.evaluate(f"{MODEL}.get('box')") == "objective"
    card = page.locator("[data-card=objective]")
    assert card.is_visible() and not page.locator("[data-card=update]").is_visible()
    assert card.locator("tbody tr").count() == 4 and "+0.50" in card.inner_text()


def test_it_fails_where_no_reward_stands_out(page: Any) -> None:
    unfold(page)
    page.get_by_role("button", name="make it fail").click()
    page.get_by_text("Nothing moves").wait_for()
    assert page.evaluate(CHOSEN) == "update"
    assert page.locator(".verdict").get_attribute("data-tone") == "fail"
    rows = page.locator("[data-card=update] tbody tr").all_inner_texts()
    assert len(rows) == 4 and all(row.split()[-1] == "1.00" for row in rows)
    page.get_by_role("button", name="right by luck").click()
    page.get_by_text("Praised for a guess").wait_for()
