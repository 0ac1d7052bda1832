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
)
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
