"""Lets every preset of the playground learn with eight seeds and records how they ended: `python -m
book.build.pack.presets`.

The page itself does it, in Chromium, by its own button.
`book/trbook/explorables/playground.seeds.json` holds, by preset and lane, each seed's mean reward
of the last ten batches, its reward in the third batch, its mean KL per batch and, of the
storyteller, the judge's share of good stories in the last ten; the answers that
the presets give are tested against it. All of them take an hour of one core, one alone
(`python -m book.build.pack.presets once`) minutes. `--first` records one whole run of the presets
that pages show, with which the page compares what learns in it, into `playground.first.json`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import Any

from book.build.browser import NoChromium, browser
from trbook.explorables import Playground
from trbook.explorables.playground import FIRST, PAGES, SEEDS, presets

SHOWN = ("reward", "kl", "kept", "entropy", "length")
PAGE = '<!doctype html><meta charset="utf-8"><body>{}</body>'
LONG = 3_600_000
"""Milliseconds."""


def ends(seeds: list[list[dict[str, float]]], *, judged: bool = False) -> dict[str, list[float]]:
    """What a lane's rows end with, seed by seed; `judged`: a judge stands beside the reward."""
    right = [round(fmean(row["right"] for row in rows[-10:]), 4) for rows in seeds if judged]
    return ({"right": right} if judged else {}) | {
        "reward": [round(fmean(row["reward"] for row in rows[-10:]), 4) for rows in seeds],
        "third": [round(rows[2]["reward"], 4) for rows in seeds],
        "kl": [round(fmean(row["kl"] for row in rows), 5) for rows in seeds],
    }


def learn(name: str, chromium: Any) -> list[dict[str, Any]]:
    """How the lanes of a preset end."""
    with opened(name, chromium) as page:
        page.get_by_role("button", name="Eight seeds").click()
        page.get_by_role("button", name="Stop the seeds").wait_for()
        page.get_by_role("button", name="Stop the seeds").wait_for(state="hidden", timeout=LONG)
        judged = name == "storyteller"
        return [ends(lane["seeds"], judged=judged) for lane in saved(page)["lanes"]]


def first(name: str, chromium: Any) -> dict[str, Any]:
    """A whole run of a preset, as the page saves it."""
    with opened(name, chromium) as page:
        for batch in range(1, presets()[name]["batches"] + 1):
            page.get_by_role("button", name="One batch").click()
            done = f"all => all.every(lane => lane.dataset.batch === '{batch}')"
            lanes = page.locator("[data-lane]")
            while not lanes.evaluate_all(done):
                page.wait_for_timeout(100)
        run = saved(page)
    return {
        **{key: run[key] for key in ("what", "preset", "seed")},
        "lanes": [
            {
                "settings": lane["settings"],
                "rows": [{key: round(row[key], 4) for key in SHOWN} for row in lane["rows"]],
            }
            for lane in run["lanes"]
        ],
    }


@contextmanager
def opened(name: str, chromium: Any) -> Iterator[Any]:
    """A preset's playground in a page of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "page.html")
        file.write_text(PAGE.format(Playground(preset=name, bench=True).html()), encoding="utf-8")
        page = chromium.new_page()
        page.goto(f"{file.as_uri()}#playground:preset={name}")
        yield page
        page.close()


def saved(page: Any) -> dict[str, Any]:
    """The run that a page holds, as a reader saves it."""
    page.get_by_text("Keep this run").click()
    with page.expect_download() as loaded:
        page.get_by_role("button", name="Save as JSON").click()
    return json.loads(Path(loaded.value.path()).read_text(encoding="utf-8"))


def main() -> int:
    seeds = json.loads(SEEDS.read_text(encoding="utf-8")) if SEEDS.exists() else {}
    try:
        with browser() as chromium:
            if sys.argv[1:] == ["--first"]:
                runs = {
                    name: first(name, chromium) for name in (next(iter(presets())), "own", *PAGES)
                }
                FIRST.write_text(json.dumps(runs) + "\n", encoding="utf-8")
                return 0
            for name in sys.argv[1:] or presets():
                seeds[name] = learn(name, chromium)
                SEEDS.write_text(json.dumps(seeds, indent=1) + "\n", encoding="utf-8")
                print(f"seeds: {name}")
    except NoChromium as error:
        print(f"presets: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
