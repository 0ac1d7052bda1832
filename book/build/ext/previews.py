"""A page's preview, which a shared link shows: a card with the page's title, its question and its first
figure, as its source has it, whole, made before pages are written. A page of the main menu has a card
without a figure, too. Any other page without a figure has the book's card, and in a build without
Chromium all pages have the book's picture.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.util import logging

from book.build.browser import NoChromium, browser, settle
from book.build.ext.explorables import SHOWN
from book.build.ext.pages import FONTS
from book.build.paths import ROOT
from trbook.explorables import Playground
from trbook.explorables.files import PAGE

logger = logging.getLogger(__name__)
FOLDER = "_static/previews"
WIDTH, HEIGHT = 1200, 630
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
SHORTEST, LONGEST = 70, 200
"""Characters of a description. A first sentence below the lower bound takes the next one with it,
if both are no longer than the upper."""
ASKED = 260
"""Characters of a question on a card, at most."""
FORMULA = "\ufffc"
"""Stands for a formula in a text."""
STYLE = """
@font-face {{ font-family: Inter; src: url(data:font/woff2;base64,{inter}); font-weight: 400 700 }}
@font-face {{ font-family: Text; src: url(data:font/woff2;base64,{serif}); font-weight: 400 700 }}
body {{ margin: 0; background: #fff; color: #1b1f24 }}
.card {{ box-sizing: border-box; width: 1200px; height: 630px; padding: 44px; display: grid; gap: 44px;
  grid-template-columns: 1fr; align-items: center; border-top: 12px solid #1d6b5e; overflow: hidden }}
.card:has(.figure) {{ grid-template-columns: 410px 1fr }}
h1 {{ font: 700 46px/1.1 Inter; letter-spacing: -.02em; margin: 0 0 18px }}
.words p {{ font: 400 27px/1.35 Text; color: #47505a; margin: 0 }}
.card:not(:has(.figure)) h1 {{ font-size: 72px }}
.card:not(:has(.figure)) .words p {{ font-size: 36px }}
small {{ font: 500 17px Inter; color: #1d6b5e; display: block; margin-bottom: 20px }}
.figure {{ width: 658px; height: 530px; display: grid; place-items: center; overflow: hidden }}
.figure img {{ width: 100%; height: 530px; object-fit: contain }}
.figure > div {{ width: 760px }}"""
CARD = (
    "<style>{style}</style><div class=card><div class=words><small>Trust Regions for Language Models"
    "</small><h1>{title}</h1><p>{asks}</p></div>{figure}</div>"
)
FIT = """() => {
    const still = document.querySelector(".figure > div");
    if (still) still.style.zoom = Math.min(658 / still.offsetWidth, 530 / still.offsetHeight);
    const words = document.querySelector(".words"), h1 = words.querySelector("h1"), p = words.querySelector("p");
    for (let size = 46; size > 8 && (words.offsetHeight > 530 || h1.scrollWidth > h1.clientWidth); size -= 2) {
        h1.style.fontSize = `${size}px`;
        p.style.fontSize = `${size * 0.58}px`;
    }
}"""
"""Nothing of a card is cut: what is large becomes smaller."""


@dataclass(frozen=True)
class Figure:
    """A figure's file, a bitmap, a drawing or an explorable's still, and what it shows."""

    file: bytes
    says: str

    @property
    def html(self) -> str:
        if self.file.startswith(b"<style>"):  # it needs no shadow root where nothing else is
            return f"<div>{self.file.decode()}</div>"
        kind = "png" if self.file.startswith(b"\x89PNG") else "svg+xml"
        data = base64.b64encode(self.file).decode()
        return f'<img src="data:image/{kind};base64,{data}">'


@dataclass(frozen=True)
class Card:
    """What a preview shows."""

    title: str
    asks: str
    figure: Figure | None

    @property
    def page(self) -> str:
        """The card as a page that fills it."""
        shown = f"<div class=figure>{self.figure.html}</div>" if self.figure else ""
        given = {"title": html.escape(self.title), "asks": html.escape(self.asks)}
        return CARD.format(style=_style(), figure=shown, **given)

    @property
    def says(self) -> str:
        """The card in words."""
        return f"{self.title}. {self.figure.says if self.figure else self.asks}"

    @property
    def name(self) -> str:
        """Of its file: other cards have other names."""
        return f"{hashlib.blake2b(self.page.encode(), digest_size=8).hexdigest()}.png"


@cache
def _style() -> str:
    folder = ROOT / "book" / "_static" / "fonts"
    serif, inter = (
        base64.b64encode((folder / f"{name}.woff2").read_bytes()).decode() for name in FONTS
    )
    return STYLE.format(serif=serif, inter=inter)


def sentences(doctree: nodes.document) -> list[str]:
    """The sentences of a page's running text, without those that hold a formula."""
    found: list[str] = []
    for paragraph in doctree.findall(nodes.paragraph):
        if _is_aside(paragraph):
            continue
        copy = paragraph.deepcopy()
        for formula in list(copy.findall(lambda node: isinstance(node, nodes.math | nodes.raw))):
            formula.replace_self(nodes.Text(FORMULA))
        text = " ".join(copy.astext().split())
        found += [
            part
            for part in re.split(r"(?<=[.!?:]) (?=[^a-z])", text)
            if part and FORMULA not in part
        ]
        if len(found) > 4:
            break
    return found


def described(found: list[str]) -> str:
    """Whole sentences enough for a description: the first, and the next while the text is short."""
    text = ""
    for sentence in found:
        longer = f"{text} {sentence}".strip()
        if text and (len(text) >= SHORTEST or len(longer) > LONGEST):
            break
        text = longer
    return text.rstrip(":")


def asked(found: list[str]) -> str:
    """The sentences up to a page's last question, if that comes soon; empty: it asks nothing soon."""
    ends = [i for i in range(len(found)) if found[i].endswith("?")]
    texts = (" ".join(found[: i + 1]) for i in reversed(ends))
    return next((text for text in texts if len(text) <= ASKED), "")


def _is_aside(paragraph: nodes.paragraph) -> bool:
    """Whether a paragraph stands in a table, a figure or an output of a cell."""
    node = paragraph.parent
    while node is not None:
        if isinstance(
            node, nodes.table | nodes.figure | nodes.Admonition
        ) or "nb_element" in getattr(node, "attributes", {}):
            return True
        node = node.parent
    return False


def note(app: Sphinx, doctree: nodes.document) -> None:
    """Keeps what a page asks, or says of itself."""
    metadata, found = app.env.metadata[app.env.docname], sentences(doctree)
    metadata["asks"] = asked(found) or metadata.get("description") or described(found)


def find(app: Sphinx, docname: str, source: list[str]) -> None:
    """Keeps which picture comes first in a page's source. What stands in a fold answers a question of the
    page, and a shared link does not give it away."""
    path = Path(app.env.doc2path(docname))
    pictures = (one.groups() for one in FIGURE.finditer(source[0]) if path.suffix == ".md")
    app.env.metadata[docname]["pictured"] = next(
        (one for one in pictures if one[2] or (path.parent / one[1]).exists()), None
    )


@cache
def first(path: Path, pictured: tuple[str, ...] | None) -> Figure | None:
    """The first figure of a page; of a notebook, the first that is stored.

    Args:
        path: the page's source.
        pictured: what `find` kept of it.
    """
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4)["cells"]
        shown = (output for cell in cells for output in cell.get("outputs", []))
        return next((found for found in map(_stored, shown) if found), None)
    if pictured is None:
        return None
    says, file, name, given = pictured
    return (
        _explorable(name, given.strip())
        if name
        else Figure((path.parent / file).read_bytes(), says)
    )


def _explorable(name: str, given: str) -> Figure | None:
    """The still of an explorable that a page shows."""
    opener = {"opener": given} if given else {}
    shown = Playground(preset=given, bench=True) if name == "playground" else SHOWN[name](**opener)
    still = shown.still()
    return Figure(still.encode(), shown.fallback) if still else None


def _stored(output: dict[str, Any]) -> Figure | None:
    data = output.get("data", {})
    says = output.get("metadata", {}).get("image/png", {}).get("alt", STRIP)
    if "image/png" not in data or says.startswith(STRIP):
        return None
    file = base64.b64decode(data["image/png"])
    return Figure(_without_note(file) if "explorable" in data.get(PAGE, {}) else file, says)


def _without_note(png: bytes) -> bytes:
    """An explorable's stored picture without what is said above it."""
    image, out = Image.open(io.BytesIO(png)), io.BytesIO()
    image.crop((0, NOTE, image.width, image.height)).save(out, "PNG")
    return out.getvalue()


def of(app: Sphinx, page: str) -> tuple[str, str] | None:
    """Where a page's preview lies in the book, and what it shows; None: it has none of its own."""
    card = _card(app, app.env, page)
    if card is None or not Path(app.outdir, FOLDER, card.name).exists():
        return None
    return f"{FOLDER}/{card.name}", card.says


def _card(app: Sphinx, env: Any, page: str) -> Card | None:
    if page not in env.found_docs or page not in env.titles:
        return None
    figure = first(Path(env.doc2path(page)), env.metadata[page].get("pictured"))
    root = app.config.root_doc
    if figure is None and page not in env.toctree_includes.get(root, ()):
        return None
    return Card(env.titles[page].astext(), env.metadata[page].get("asks", ""), figure)


def draw(app: Sphinx, env: Any) -> None:
    """Draws what is not there yet; of a build of some pages theirs alone."""
    if app.builder.format != "html":
        return
    folder = Path(app.outdir, FOLDER)
    pages = app.config.first_pages or env.found_docs
    cards = filter(None, (_card(app, env, page) for page in sorted(pages)))
    missing = {one.name: one for one in cards if not (folder / one.name).exists()}
    if not missing:
        return
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with browser() as chromium:
            screen = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            for name, one in missing.items():
                screen.set_content(one.page)
                screen.evaluate(FIT)
                settle(screen)
                seen = Image.open(io.BytesIO(screen.screenshot())).convert("RGB")
                seen.quantize(COLOURS, Image.Quantize.FASTOCTREE).save(folder / name)
    except NoChromium as error:
        logger.info(
            "previews: a shared link shows the book's picture and not that of its page, and nothing "
            "else is missing (%s)",
            error,
        )


def connect(app: Sphinx) -> None:
    app.connect("source-read", find, priority=95)  # after cards are filled
    app.connect("doctree-read", note, priority=900)
    app.connect("env-updated", draw)
