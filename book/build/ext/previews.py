"""A page's preview, which a shared link shows: the page's first figure, as its source has it, made
before pages are written. A page without a figure has the book's, as in a build without Chromium has one
whose figure is a drawing.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from PIL import Image, ImageOps
from sphinx.application import Sphinx
from sphinx.util import logging

from book.build.browser import NoChromium, browser
from book.build.cards import CARDS, made
from book.build.cards import FOLDER as FOLDER_OF_CARDS
from book.build.ext.explorables import SHOWN
from trbook.explorables import Playground
from trbook.explorables.files import PAGE

logger = logging.getLogger(__name__)
FOLDER = "_static/previews"
WIDTH, HEIGHT, EDGE = 1200, 630, 30
ACROSS, DOWN = WIDTH - 2 * EDGE, HEIGHT - 2 * EDGE
FLAT = 0.62
"""Height of a picture over its width, at most: of a longer one the top is shown."""
NOTE = 43
"""Pixels of what is said above an explorable's stored picture."""
FIGURE = re.compile(
    r"!\[(?P<says>[^\]]*)\]\((?P<file>[^)\s:]+\.(?:svg|png))\)"
    r"|<!--made (?P<shown>basin|playground)(?P<given>[^>]*)-->"
)
"""A picture of a page's text, or an explorable that a build puts there; wall and first lane have a picture."""
STRIP = "The loop, rollout, "
"""How a strip of the loop's boxes begins what it says: no page is about it."""
COLOURS = 64
DRAWING = (
    '<body style="margin:0;background:#fff"><img style="display:block;width:100vw;height:100vh;'
    'object-fit:contain" src="data:image/svg+xml;base64,{}">'
)
STILL = '<body style="margin:0;background:#fff"><div style="zoom:1.3">{}</div>'
"""An explorable's still needs no shadow root where nothing else is."""


@dataclass(frozen=True)
class Figure:
    """A figure's file, a bitmap, a drawing or an explorable's still, what it shows, and pixels at its
    top that are left out."""

    file: bytes
    says: str
    above: int = 0

    @property
    def name(self) -> str:
        """Of the preview's file: other figures have other names."""
        return f"{hashlib.blake2b(self.file, digest_size=8).hexdigest()}.png"

    @property
    def is_bitmap(self) -> bool:
        return self.file.startswith(b"\x89PNG")

    @property
    def page(self) -> str:
        """A drawing or a still as a page that fills a preview."""
        if self.file.startswith(b"<style>"):
            return STILL.format(self.file.decode())
        return DRAWING.format(base64.b64encode(self.file).decode())

    def cropped(self) -> Image.Image:
        """A bitmap in its place on a preview."""
        image = Image.open(io.BytesIO(self.file)).convert("RGB")
        below = min(image.height, self.above + round(FLAT * image.width))
        seen = image.crop((0, self.above, image.width, below))
        return ImageOps.pad(seen, (ACROSS, DOWN), color="white")


@cache
def first(path: Path) -> Figure | None:
    """The first figure of a page's source: asked when it is drawn, and when its page is written.

    What stands in a fold answers a question of the page, and a shared link does not give it away."""
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4)["cells"]
        shown = (output for cell in cells for output in cell.get("outputs", []))
        return next((found for found in map(_stored, shown) if found), None)
    for found in FIGURE.finditer(_text(path)):
        if found["shown"]:
            return _explorable(found["shown"], found["given"].strip())
        if (path.parent / found["file"]).exists():
            return Figure((path.parent / found["file"]).read_bytes(), found["says"])
    return None


def _explorable(name: str, given: str) -> Figure | None:
    """The still of an explorable that a page shows."""
    shown = Playground(preset=given, bench=True) if name == "playground" else SHOWN[name]()
    still = shown.still()
    return Figure(still.encode(), shown.fallback) if still else None


def _text(path: Path) -> str:
    """A page's source; of a method's page, with what is computed on it."""
    if path.parent == FOLDER_OF_CARDS and path.stem in CARDS:
        return made.filled(path.stem)
    return path.read_text(encoding="utf-8")


def _stored(output: dict[str, Any]) -> Figure | None:
    data = output.get("data", {})
    says = output.get("metadata", {}).get("image/png", {}).get("alt", STRIP)
    if "image/png" not in data or says.startswith(STRIP):
        return None
    above = NOTE if "explorable" in data.get(PAGE, {}) else 0
    return Figure(base64.b64decode(data["image/png"]), says, above)


def of(app: Sphinx, page: str) -> tuple[str, str] | None:
    """Where a page's preview lies in the book, and what it shows; None: it has none of its own."""
    figure = first(Path(app.env.doc2path(page))) if page in app.env.found_docs else None
    if figure is None or not Path(app.outdir, FOLDER, figure.name).exists():
        return None
    return f"{FOLDER}/{figure.name}", figure.says


def draw(app: Sphinx, env: Any) -> None:
    """Draws what is not there yet; of a build of some pages theirs alone."""
    if app.builder.format != "html":
        return
    folder = Path(app.outdir, FOLDER)
    pages = app.config.first_pages or env.found_docs
    figures = filter(None, (first(Path(env.doc2path(page))) for page in pages))
    missing = {one.name: one for one in figures if not (folder / one.name).exists()}
    if not missing:
        return
    folder.mkdir(parents=True, exist_ok=True)

    def save(figure: Figure, seen: Image.Image) -> None:
        whole = ImageOps.expand(seen, EDGE, "white")
        whole.quantize(COLOURS, Image.Quantize.FASTOCTREE).save(folder / figure.name)

    drawings = []
    for one in missing.values():
        if one.is_bitmap:
            save(one, one.cropped())
        else:
            drawings.append(one)
    try:
        if drawings:
            with browser() as chromium:
                screen = chromium.new_page(viewport={"width": ACROSS, "height": DOWN})
                for one in drawings:
                    screen.set_content(one.page)
                    save(one, Image.open(io.BytesIO(screen.screenshot())).convert("RGB"))
    except NoChromium as error:
        logger.info(
            "previews: a shared link to a page whose first figure is a drawing shows the book's "
            "picture instead, and nothing else is missing (%s)",
            error,
        )


def connect(app: Sphinx) -> None:
    app.connect("env-updated", draw)
