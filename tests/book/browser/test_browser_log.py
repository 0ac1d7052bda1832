"""The place for a training log: the page says what the command line says, by keyboard, on a phone and
in the dark."""

import json

import pytest

from book.build.paths import ANNEXED, ROOT
from tests.book.browser.test_pages import accessibility, visited

LOGS = ROOT / "trcheck" / "tests" / "diagnose" / "logs.json"
SAID = "document.querySelector('#log-said').textContent !== ''"
LINKS = "[...document.querySelectorAll('#log-said a')].map(link => [link.pathname, link.hash])"


@pytest.fixture
def page(chromium, address):
    context = chromium.new_context(reduced_motion="reduce")
    yield visited(context, address, "book/questions.html").page
    context.close()


@pytest.mark.skipif(not ANNEXED, reason="a copy without the annex has no command to compare with")
def test_the_page_says_what_the_command_line_says(page):
    from trcheck.diagnose import alike, log

    recorded = alike.runs()
    for one in json.loads(LOGS.read_text(encoding="utf-8")):
        found = page.evaluate(
            "one => window.judgeLog(one.text, one.settings)",
            {name: one[name] for name in ("text", "settings")},
        )
        compared = page.evaluate("text => window.compareLog(text)", one["text"])
        assert compared == alike.compare(one["text"], recorded).sentence, one["name"]
        recognised, messages = log.judge(one["text"], one["settings"])
        assert found == {"recognised": recognised, "said": [list(one) for one in messages]}, one[
            "name"
        ]


def test_a_log_is_pasted_by_keyboard_on_a_phone_in_the_dark(book, address, chromium, until):
    context = chromium.new_context(
        viewport={"width": 360, "height": 780},
        color_scheme="dark",
        is_mobile=True,
        reduced_motion="reduce",
    )
    visit = visited(context, address, "book/questions.html")
    page = visit.page
    page.locator("#log-lines").focus()
    page.keyboard.insert_text("{'loss': -0.2, 'clip_ratio/region_mean': 0.0, 'grad_norm': 0.3}")
    page.keyboard.press("Tab")
    page.keyboard.insert_text("num_iterations=1")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    until(page, SAID)
    message = page.locator("#log-said").text_content()
    assert "your settings make one update per batch" in message and "The loss is below 0" in message
    assert page.locator("#log-said").get_attribute("role") == "status"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert accessibility(page, "dark") == []
    assert visit.complaints == []
    assert len(page.evaluate(LINKS)) == 2
    context.close()


@pytest.mark.nightly("opens every page of questions")
def test_every_rule_leads_to_a_question_that_is_there(book, page):
    rules = json.loads((ROOT / "trlib/log_rules.json").read_text(encoding="utf-8"))["rules"]
    addresses = page.evaluate("all => all.map(window.addressOfQuestion)", [r["see"] for r in rules])
    for (target, _), rule in zip(addresses, rules, strict=True):
        assert (book / "book" / target).exists(), rule["see"]
