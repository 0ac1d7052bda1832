"""What a reader reads stays where it is while a page arrives over a slow line and is scrolled
through."""

import pytest

from book.build.web_vitals import SHIFT, SLOW, THROUGH, WATCH, worst
from tests.by_day import by_day

PAGES = (
    "notebooks/05_grpo",
    "book/index",
    "book/playground",
    "book/purpose",
    "book/methods/index",
    "book/methods/dppo",
    "book/recorded",
    "book/proofs",
    "notebooks/06_what_clipping_gets_wrong",
    "notebooks/12_at_scale",
)
FIGURES = (
    "03_trpo",
    "04_ppo",
    "05_grpo",
    "06_what_clipping_gets_wrong",
    "07_dppo",
    "08_quatro",
    "09_troll",
    "gallery_constraints",
    "gallery_regression",
    "gallery_transport",
)
"""Notebooks whose figures are not in their first state, and two whose first state differs most by width."""


@pytest.mark.parametrize(
    "name", by_day(PAGES, "notebooks/05_grpo", reason="seconds of a slow line for each page")
)
@pytest.mark.parametrize("width", by_day([1280, 360], 1280, reason="the same page, narrower"))
def test_nothing_moves_while_a_page_arrives(chromium, address, name, width):
    context = chromium.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    line = context.new_cdp_session(page)
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", SLOW)
    page.add_init_script(WATCH)
    page.goto(f"{address}/{name}.html", wait_until="networkidle")
    shifts = page.evaluate(THROUGH)
    context.close()
    assert worst(shifts) < SHIFT, sorted(shifts, key=lambda one: -one[1])[:5]


@pytest.mark.parametrize(
    "name", by_day(FIGURES, "05_grpo", reason="two loads of a page and a module for each")
)
@pytest.mark.parametrize("width", by_day([360, 412, 1280], 360, reason="the same page, wider"))
def test_a_figure_takes_the_room_that_was_kept(chromium, address, name, width):
    heights = []
    for far in (True, False):
        context = chromium.new_context(viewport={"width": width, "height": 800})
        page = context.new_page()
        if far:  # nothing comes near
            page.add_init_script(
                "window.IntersectionObserver = class { observe() {} disconnect() {} };"
            )
        page.goto(f"{address}/notebooks/{name}.html", wait_until="load")
        figures = page.locator(".trlib-explorable")
        for figure in () if far else figures.all():
            figure.scroll_into_view_if_needed()
            figure.locator(".trx:not(.still) :is(svg[width], [data-drawn])").first.wait_for()
        heights.append(
            figures.evaluate_all(
                "all => all.map(one => [one.dataset.explorable, one.getBoundingClientRect().height])"
            )
        )
        context.close()
    kept, taken = heights
    assert kept
    for (figure, before), (_, after) in zip(kept, taken, strict=True):
        assert after == pytest.approx(before, abs=50), figure
