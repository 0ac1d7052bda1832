"""The microscope by hand: tokens are clicked, hovered and walked by keys, and the marks follow the
method."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from trbook.explorables import TokenMicroscope

PAGE = (
    '<!doctype html><html lang="en" data-theme="light"><meta '
    'charset="utf-8"><title>microscope</title>'
    "<body><main>{}</main></body></html>"
)
MODEL = "document.querySelector('.trlib-explorable').model"


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    opened = chromium.new_page(viewport={"width": 1000, "height": 900})
    opened.set_content(PAGE.format(TokenMicroscope(update=1).html()))
    opened.wait_for_selector(".trx[data-drawn]")
    yield opened
    opened.close()


def struck(page: Any) -> list[str]:
    """The words of the shown prompt that are marked as silenced; the legend's sample is one
    more."""
    return page.locator(".plane svg text.word.silenced").all_text_contents()[1:]


@pytest.mark.nightly("steps through the whole explorable")
def test_arrow_keys_go_from_token_to_token_and_line_to_line(page: Any, until: Any) -> None:
    page.locator(".handle").focus()
    for key, token, says in (
        ("ArrowRight", 1, "“6”"),
        ("ArrowLeft", 0, "“slowly”"),
        ("Shift+ArrowRight", 8, "<end>"),
        ("ArrowRight", 25, "“compute”"),
        ("ArrowUp", 0, "“slowly”"),
    ):
        page.keyboard.press(key)
        until(page, f"() => {MODEL}.get('token') === {token}")
        until(
            page.locator(".handle"), f"node => node.getAttribute('aria-label').includes('{says}')"
        )
    until(page.locator("[role=status]"), "node => node.textContent.includes('silences “slowly”')")


def test_a_click_holds_and_the_pointer_reads(page: Any, until: Any) -> None:
    box = page.locator(".plane svg text.word", has_text="compute").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    until(
        page.locator(".plane svg text.tip"),
        "node => node.textContent.startsWith('“compute”: q 0.0036')",
    )
    assert page.evaluate(f"() => {MODEL}.get('token')") == 0, "reading holds nothing"
    page.mouse.down()
    page.mouse.up()
    until(page.locator(".verdict b"), "node => node.textContent.includes('silences “compute”')")


def test_marks_follow_the_method_and_are_more_than_colour(page: Any, until: Any) -> None:
    assert struck(page) == ["slowly", "compute"]
    assert page.locator(".plane svg path.stroke.silenced").nth(1).get_attribute("d").startswith("M")
    assert page.locator(".plane svg text.says").first.text_content() == "↑ 10 of 11   ↓ 0 of 5"
    page.get_by_label("DPPO-TV").check(force=True)
    until(page.locator(".verdict b"), "node => node.textContent.startsWith('DPPO-TV keeps')")
    assert struck(page) == []
    page.get_by_label("CISPO").check(force=True)
    until(page.locator(".verdict b"), "node => node.textContent.startsWith('CISPO scales')")
    assert page.locator(".plane svg text.word.scaled").all_text_contents()[1:] == [
        "slowly",
        "compute",
    ]


def test_a_token_that_moved_against_its_push_is_pushed_back(page: Any, until: Any) -> None:
    for name, value in (("run", "dppo"), ("method", "dppo_tv"), ("update", 16), ("token", 119)):
        page.evaluate(f"value => {MODEL}.set('{name}', value)", value)
    until(page.locator(".verdict b"), "node => node.textContent === 'DPPO-TV pushes “easy” back'")
    assert page.locator(".verdict").get_attribute("data-tone") == "calm"
