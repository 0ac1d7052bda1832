"""A chapter's first screen: title, question and figure, which lives and has said something in words."""

import pytest

from tests.book.browser.conftest import DAILY
from tests.book.browser.explorable import SETTLED
from tests.by_day import by_day

CHAPTERS = (
    "notebooks/02_why_trust_regions",
    "notebooks/03_trpo",
    "notebooks/04_ppo",
    "notebooks/06_what_clipping_gets_wrong",
    "notebooks/07_dppo",
    "notebooks/08_quatro",
    "notebooks/09_troll",
    "notebooks/10_trapo",
    "book/purpose",
    "notebooks/13_long_stale_noisy",
    "notebooks/14_reference",
)
SCREENS = {"desk": (1366, 768), "phone": (390, 844)}
CONTROLS = "input, button, [role=slider]"
VERDICTS = ".verdict b, .judged b, [role=status]"


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize(
    "name",
    by_day(
        CHAPTERS,
        *(name for name in CHAPTERS if name in DAILY),
        reason="only these chapters are built by day",
    ),
)
def test_a_chapter_s_first_screen_asks_and_shows(chromium, address, name, screen):
    width, height = SCREENS[screen]
    page = chromium.new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
    page.goto(f"{address}/{name}.html")
    figure = page.locator("article .trlib-explorable").first
    shown = figure.locator(".trx:not(.still)[data-drawn]")
    shown.wait_for()
    page.evaluate(SETTLED)
    question = page.locator("article h1").locator("xpath=following::p[contains(., '?')]").first
    for what, one in {
        "the question": question,
        "the figure": figure,
        "a control": shown.locator(CONTROLS).locator("visible=true").first,
        "a verdict": shown.locator(VERDICTS).locator("visible=true").first,
    }.items():
        top, tall = (one.bounding_box()[key] for key in ("y", "height"))
        print(f"{name} {screen}: {what} from {top:.0f} to {top + tall:.0f}")
        seen = top + (0 if what == "the figure" else tall)
        assert top >= 0 and seen <= height, f"{what} ends at {seen:.0f} px of {height}"
    page.close()
