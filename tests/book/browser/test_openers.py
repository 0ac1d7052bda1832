"""A chapter's first screen: title, question and figure, which lives and has said something in words."""

import pytest

from tests.book.browser.conftest import DAILY
from tests.book.browser.explorable import SETTLED, in_both_themes
from tests.by_day import by_day

CHAPTERS = (
    "notebooks/00_quickstart",
    "notebooks/01_policies_that_write",
    "notebooks/02_why_trust_regions",
    "notebooks/03_trpo",
    "notebooks/04_ppo",
    "notebooks/05_grpo",
    "notebooks/06_what_clipping_gets_wrong",
    "notebooks/07_dppo",
    "notebooks/08_quatro",
    "notebooks/09_troll",
    "notebooks/10_trapo",
    "book/purpose",
    "notebooks/12_at_scale",
    "notebooks/13_long_stale_noisy",
    "notebooks/14_reference",
)
SCREENS = {"desk": (1366, 768), "phone": (390, 844)}
CONTROLS = "input, button, .handle"
VERDICTS = ".verdict b, .go p, .told"


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
    wanted = {
        "the question": question,
        "a control": shown.locator(CONTROLS).locator("visible=true").first,
        "a verdict": shown.locator(VERDICTS).locator("visible=true").first,
        "the figure": figure,
    }
    for theme in in_both_themes(page):
        for what, one in wanted.items():
            top, tall = (one.bounding_box()[key] for key in ("y", "height"))
            print(f"{name} {screen} {theme}: {what} from {top:.0f} to {top + tall:.0f}")
            assert top >= 0 and top + tall <= height, f"{what} ends at {top + tall:.0f} of {height}"
    page.close()
