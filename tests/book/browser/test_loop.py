"""The figure of the loop: boxes are chosen by hand and by keyboard, and its words follow."""

import pytest


@pytest.fixture(params=[820, 360])
def loop(visit, request):
    """With everything shown that a phone folds away until it is asked for."""
    one = visit("Loop", viewport={"width": request.param, "height": 900})
    more = one.page.locator(".unfold")
    if more.is_visible():
        assert not one.page.locator(".try").is_visible()
        more.click()
        assert more.get_attribute("aria-expanded") == "true"
    assert one.page.locator(".try").is_visible()
    assert one.page.locator("[data-chosen] table").is_visible()
    return one


def chosen(one):
    return one.page.locator("[data-chosen][data-card]").get_attribute("data-card")


def test_boxes_answer_to_hand_and_keyboard(loop):
    loop.set(box="advantage")
    assert chosen(loop) == "advantage"
    loop.page.locator("[data-box=objective]").click()
    loop.settle()
    assert chosen(loop) == loop.get("box") == "objective"
    for key, box in (("ArrowRight", "update"), ("ArrowLeft", "objective")):
        loop.page.keyboard.press(key)
        loop.settle()
        assert chosen(loop) == box
    card = loop.page.locator("[data-card=objective]")
    assert card.is_visible() and not loop.page.locator("[data-card=update]").is_visible()
    assert card.locator("tbody tr").count() == 4 and "+0.50" in card.inner_text()


def test_it_fails_where_no_reward_stands_out(loop):
    loop.page.get_by_role("button", name="make it fail").click()
    loop.page.get_by_text("Nothing moves").wait_for()
    assert chosen(loop) == "update"
    assert loop.page.locator(".verdict").get_attribute("data-tone") == "fail"
    rows = loop.page.locator("[data-card=update] tbody tr").all_inner_texts()
    assert len(rows) == 4 and all(row.split()[-1] == "1.00" for row in rows)
    loop.page.get_by_role("button", name="right by luck").click()
    loop.page.get_by_text("Praised for a guess").wait_for()
