"""The microscope by hand: tokens are clicked, hovered and walked by keys, and the marks follow the
method."""

import pytest


@pytest.fixture
def lens(visit):
    one = visit("TokenMicroscope")
    one.set(update=1)
    return one


def marked(one, fate):
    """The words of the shown prompt with that mark; the legend's sample is one more."""
    return one.page.locator(f".plane svg text.word.{fate}").all_text_contents()[1:]


@pytest.mark.nightly("steps through the whole explorable")
def test_arrow_keys_go_from_token_to_token_and_line_to_line(lens):
    for key, token, says in (
        ("ArrowRight", 1, "“6”"),
        ("ArrowLeft", 0, "“slowly”"),
        ("Shift+ArrowRight", 8, "<end>"),
        ("ArrowRight", 25, "“compute”"),
        ("ArrowUp", 0, "“slowly”"),
    ):
        lens.press(".handle", key)
        assert lens.get("token") == token
        assert says in lens.page.locator(".handle").get_attribute("aria-label")
    lens.page.locator("[role=status]", has_text="silences “slowly”").wait_for(state="attached")


def test_a_click_holds_and_the_pointer_reads(lens):
    box = lens.page.locator(".plane svg text.word", has_text="compute").bounding_box()
    lens.page.mouse.move(box["x"] + 5, box["y"] + 5)
    assert lens.page.locator(".plane svg text.tip").text_content().startswith("“compute”: q 0.0036")
    assert lens.get("token") == 0, "reading holds nothing"
    lens.page.mouse.down()
    lens.page.mouse.up()
    lens.settle()
    assert "silences “compute”" in lens.text(".verdict b")


def test_marks_follow_the_method_and_are_more_than_colour(lens):
    assert marked(lens, "silenced") == ["slowly", "compute"]
    strokes = lens.page.locator(".plane svg path.stroke.silenced")
    assert strokes.nth(1).get_attribute("d").startswith("M")
    assert lens.page.locator("svg text.says").first.text_content() == "↑ 10 of 11   ↓ 0 of 5"
    lens.set(method="dppo_tv")
    assert lens.text(".verdict b").startswith("DPPO-TV keeps") and not marked(lens, "silenced")
    lens.set(method="cispo")
    assert marked(lens, "scaled") == ["slowly", "compute"]
