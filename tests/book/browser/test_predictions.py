"""What a page's text asks is chosen by a button; the choice is kept and opens the answer."""

import pytest
from playwright.sync_api import expect

from tests.book.browser.explorable import violations
from tests.by_day import by_day


@pytest.mark.parametrize(
    "width", by_day([1280, 360], 360, later=[1280], reason="the same page, wider")
)
def test_a_choice_opens_the_answer_and_is_kept_until_it_is_taken_back(chromium, address, width):
    context = chromium.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto(f"{address}/book/purpose.html")
    asked = page.locator("article").get_by_role("group", name="Your prediction").first
    chosen = asked.get_by_role("button", name="less than twice as high")
    message = page.get_by_role("status").filter(has_text="You predicted: Less than twice as high")
    expect(message).to_have_count(0)
    chosen.press("Enter")
    expect(message).to_be_visible()
    assert violations(page) == []
    page.reload()
    expect(message).to_be_visible()
    chosen.press("Enter")
    expect(message).to_have_count(0)
    expect(page.locator("article details").first).not_to_have_attribute("open", "")
    context.close()


def test_a_choice_is_drawn_into_its_figure(chromium, address):
    page = chromium.new_page()
    page.goto(f"{address}/notebooks/05_grpo.html")
    page.get_by_role("button", name="More than 40.").press("Enter")
    expect(page.locator(".drawn-wide text.level")).to_be_visible()
    page.close()
