"""The playground's longest tasks on a slow phone: `python -m benchmarks.long_tasks`.

The built book's playground is opened at 360 x 740 pixels. Each phase of a visit is a row: the first
drawing after the press on *Play*, four lanes for sixty batches, another preset, another picture,
three hundred batches, and then pressing and dragging with these curves behind. Two measures of the
same visit:

- **thread time**: what the page's main thread computed in a task, from a trace of a visit that is
  not slowed, times four. It hardly depends on what else the machine does, so judge by it where the
  machine is shared.
- **wall time**: what a `PerformanceObserver` for `longtask` reports in a visit whose processor is
  slowed four times. Only tasks above 50 ms are reported, and other programs' work counts too.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.browser import NoChromium, browser
from tools.paths import BUILD
from tools.serve import served

SLOWER = 4
"""A phone's main thread beside this machine's."""
ROOT = '[data-explorable="playground"]'
PHONE = {
    "viewport": {"width": 360, "height": 740},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
OBSERVED = """window.longTasks = [];
new PerformanceObserver(list => {
    for (const { startTime, duration } of list.getEntries()) window.longTasks.push([startTime, duration]);
}).observe({ type: 'longtask', buffered: true });"""
FOUR = {"a": "ppo,epochs:4", "b": "pg_is,epochs:4", "c": "own,epochs:4", "d": "grpo,epochs:4"}
QUICK = {"a": "ppo,group:2", "b": "pg_is,group:2", "c": "cispo,group:2", "d": "grpo,group:2"}
WAIT = 400_000  # milliseconds for a phase, at most


@dataclass
class Phase:
    """A part of the visit: `begin` and `end` in milliseconds of the page's clock."""

    name: str
    begin: float
    end: float = 0.0
    tasks: list[float] = field(default_factory=list)


class Visit:
    """A reader's way through the playground, phase by phase."""

    def __init__(self, page: Any, batches: int, many: int) -> None:
        self.page = page
        self.phases: list[Phase] = []
        self.batches, self.many = batches, many

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """What happens inside belongs to this row of the table; a second of rest after it does
        too."""
        one = Phase(name, self.now())
        yield
        self.page.wait_for_timeout(1000)
        one.end = self.now()
        self.phases.append(one)

    def now(self) -> float:
        return float(
            self.page.evaluate("() => { performance.mark('phase'); return performance.now(); }")
        )

    def learn(self, batches: int) -> None:
        """Until every lane has done this many batches, pressing *Play* again where it stops."""
        for _ in range(WAIT // 100):
            done = self.page.locator(f"{ROOT} [data-lane]").evaluate_all(
                "all => all.map(one => +one.dataset.batch)"
            )
            if done and min(done) >= batches:
                return
            play = self.page.locator(f"{ROOT} button.play")
            if play.get_attribute("aria-pressed") == "false":
                play.click()
            self.page.wait_for_timeout(100)
        raise TimeoutError(
            f"expected {batches} batches of every lane within {WAIT / 1000:.0f} s, got {done}"
        )

    def lanes(self, settings: dict[str, str]) -> None:
        marked = "&".join(f"{name}={lane}" for name, lane in settings.items())
        self.page.evaluate(f"location.hash = {json.dumps(f'playground:{marked}')}")

    def select(self, name: str, index: int) -> None:
        self.page.get_by_role("combobox", name=name, exact=True).select_option(index=index)

    def run(self) -> None:
        page = self.page
        with self.phase("first drawing"):
            page.locator("[data-start]").first.click()
            page.locator(f"{ROOT} button.play[aria-pressed=true]").wait_for(timeout=WAIT)
        with self.phase("first five batches"):
            self.learn(5)
        with self.phase("four lanes set"):
            self.lanes(FOUR)
        with self.phase(f"four lanes, {self.batches} batches"):
            self.learn(self.batches)
        for picture in ("map", "ratios", "opening words", "completions"):
            with self.phase(f"picture: {picture}"):
                page.get_by_text(picture, exact=True).first.click()
        with self.phase("another preset"):
            self.select("Preset", 1)
        with self.phase("Play"):
            self.learn(3)
        with self.phase("quick lanes set"):
            self.lanes(QUICK)
        with self.phase(f"four lanes, {self.many} batches"):
            self.learn(self.many)
        with self.phase(f"Pause and Play at {self.many}"):
            for _ in range(2):
                page.locator(f"{ROOT} button.play").click()
                page.wait_for_timeout(1000)
        with self.phase(f"a slider dragged at {self.many}"):
            slider = page.get_by_role("slider", name="Lane A, learning rate of AdamW")
            slider.focus()
            for _ in range(6):
                page.keyboard.press("ArrowRight")
                page.wait_for_timeout(150)
        with self.phase(f"a method changed at {self.many}"):
            page.get_by_role("combobox", name="Lane B, method").select_option(label="your own")
        with self.phase(f"another preset at {self.many}"):
            self.select("Preset", 2)


def traced(visit: Visit, path: Path) -> list[Phase]:
    """Tasks of the page's main thread by phase, in milliseconds of thread time, from a trace."""
    events = json.loads(path.read_text())["traceEvents"]
    mains = {
        (e["pid"], e["tid"])
        for e in events
        if e.get("name") == "thread_name" and e["args"]["name"] == "CrRendererMain"
    }
    marks = [e for e in events if e.get("name") == "phase" and (e["pid"], e["tid"]) in mains]
    main = (marks[0]["pid"], marks[0]["tid"])
    tasks = [
        e
        for e in events
        if e.get("name", "").endswith("RunTask") and (e["pid"], e["tid"]) == main and "tdur" in e
    ]
    edges = sorted(mark["ts"] for mark in marks)
    for phase, begin, end in zip(visit.phases, edges[::2], edges[1::2], strict=True):
        phase.tasks = [e["tdur"] / 1000 for e in tasks if begin <= e["ts"] < end]
    return visit.phases


def observed(visit: Visit) -> list[Phase]:
    """Long tasks by phase, in milliseconds on the wall, from the page's observer."""
    for begin, duration in visit.page.evaluate("window.longTasks"):
        for phase in visit.phases:
            if phase.begin <= begin < phase.end:
                phase.tasks.append(duration)
    return visit.phases


def measure(folder: Path, batches: int, many: int, wall: bool) -> list[Phase]:
    """The visit, measured on the wall or by a trace."""
    with (
        served(folder) as address,
        browser() as chromium,
        tempfile.TemporaryDirectory() as scratch,
    ):
        page = chromium.new_context(**PHONE).new_page()
        page.set_default_timeout(WAIT)
        page.add_init_script(OBSERVED)
        if wall:
            line = page.context.new_cdp_session(page)
            line.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        page.goto(f"{address}/book/playground.html", wait_until="load")
        page.wait_for_timeout(3000)
        path = Path(scratch) / "trace.json"
        if not wall:
            categories = ["toplevel", "blink.user_timing"]
            chromium.start_tracing(page=page, path=path, categories=categories)
        visit = Visit(page, batches, many)
        visit.run()
        if wall:
            return observed(visit)
        chromium.stop_tracing()
        return traced(visit, path)


def show(phases: list[Phase], factor: float) -> None:
    """Print the longest tasks of every phase, and how many are above 50 and above 100 ms."""
    print(f"{'':<28}{'longest, ms':>22}{'> 50':>7}{'> 100':>7}")
    for phase in phases:
        all_ = sorted((factor * task for task in phase.tasks), reverse=True)
        longest = "  ".join(f"{task:5.0f}" for task in all_[:3])
        print(
            f"{phase.name:<28}{longest:>22}{sum(t > 50 for t in all_):>7}{sum(t > 100 for t in all_):>7}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Measure the playground's longest tasks on a slow phone."
    )
    parser.add_argument("--folder", type=Path, default=BUILD / "html", help="the built book")
    parser.add_argument("--batches", type=int, default=60, help="of four lanes")
    parser.add_argument(
        "--many", type=int, default=300, help="batches behind the figure at the end"
    )
    parser.add_argument(
        "--wall",
        action="store_true",
        help="slowed four times, on the wall, in place of thread time",
    )
    given = parser.parse_args()
    try:
        phases = measure(given.folder, given.batches, given.many, given.wall)
    except (NoChromium, OSError) as error:
        print(f"long tasks: {error}", file=sys.stderr)
        return 1
    print(f"wall time, slowed {SLOWER} times" if given.wall else f"thread time, times {SLOWER}")
    show(phases, 1 if given.wall else SLOWER)
    return 0


if __name__ == "__main__":
    sys.exit(main())
