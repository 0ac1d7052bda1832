"""The README's animated picture: four lanes of the playground learning,
`python -m tools.draw.animation`.

The page's own engine learns in Chromium, without a trust region, with PPO's clip, with DPPO and
with TROLL. After every few batches of the slowest lane a frame is taken. The last frame stays a
while, then the picture begins again.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from tools.browser import NoChromium, browser
from tools.paths import ROOT
from tools.serve import served
from trbook.explorables import Playground
from trbook.explorables.modules import link_modules
from trbook.explorables.publish import publish

TARGET = ROOT / "book/_static/figures/lanes.gif"
WIDTH = 720
LAST = 30
"""Batches that the preset's lanes learn from."""
COLOURS = 48
FRAME, REST = 220, 3500
"""Milliseconds that a frame is shown, and the last one."""
LARGEST = 1_400_000
"""Bytes."""
PRESET = "shootout"
CURVES, LANES = ".curving .pv", '[data-explorable="playground"] [data-lane]'
PAGE = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>Playground</title>
<style>
@font-face {{ font-family: Inter; src: url("Inter.woff2"); font-weight: 100 900; }}
:root {{ --book-sans: Inter, sans-serif; }} body {{ margin: 16px; background: #fff; }}
</style></head><body>{body}</body></html>"""


def frames(chromium: Any, address: str) -> list[Image.Image]:
    """One picture for each batch that all lanes have reached, as far as the eye was quick
    enough."""
    page = chromium.new_page(viewport={"width": WIDTH, "height": 900})
    page.goto(address)
    page.get_by_role("button", name="Play", exact=True).click()
    taken: list[Image.Image] = []
    seen = -1
    while seen < LAST:
        reached = min(batches(page)) if page.locator(LANES).count() == 4 else -1
        if reached > seen:
            seen = reached
            taken.append(Image.open(io.BytesIO(page.locator(CURVES).screenshot())).convert("RGB"))
        time.sleep(0.03)
    page.close()
    return taken


def animate(pictures: list[Image.Image], path: Path) -> None:
    """Writes the pictures as one that moves; all share the colours of the last, which has them all.

    Raises:
        ValueError: the file would be too large.
    """
    width, height = (max(picture.size[side] for picture in pictures) for side in (0, 1))
    palette = pictures[-1].quantize(COLOURS, dither=Image.Dither.NONE)
    sheets = []
    for picture in pictures:
        sheet = Image.new("RGB", (width, height), "#ffffff")
        sheet.paste(picture)
        sheets.append(sheet.quantize(palette=palette, dither=Image.Dither.NONE))
    buffer = io.BytesIO()
    times = [FRAME] * (len(sheets) - 1) + [REST]
    sheets[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=sheets[1:],
        duration=times,
        loop=0,
        optimize=True,
    )
    if buffer.tell() > LARGEST:
        raise ValueError(
            f"{path.name}: {buffer.tell()} bytes, but at most {LARGEST} are allowed; take fewer "
            "frames"
        )
    path.write_bytes(buffer.getvalue())


def batches(page: Any) -> list[int]:
    return page.locator(LANES).evaluate_all("all => all.map((one) => Number(one.dataset.batch))")


@contextmanager
def staged() -> Iterator[str]:
    """An address at which the playground's page stands alone."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        publish(folder / "_static" / "explorables")
        (folder / "Inter.woff2").write_bytes(
            next((ROOT / "book/_static/fonts").glob("inter-latin-wght*")).read_bytes()
        )
        html = link_modules(Playground(preset=PRESET).html(), "_static/explorables")
        (folder / "page.html").write_text(PAGE.format(body=html), encoding="utf-8")
        with served(folder) as address:
            yield f"{address}/page.html"


def main() -> int:
    try:
        with browser() as chromium, staged() as address:
            pictures = frames(chromium, address)
        animate(pictures, TARGET)
    except (NoChromium, ValueError) as error:
        print(f"animation: {error}", file=sys.stderr)
        return 1
    print(
        f"{TARGET.relative_to(ROOT)} ({len(pictures)} frames, {TARGET.stat().st_size / 1000:.0f} "
        "kB)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
