"""The picture of the playground on the book's first page and in the README:
`python -m tools.draw.playground`.

The page itself, four lanes of the preset `shootout`, played in Chromium and stopped in mid-run, in
light and in dark. What is cut out are the lanes' curves, as the page draws them.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from tools.browser import NoChromium, browser, settle
from tools.paths import ROOT
from tools.serve import Quiet
from trbook.explorables import Playground
from trbook.explorables.modules import link_modules
from trbook.explorables.publish import publish

TARGET = ROOT / "book/_static/figures"
PRESET, BATCHES, WIDTH = "shootout", 25, 700
THEMES = ("light", "dark")
COLOURS = 96
CURVES, LANES = ".curving .pv", '[data-explorable="playground"] [data-lane]'
PAGE = """<!doctype html><html lang="en" data-theme="{theme}"><head><meta charset="utf-8"><title>Playground</title>
<style>
@font-face {{ font-family: Inter; src: url("Inter.woff2"); font-weight: 100 900; }}
:root {{ --book-sans: Inter, sans-serif; }} body {{ margin: 16px; }}
[data-theme=light] body {{ background: #fff; }} [data-theme=dark] body {{ background: #14181d; }}
</style></head><body>{body}</body></html>"""


def shoot(chromium: Any, address: str, theme: str, path: Path) -> None:
    """One picture: play, wait for the lanes, stop, cut the curves out."""
    page = chromium.new_page(viewport={"width": WIDTH, "height": 900}, device_scale_factor=2)
    page.goto(f"{address}/{theme}.html")
    page.get_by_role("button", name="Play", exact=True).click()
    while page.locator(LANES).count() < 4 or min(batches(page)) < BATCHES:
        time.sleep(0.2)
    page.get_by_role("button", name="Pause", exact=True).click()
    settle(page)
    page.locator(CURVES).screenshot(path=path)
    page.close()
    light(path)


def light(path: Path) -> None:
    """The same picture in few colours: a third of the bytes."""
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def batches(page: Any) -> list[int]:
    return page.locator(LANES).evaluate_all("all => all.map((one) => Number(one.dataset.batch))")


@contextmanager
def staged(themes: Sequence[str] = THEMES) -> Iterator[str]:
    """An address at which the playground's page stands alone, `light.html` and `dark.html`."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        publish(folder / "_static" / "explorables")
        (folder / "Inter.woff2").write_bytes(
            next((ROOT / "book/_static/fonts").glob("inter-latin-wght*")).read_bytes()
        )
        html = link_modules(Playground(preset=PRESET).html(), "_static/explorables")
        for theme in themes:
            (folder / f"{theme}.html").write_text(
                PAGE.format(theme=theme, body=html), encoding="utf-8"
            )
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()


def main() -> int:
    try:
        with browser() as chromium, staged() as address:
            for theme in THEMES:
                shoot(chromium, address, theme, TARGET / f"playground-{theme}.png")
    except NoChromium as error:
        print(f"playground: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
