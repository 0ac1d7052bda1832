"""A page's preview, which a shared link shows: the page's first figure, as its source has it, drawn
before pages are written. A page without a figure, and a build without Chromium, have the book's.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image
from sphinx.application import Sphinx

from book.build.browser import NoChromium, browser
from trbook.explorables.files import PAGE

FOLDER = "_static/previews"
WIDTH, HEIGHT, EDGE = 1200, 630, 30
FLAT = 0.62
"""Height of a picture over its width, at most: of a longer one the top is shown."""
NOTE = 34
"""Pixels of what is said above an explorable's stored picture."""
FIGURE = re.compile(r"!\[([^\]]*)\]\(([^)\s:]+\.(?:svg|png))\)")
STRIP = "The loop, rollout, "
"""How a strip of the loop's boxes begins what it says: no page is about it."""
AT_ONCE, COLOURS = 8, 64
PAGE_OF = '<body style="margin:0;background:#fff">{}'
FRAME = (
    f'<div style="height:{HEIGHT}px;display:grid;place-items:center"><div style="overflow:hidden;'
    '{}"><img style="display:block;{}" src="data:image/{};base64,{}"></div></div>'
)


@dataclass(frozen=True)
class Picture:
    """A figure's file in base64, what it shows, and of a bitmap its width, height and the pixels
    above it that are left out."""

    data: str
    says: str
    size: tuple[float, float, float] | None = None

    @property
    def name(self) -> str:
        """Of the preview's file: other pictures have other names."""
        return f"{hashlib.blake2b(self.data.encode(), digest_size=8).hexdigest()}.png"

    def html(self) -> str:
        """The preview as a part of a page."""
        across, down = WIDTH - 2 * EDGE, HEIGHT - 2 * EDGE
        if self.size is None:
            fit = f"width:{across}px;height:{down}px"
            return FRAME.format(fit, f"{fit};object-fit:contain", "svg+xml", self.data)
        width, height, above = self.size
        height = min(height - above, FLAT * width)
        scale = min(across / width, down / height)
        seen = f"width:{width * scale}px;height:{height * scale}px"
        shift = f"width:{width * scale}px;margin-top:-{above * scale}px"
        return FRAME.format(seen, shift, "png", self.data)


@cache
def first(path: Path) -> Picture | None:
    """The first figure of a page's source: asked when it is drawn, and when its page is written."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        shown = (output for cell in cells for output in cell.get("outputs", []))
        return next((found for found in map(_stored, shown) if found), None)
    for says, name in FIGURE.findall(text):
        file = path.parent / name
        if file.exists():
            return Picture(_coded(file), says, _sized(file) if file.suffix == ".png" else None)
    return None


def _stored(output: dict[str, Any]) -> Picture | None:
    data, about = output.get("data", {}), output.get("metadata", {}).get("image/png", {})
    if "image/png" not in data or about.get("alt", STRIP).startswith(STRIP):
        return None
    above = NOTE if "explorable" in data.get(PAGE, {}) else 0
    size = (about["width"], about["height"], above) if "width" in about else None
    return Picture("".join(data["image/png"]).replace("\n", ""), about["alt"], size)


def _coded(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def _sized(file: Path) -> tuple[float, float, float]:
    with Image.open(file) as image:
        return image.width, image.height, 0


def of(app: Sphinx, page: str) -> tuple[str, str] | None:
    """Where a page's preview lies in the book, and what it shows; None: it has none of its own."""
    found = first(Path(app.env.doc2path(page))) if page in app.env.found_docs else None
    if found is None or not Path(app.outdir, FOLDER, found.name).exists():
        return None
    return f"{FOLDER}/{found.name}", found.says


def draw(app: Sphinx, env: Any) -> None:
    """Draws what is not there yet; of a build of some pages theirs alone."""
    if app.builder.format != "html":
        return
    folder = Path(app.outdir, FOLDER)
    pages = app.config.first_pages or env.found_docs
    found = filter(None, (first(Path(env.doc2path(page))) for page in pages))
    missing = list({one.name: one for one in found if not (folder / one.name).exists()}.values())
    if not missing:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(NoChromium), browser() as chromium:
        screen = chromium.new_page(viewport={"width": WIDTH, "height": AT_ONCE * HEIGHT})
        for start in range(0, len(missing), AT_ONCE):
            some = missing[start : start + AT_ONCE]
            screen.set_content(PAGE_OF.format("".join(one.html() for one in some)))
            seen = Image.open(io.BytesIO(screen.screenshot())).convert("RGB")
            for i, one in enumerate(some):
                own = seen.crop((0, i * HEIGHT, WIDTH, (i + 1) * HEIGHT))
                own.quantize(COLOURS, Image.Quantize.FASTOCTREE).save(folder / one.name)


def connect(app: Sphinx) -> None:
    app.connect("env-updated", draw)
