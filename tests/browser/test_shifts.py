"""What a reader reads stays where it is while a page arrives over a slow line and is scrolled
through."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.first_view import SLOW
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
MOST = 0.05
"""Of the window, as browsers count it: a tenth is what they call good."""
WATCH = """window.shifts = [];
new PerformanceObserver(list => {
    for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifts.push(
        [one.startTime, one.value, one.sources.map(({ node }) => node?.nodeName + "." + node?.className).join()]);
}).observe({ type: "layout-shift", buffered: true });"""
THROUGH = """async () => {
    for (let y = 0; y < document.documentElement.scrollHeight; y += 0.8 * innerHeight) {
        scrollTo({ top: y, behavior: "instant" });
        await new Promise(done => setTimeout(done, 100));
    }
    await new Promise(done => setTimeout(done, 500));
    return window.shifts;
}"""


def worst(shifts: list[Any]) -> float:
    """The largest sum of a burst: shifts less than a second apart, over five seconds at most."""
    largest = total = 0.0
    first = last = -10_000.0
    for time, value, _ in shifts:
        if time - last > 1000 or time - first > 5000:
            total, first = 0.0, time
        total, last = total + value, time
        largest = max(largest, total)
    return largest


@pytest.mark.parametrize(
    "name", by_day(PAGES, "notebooks/05_grpo", reason="seconds of a slow line for each page")
)
@pytest.mark.parametrize("width", by_day([1280, 360], 1280, reason="the same page, narrower"))
def test_nothing_moves_while_a_page_arrives(
    chromium: Any, address: str, name: str, width: int
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    line = context.new_cdp_session(page)
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", SLOW)
    page.add_init_script(WATCH)
    page.goto(f"{address}/{name}.html", wait_until="networkidle")
    shifts = page.evaluate(THROUGH)
    context.close()
    assert worst(shifts) < MOST, sorted(shifts, key=lambda one: -one[1])[:5]


@pytest.mark.parametrize(
    "name", by_day(FIGURES, "05_grpo", reason="two loads of a page and a module for each")
)
@pytest.mark.parametrize("width", by_day([360, 412, 1280], 360, reason="the same page, wider"))
def test_a_figure_takes_the_room_that_was_kept(
    chromium: Any, address: str, name: str, width: int
) -> None:
    heights = []
    for far in (True, False):
        context = chromium.new_context(viewport={"width": width, "height": 800})
        page = context.new_page()
        if far:  # nothing comes near
            page.add_init_script(
                "window.IntersectionObserver = class { observe() {} disconnect() {} };"
            )
        page.goto(f"{address}/notebooks/{name}.html", wait_until="load")
        page.evaluate("document.documentElement.classList.add('whole')")
        figures = page.locator(".trlib-explorable:not(:has([data-start]))")
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


@pytest.mark.parametrize("width", by_day([1280, 360], 1280, reason="the same page, narrower"))
def test_code_and_figures_take_the_room_that_was_kept(
    chromium: Any, address: str, width: int
) -> None:
    """What is laid out late has its height before."""
    context = chromium.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto(f"{address}/notebooks/05_grpo.html", wait_until="networkidle")
    pieces = page.locator(".pieced :is(.cell_input, .trlib-drawing > div)")
    late = "all => all.filter(one => !one.firstElementChild.checkVisibility({ contentVisibilityAuto: true })).length"
    heights = "all => all.map(one => one.getBoundingClientRect().height)"
    unseen, kept = pieces.evaluate_all(late), pieces.evaluate_all(heights)
    page.evaluate("document.documentElement.classList.add('whole')")
    taken = pieces.evaluate_all(heights)
    context.close()
    assert unseen >= 3
    assert kept == pytest.approx(taken, abs=2)
