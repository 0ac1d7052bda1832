"""The texts of three runs in Chromium: words, steps and verdicts; a scrubber that
moves by itself and is dragged on; paper, no script, no network."""

import pytest
from playwright.sync_api import expect

from tests.book.browser.explorable import page_of
from trbook.explorables import Written

pytestmark = pytest.mark.test_all("one figure by hand")

BATCH = "Batches that it has learned from"
PIECES = "(m, said) => m.pieces(said).map(({ text, odd, off, rest }) => [text, odd, off, rest])"


def texts(one):
    return one.page.locator(".trx:not(.still) .what .said").all_inner_texts()


@pytest.mark.parametrize(
    ("said", "off", "odd"),
    [
        ("21 + 37 = 58, 58 + 33 = 91. Answer 91", [], []),
        ("21 + 37 = 68, 68 + 33 = 91. Answer 91", ["68", "91"], []),
        ("19 + 31 = 6th (containing 3), 61 + 36 = 77.", ["6th", "77"], ["6th", "(containing"]),
        ("(21 + 11 + 2) = 42, 42 – 11 = 40", ["42"], ["–"]),
        ("", [], []),
    ],
)
def test_steps_and_words_of_an_answer(sources, said, off, odd):
    found = sources("written/words.js", PIECES, said)
    assert [text for text, _, is_off, _ in found if is_off] == off
    assert [text for text, is_odd, _, _ in found if is_odd] == odd
    assert " ".join(text + rest for text, _, _, rest in found) == said


@pytest.mark.parametrize(
    ("said", "right", "noted"),
    [
        ("21 + 37 = 68, 68 + 33 = 91. Answer 91", 1, "neither step adds up, the mistakes cancel"),
        ("14 + 16 = 30, 30 + 34 = 64. Answer 34", 0, "both steps add up, and another answer"),
        ("14 + 16 = 20, 20 + 34 = 54. Answer 54", 0, "only the second step adds up"),
        ("No integer, 26 + 26 = 52.", 0, "one step, it adds up, 2 other words"),
        (
            "21, 21 + 26 = 47, 47 + 26 = 63. Answer 63",
            0,
            "only the first step adds up, its 32 tokens were used up",
        ),
    ],
)
def test_a_note_says_what_the_reward_does_not_see(sources, said, right, noted):
    assert sources("written/words.js", "(m, answer) => m.note(answer, 63)", [said, right]) == noted


def test_it_waits_where_one_is_right_and_the_scrubber_leads_on(visit):
    one = visit("Written")
    chart = one.page.locator(".trx:not(.still) .chart")
    assert one.get("batch") == 5
    assert texts(one)[1] == "19 + 31 = 50, 50 + 36 = 86. Answer 86"
    expect(one.page.locator(".call")).to_have_css("opacity", "1")
    expect(chart).to_have_css("opacity", "0")
    slider = one.page.get_by_role("slider", name=BATCH)
    lanes = one.page.locator(".lanes > li")
    marks = lanes.locator(".mark").evaluate_all("all => all.map(m => [m.textContent, m.ariaLabel])")
    assert marks == [["✕", "wrong"], ["✓", "right"], ["✕", "wrong"]]
    expect(lanes.nth(1)).to_contain_text("63\u00a0% right")
    slider.press("ArrowRight")
    one.settle()
    expect(chart).to_have_css("opacity", "1")
    slider.press("End")
    one.settle()
    assert texts(one)[1] == "19 + 31 = 6th (containing 3), 61 + 36 = 77. Answer 77"
    expect(one.page.locator(".verdict")).to_contain_text("1\u00a0% right, down from 63\u00a0%")
    one.page.get_by_role("radio", name="21 + 37 + 33").check()
    slider.press("Home")
    one.settle()
    assert slider.get_attribute("aria-valuetext") == "before training"
    assert one.get("total") == 91 and len(set(texts(one))) == 1
    tops = []
    for total, batch in (
        (91, 0),
        (63, 2),
        (86, 16),
    ):  # one line of an answer, and as many as there are
        one.set(total=total, batch=batch)
        tops.append(slider.bounding_box()["y"])
    assert max(tops) - min(tops) < 1, "nothing moves under the hand"


def test_a_batch_that_there_is_not_is_explained(visit):
    one = visit("Written", "#written:batch=99&total=64")
    assert (one.get("batch"), one.get("total")) == (16, 64)
    assert "16 batches were recorded" in one.text(".trx .notes")
    one.set(batch=2.4)
    assert one.get("batch") == 2 and "batches are whole" in one.text(".trx .notes")
    one.set(total=90)
    assert one.get("total") == 86 and "91, 63, 64, 86" in one.text(".trx .notes")


def test_it_moves_once_and_a_hand_takes_over(visit, until):
    model = "document.querySelector('.trlib-explorable').model"
    one = visit("Written", reduced_motion="no-preference")
    until(one.page, f"{model}.get('batch') === 0")
    expect(one.page.locator(".trx:not(.still) .call")).to_have_text("from the start")
    until(one.page, f"{model}.get('batch') === 2")
    assert "#" not in one.page.url, "the address is the reader's"
    one.page.get_by_role("slider", name=BATCH).press("End")
    until(one.page, "location.hash.includes('batch=16')")
    there = visit("Written", "#written:batch=13", reduced_motion="no-preference")
    assert there.get("batch") == 13


def test_without_a_script_the_texts_stand_there(chromium):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_content(page_of("Written", Written().html()))
    still = page.locator(".trx.still .what .said >> nth=1")
    assert still.inner_text().startswith("19 + 31 = 50")
    expect(page.locator(".trx.still .chart").first).to_have_css("opacity", "1")
    context.close()
