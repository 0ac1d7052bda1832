"""Lets every preset of the playground learn with eight seeds and records how they ended: `python -m
book.build.pack.presets`.

The page itself does it, in Chromium, by its own button.
`book/trbook/explorables/playground.seeds.json` holds, by preset and lane, each seed's mean reward
of the last ten batches, its reward in the third batch and its mean KL per batch; the answers that
the presets give are tested against it. All of them take an hour of one core, one alone
(`python -m book.build.pack.presets once`) minutes.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

from book.build.browser import NoChromium, browser
from trbook.explorables import Playground
from trbook.explorables.playground import SEEDS, presets

PAGE = '<!doctype html><meta charset="utf-8"><body>{}</body>'
LONG = 3_600_000
"""Milliseconds."""


def ends(seeds: list[list[dict[str, float]]]) -> dict[str, list[float]]:
    """What a lane's rows end with, seed by seed."""
    return {
        "reward": [round(fmean(row["reward"] for row in rows[-10:]), 4) for rows in seeds],
        "third": [round(rows[2]["reward"], 4) for rows in seeds],
        "kl": [round(fmean(row["kl"] for row in rows), 5) for rows in seeds],
    }


def learn(name: str, chromium: Any) -> list[dict[str, Any]]:
    """How the lanes of a preset end."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "page.html")
        file.write_text(PAGE.format(Playground(preset=name).html()), encoding="utf-8")
        page = chromium.new_page()
        page.goto(f"{file.as_uri()}#playground:preset={name}")
        page.get_by_role("button", name="Eight seeds").click()
        page.get_by_role("button", name="Stop the seeds").wait_for()
        page.get_by_role("button", name="Stop the seeds").wait_for(state="hidden", timeout=LONG)
        page.get_by_text("Keep this run").click()
        with page.expect_download() as loaded:
            page.get_by_role("button", name="Save as JSON").click()
        lanes = json.loads(Path(loaded.value.path()).read_text(encoding="utf-8"))["lanes"]
        page.close()
    return [ends(lane["seeds"]) for lane in lanes]


def main() -> int:
    found = json.loads(SEEDS.read_text(encoding="utf-8")) if SEEDS.exists() else {}
    try:
        with browser() as chromium:
            for name in sys.argv[1:] or presets():
                found[name] = learn(name, chromium)
                SEEDS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
                print(f"seeds: {name}")
    except NoChromium as error:
        print(f"presets: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
