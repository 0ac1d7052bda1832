"""What a reader on a slow phone waits for: `python -m book.build.web_vitals [PAGE ...]`.

The built book is served gzipped, as a web host does it, to a browser with an empty cache, 1.6
Mbit/s, 150 ms of latency and a quarter of this machine's speed. Three numbers for each page:

- **first paint**: seconds from the request until text or a picture is drawn;
- **layout shift**: the largest sum of a burst, as browsers count it, while the page arrives and is
  scrolled through; at most 0.05 (a tenth is what they call good);
- **input delay**: the longest that a tap waits for the page's thread, of taps while the page
  arrives, is scrolled through and, where it has a *Play*, plays; at most 200 ms.

It advises, and ends with 0 whatever it measures: other programs on the machine count too.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import time
from pathlib import Path
from typing import Any

from book.build.browser import NoChromium, browser
from book.build.paths import BUILD
from book.build.serve import Quiet, served

PAGES = (
    "book/index",
    "book/playground",
    "book/glossary",
    "book/report",
    "book/methods/index",
    "book/methods/dppo",
    "notebooks/00_quickstart",
    "notebooks/02_why_trust_regions",
    "notebooks/04_ppo",
    "notebooks/06_what_clipping_gets_wrong",
    "notebooks/09_troll",
    "notebooks/11_how_we_compare",
)
PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
SLOW = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1.6e6 / 8,
    "uploadThroughput": 0.75e6 / 8,
}
SLOWER = 4
"""The processor is slowed by this factor."""
SHIFT = 0.05
DELAY = 200.0
"""Milliseconds."""
TEXT = {".html", ".css", ".js", ".mjs", ".svg", ".json"}
WATCH = """window.shifts = [];
window.delays = [];
new PerformanceObserver(list => {
    for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifts.push(
        [one.startTime, one.value, one.sources.map(({ node }) => node?.nodeName + "." + node?.className).join()]);
}).observe({ type: "layout-shift", buffered: true });
new PerformanceObserver(list => {
    for (const one of list.getEntries()) window.delays.push(one.processingStart - one.startTime);
}).observe({ type: "event", buffered: true, durationThreshold: 16 });"""
THROUGH = """async () => {
    for (let y = 0; y < document.documentElement.scrollHeight; y += 0.8 * innerHeight) {
        scrollTo({ top: y, behavior: "instant" });
        await new Promise(done => setTimeout(done, 100));
    }
    await new Promise(done => setTimeout(done, 500));
    return window.shifts;
}"""
PLAY = ".trx:not(.still) button.play"
PLAYED = 5.0
"""Seconds."""


class Gzipped(Quiet):
    """Files as a web host sends them: text compressed."""

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file() or path.suffix not in TEXT:
            super().do_GET()
            return
        content = gzip.compress(path.read_bytes(), 6)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def worst(shifts: list[Any]) -> float:
    """The largest sum of a burst: shifts less than a second apart, over five seconds at most."""
    largest = total = 0.0
    first = last = -10_000.0
    for moment, value, _ in shifts:
        if moment - last > 1000 or moment - first > 5000:
            total, first = 0.0, moment
        total, last = total + value, moment
        largest = max(largest, total)
    return largest


def slowed(chromium: Any) -> Any:
    """A page of a phone with an empty cache, on a slow line."""
    page = chromium.new_context(**PHONE).new_page()
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", SLOW)
    line.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.add_init_script(WATCH)
    page.set_default_timeout(120_000)
    return page


def painted(chromium: Any, address: str) -> tuple[float, float]:
    """Seconds until the first paint, and the layout shift of a page that nobody touches."""
    page = slowed(chromium)
    page.goto(address, wait_until="networkidle")
    shift = worst(page.evaluate(THROUGH))
    first = page.evaluate(
        "performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000"
    )
    page.context.close()
    return first, shift


def tapped(chromium: Any, address: str) -> float:
    """Milliseconds that a tap waits at most. Taps fall on the page's empty left edge."""
    page = slowed(chromium)

    def tap(until: Any) -> None:
        while not until():
            page.touchscreen.tap(2, 400)
            page.wait_for_timeout(200)

    page.goto(address, wait_until="commit")
    tap(lambda: page.evaluate("document.readyState") == "complete")
    page.evaluate(f"() => {{ window.through = false; ({THROUGH})().then(() => through = true); }}")
    tap(lambda: page.evaluate("window.through"))
    if page.locator(PLAY).count():
        page.locator(PLAY).first.click()
        end = time.monotonic() + PLAYED
        tap(lambda: time.monotonic() > end)
    delay = float(page.evaluate("Math.max(0, ...window.delays)"))
    page.context.close()
    return delay


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what a reader on a slow phone waits for.")
    parser.add_argument("pages", nargs="*", default=PAGES, help="as in the table of contents")
    parser.add_argument("--folder", type=Path, default=BUILD / "html", help="the built book")
    given = parser.parse_args()
    print(f"{'':<44}{'paint, s':>10}{'shift':>8}{'delay, ms':>11}")
    try:
        with served(given.folder, Gzipped) as address, browser() as chromium:
            for name in given.pages:
                first, shift = painted(chromium, f"{address}/{name}.html")
                delay = tapped(chromium, f"{address}/{name}.html")
                above = "  above" if shift > SHIFT or delay > DELAY else ""
                print(f"{name:<44}{first:>10.1f}{shift:>8.3f}{delay:>11.0f}{above}", flush=True)
    except (NoChromium, OSError) as error:
        print(f"web vitals: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
