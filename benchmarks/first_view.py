"""How long a reader on a slow phone waits: `python -m benchmarks.first_view [--page PATH]`.

The built book is served gzipped, as a web host does it, to a browser with an empty cache, 1.6
Mbit/s, 150 ms of latency and a quarter of this machine's speed. Seconds from the first request to
the first paint, to the text in its own fonts, to a still picture of the map and to one that can be
dragged; medians of several loads.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import sys
from pathlib import Path
from typing import Any

from tools.browser import NoChromium, browser
from tools.paths import BUILD
from tools.serve import Quiet, served

PAGE = "notebooks/05_grpo.html#use-the-batch-again-and-the-clip-wakes-up"
SLOW = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1.6e6 / 8,
    "uploadThroughput": 0.75e6 / 8,
}
SLOWER = 4
"""The processor is slowed by this factor."""
TEXT = {".html", ".css", ".js", ".mjs", ".svg", ".json"}
WATCH = """() => {
    window.seen = {};
    new PerformanceObserver(list => {
        for (const entry of list.getEntries()) window.seen[entry.name] ??= entry.startTime;
    }).observe({ type: 'paint', buffered: true });
    addEventListener('DOMContentLoaded', () =>
        document.fonts.ready.then(() => { window.seen.text ??= performance.now(); }));
    const drawn = (where, what) => [...document.querySelectorAll(where)]
        .some(node => node.shadowRoot?.querySelector(what));
    const look = () => {
        if (drawn('.trlib-still', 'svg')) window.seen.still ??= performance.now();
        if (drawn('.trlib-explorable :not(.trlib-still)', '.live[d]')) window.seen.map ??= performance.now();
        else requestAnimationFrame(look);
    };
    look();
}"""
"""Noted at each frame: a still picture of the map; its path, which the call draws that makes it
draggable."""


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


def load(chromium: Any, address: str) -> dict[str, float]:
    """Seconds of one load with an empty cache, and kilobytes that came over the line."""
    context = chromium.new_context(
        viewport={"width": 360, "height": 780}, is_mobile=True, has_touch=True
    )
    page = context.new_page()
    line = context.new_cdp_session(page)
    received: list[float] = []
    line.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", SLOW)
    line.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.add_init_script(f"({WATCH})()")
    page.goto(address, wait_until="load", timeout=120_000)
    page.wait_for_function("window.seen.map && window.seen.text", timeout=120_000)
    seen = page.evaluate("window.seen")
    context.close()
    return {
        "first paint": seen["first-contentful-paint"] / 1000,
        "text in its fonts": seen["text"] / 1000,
        "a picture of the map": seen.get("still", seen["map"]) / 1000,
        "a map that can be dragged": seen["map"] / 1000,
        "kilobytes": sum(received) / 1000,
    }


def measure(folder: Path, page: str, times: int) -> dict[str, float]:
    """Medians over several loads."""
    with served(folder, Gzipped) as address, browser() as chromium:
        loads = [load(chromium, f"{address}/{page}") for _ in range(times)]
    return {name: statistics.median(one[name] for one in loads) for name in loads[0]}


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Measure a slow phone's first view of a page with a map."
    )
    parser.add_argument("--folder", type=Path, default=BUILD / "html")
    parser.add_argument("--page", default=PAGE, help="its path in the book")
    parser.add_argument("--times", type=int, default=3, help="loads; the median counts")
    given = parser.parse_args()
    try:
        found = measure(given.folder, given.page, given.times)
    except (NoChromium, OSError) as error:
        print(f"first view: {error}", file=sys.stderr)
        return 1
    for name, value in found.items():
        print(
            f"{name:<26} {value:6.0f} kB" if name == "kilobytes" else f"{name:<26} {value:6.1f} s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
