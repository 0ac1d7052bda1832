"""The page of `trlib diagnose` as a browser sees it: by itself, quiet, readable by everyone, on a
phone, by keys."""

import pandas as pd
import pytest

from book.build.browser import settle
from book.build.paths import ROOT
from tests.book.browser.explorable import violations
from trcheck.diagnose import diagnose, page, read

WIDE = """() => [...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll, svg') &&
    e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module", params=["example", "hostile"])
def file(request, tmp_path_factory):
    """The book's example, and a dump whose texts would like to be more than text."""
    path = tmp_path_factory.mktemp("page") / "rollouts.html"
    if request.param == "example":
        found = diagnose(read(ROOT / "book" / "_static" / "diagnose" / "rollouts.parquet"))
    else:
        bad = (
            "<script>window.caught = 1</script><img src=http://example.invalid/x "
            "onerror='window.caught = 1'>"
        )
        table = pd.DataFrame(
            {
                "logp": [[-0.1, -1.0, -2.0]],
                "logp_rollout": [[-1.0, -0.1, -2.0]],
                "prompt": [bad],
                "advantage": [[1.0, -1.0, 0.0]],
                "mask": [[True, True, True]],
                "text": [[bad, "long" * 100, "\n"]],
            }
        )
        table.to_parquet(path.with_suffix(".parquet"))
        found = diagnose(read(path.with_suffix(".parquet")))
    path.write_text(page(found), encoding="utf-8")
    return path


def test_the_page_is_quiet_accessible_and_fits(file, chromium):
    context = chromium.new_context(
        viewport={"width": 1280, "height": 900}, color_scheme="dark", bypass_csp=True
    )
    view = context.new_page()
    requests = []
    complaints = []
    view.on("request", lambda request: requests.append(request.url))
    view.on("console", lambda message: complaints.append(message.text))
    view.on("pageerror", lambda error: complaints.append(str(error)))
    view.goto(file.as_uri())
    settle(view)
    assert view.evaluate("window.caught") is None
    for theme in ("dark", "light"):
        view.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        settle(view)
        assert violations(view) == [], theme
    view.set_viewport_size({"width": 360, "height": 780})
    settle(view)
    assert view.evaluate("document.documentElement.scrollWidth") <= 360
    assert view.evaluate(WIDE) == []
    assert requests == [file.as_uri()] and complaints == []
    context.close()


def test_the_theme_follows_the_system_and_the_keyboard(file, chromium, press_until):
    context = chromium.new_context(color_scheme="dark", viewport={"width": 360, "height": 780})
    view = context.new_page()
    view.goto(file.as_uri())
    ground = "getComputedStyle(document.body).backgroundColor"
    assert view.evaluate(ground) == "rgb(18, 24, 30)"
    view.keyboard.press("Tab")
    assert view.evaluate("document.activeElement.textContent") == "Light or dark"
    view.keyboard.press("Enter")
    assert view.evaluate(ground) == "rgb(255, 255, 255)"
    # Tab reaches every table that scrolls, and the arrows move it.
    view.keyboard.press("Tab")
    assert view.evaluate("document.activeElement.className") == "scroll"
    press_until(view, "ArrowRight", "document.activeElement.scrollLeft > 0")
    view.keyboard.press("Shift+Tab")
    view.keyboard.press("Enter")
    assert view.evaluate(ground) == "rgb(18, 24, 30)"
    context.close()


def test_on_paper_it_is_light_unfolded_and_fits(file, chromium):
    """Printed from the dark; 718 pixels are a sheet of A4 between its margins."""
    context = chromium.new_context(viewport={"width": 718, "height": 1000}, color_scheme="dark")
    view = context.new_page()
    view.goto(file.as_uri())
    view.evaluate("document.documentElement.dataset.theme = 'dark'")
    view.emulate_media(media="print")
    settle(view)
    assert view.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert view.evaluate("document.documentElement.scrollWidth") <= 718
    assert view.locator("details p").last.is_visible() and view.locator("button").is_hidden()
    context.close()
