"""Pictures of built pages, for the pages' sources: `python -m book.build.draw.readme`, after
`make html`.

Both figures of the front page, and its walls batch by batch up to the question; of chapter 11 the
basins; a diagnosis, whose report is made here. This is what a reader gets, for whoever has not built the book.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from book.build.browser import browser, settle
from book.build.paths import ANNEXED, BUILD, ROOT
from book.build.serve import served

FIGURES = ROOT / "book" / "_static" / "figures"
FRONT = {
    "wall": '[data-explorable="wall"]',
    "storyteller": '[data-explorable="storyteller"]',
}
"""The front page's pictures."""
BASIN = '[data-explorable="basin"]'
REPORT = ROOT / "book" / "_static" / "diagnose" / "shifted.html"
NARROW = {"width": 640, "height": 560}
"""Of a report, whose words are then as large as the page's."""
WALL, BATCHES, FRAME, REST = 880, 6, 650, 6000
"""Pixels of the walls' width, their frames up to the question, and milliseconds of each and of the last."""
TITLED = """figure => {
    const root = figure.querySelector(".trlib-view > div").shadowRoot;
    root.querySelector(".top").style.cssText = "display: block; order: 0; font-size: 23px; margin-bottom: 8px";
    root.querySelector(".doing").hidden = true;
}"""
"""What travels says what it asks."""
MOVE = """(ring, batch) => {
    ring.value = batch - 1;
    ring.dispatchEvent(new Event("input", { bubbles: true }));
}"""
SIZE = {"width": 1100, "height": 940}
COLOURS = 128


def save(picture: bytes, name: str) -> None:
    """A PNG of few colours."""
    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(COLOURS)
    image.save(FIGURES / f"{name}.png", optimize=True)
    print(f"{name}.png: {(FIGURES / f'{name}.png').stat().st_size // 1000} kB")


def shoot_basin(page: Any) -> None:
    basin = page.locator(BASIN)
    basin.scroll_into_view_if_needed()
    basin.locator(".trx:not(.still)").first.wait_for()
    settle(page)
    save(basin.screenshot(), "basin")


def shoot_front(page: Any) -> None:
    """The figures as paper shows them, without controls."""
    for name, selector in FRONT.items():
        explorable = page.locator(selector)
        explorable.scroll_into_view_if_needed()
        explorable.locator(".trx:not(.still)[data-drawn]").wait_for()
        if name == "wall":
            explorable.evaluate(TITLED)
        page.emulate_media(media="print")
        page.add_style_tag(content=f"{selector} {{ width: 960px; zoom: 1 !important }}")
        settle(page)
        save(explorable.screenshot(), name)
        page.emulate_media(media="screen")
    shoot_wall(page)


def shoot_diagnosis(page: Any) -> None:
    """The report of the page's dump, with the sampler's log-probs a token too late."""
    from pyarrow import Table, parquet

    rows = parquet.read_table(REPORT.with_name("rollouts.parquet")).to_pylist()
    for row in rows:
        first, *others = row["logp_rollout"]
        row["logp_rollout"] = [first, first, *others[:-1]]
    with tempfile.TemporaryDirectory() as folder:
        dump = Path(folder, "shifted.parquet")
        parquet.write_table(Table.from_pylist(rows), dump)
        command = [sys.executable, "-m", "trlib", "diagnose", str(dump), "--html", str(REPORT)]
        output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    if not output.startswith("found: shift"):
        raise RuntimeError(
            f"readme: expected a diagnosis that begins with found: shift, got {output!r}"
        )
    page.set_viewport_size(NARROW)
    page.goto(REPORT.as_uri())
    settle(page)
    save(page.screenshot(), "diagnosis")


def shoot_wall(page: Any) -> None:
    """A frame for each batch of the walls and their curves up to the one that asks, which stays a while."""
    wall = page.locator(FRONT["wall"])
    wall.locator(".trx:not(.still)[data-drawn]").wait_for()
    page.add_style_tag(content=f"{FRONT['wall']} {{ width: {WALL}px; zoom: 1 !important }}")
    wall.evaluate(TITLED)
    ring = wall.get_by_role("slider", name="Batch that is shown")
    frames: list[Image.Image] = []
    for batch in range(1, BATCHES + 1):
        ring.evaluate(MOVE, batch)
        settle(page)
        frames.append(Image.open(io.BytesIO(wall.screenshot())).convert("RGB"))
        frames[-1].thumbnail((WALL, WALL))
    palette = frames[-1].quantize(COLOURS // 2)
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    times = [FRAME] * (BATCHES - 1) + [REST]
    target = FIGURES / "wall.gif"
    frames[0].save(target, save_all=True, append_images=frames[1:], duration=times, loop=0)
    print(f"wall.gif: {target.stat().st_size // 1000} kB")


def main() -> int:
    shots = [("book/index", 1.5, shoot_front), ("book/purpose", 1.5, shoot_basin)]
    if ANNEXED:
        shots.append(("book/check/diagnose", 2, shoot_diagnosis))
    for name, *_ in shots:
        if not (BUILD / "html" / f"{name}.html").is_file():
            print(f"readme: expected {name}.html; `make html` builds it", file=sys.stderr)
            return 1
    with served(BUILD / "html") as home, browser() as chromium:
        for name, sharp, shot in shots:
            page = chromium.new_page(
                viewport=SIZE,
                color_scheme="light",
                device_scale_factor=sharp,
                reduced_motion="reduce",
            )
            page.goto(f"{home}/{name}.html")
            page.wait_for_load_state("networkidle")
            shot(page)
            page.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
