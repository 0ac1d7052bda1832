"""What a reader reads stays where it is while a page arrives over a slow line and is scrolled
through."""

import pytest

from tests.by_day import by_day

THROUGH = """async () => {
    for (let y = 0; y < document.documentElement.scrollHeight; y += 0.8 * innerHeight) {
        scrollTo({ top: y, behavior: "instant" });
        await new Promise(done => setTimeout(done, 100));
    }
    await new Promise(done => setTimeout(done, 500));
}"""
"""Scrolls through a page, whose figures are drawn when somebody comes near."""
SHIFT = 0.05
"""The largest sum of a burst of layout shifts; 0.1 is what browsers call good."""
SLOW = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1.6e6 / 8,
    "uploadThroughput": 0.75e6 / 8,
}
WATCH = """window.shifts = [];
new PerformanceObserver(list => {
    for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifts.push(
        [one.startTime, one.value, one.sources.map(({ node }) => node?.nodeName + "." + node?.className).join()]);
}).observe({ type: "layout-shift", buffered: true });"""
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
    "notebooks/gallery_finetuning",
    "notebooks/02_distances",
    "notebooks/gallery_transport",
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


def worst(shifts):
    """The largest sum of a burst: shifts less than a second apart, over five seconds at most."""
    largest = total = 0.0
    first = last = -10_000.0
    for moment, value, _ in shifts:
        if moment - last > 1000 or moment - first > 5000:
            total, first = 0.0, moment
        total, last = total + value, moment
        largest = max(largest, total)
    return largest


@pytest.mark.parametrize(
    "name",
    by_day(
        PAGES,
        "book/index",
        later=["notebooks/05_grpo"],
        reason="seconds of a slow line for each page",
    ),
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
    page.evaluate(THROUGH)
    shifts = page.evaluate("window.shifts")
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
            figure.locator(".trx:not(.still)[data-drawn]").wait_for()
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
