"""The book as an EPUB, from the pages that `make html` has built: `python -m tools.epub`, into
`_build/`.

Pages are read as for paper (`tools.pdf.pages`): folds opened, solutions at the end. Formulas are
the page's own MathML and figures its own SVG; of what moves, Chromium takes a picture of the first
state. Whatever a page draws with the book's style sheet alone does not come along: a reader of
EPUBs has a type and a size of its own.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from bs4 import BeautifulSoup, Tag
from PIL import Image

from tools.browser import NoChromium, browser, settle
from tools.paths import BUILD, ROOT, config
from tools.pdf.pages import SOLUTIONS, NotPrintable, Page, Part, Reader, check, parts, slug
from tools.stamp import version
from trbook import explorables
from trbook.address import address

NAME = "trust-region-book.epub"
SAID = {
    kind.module: kind.fallback.removesuffix(" It needs JavaScript.")
    for kind in (getattr(explorables, name) for name in explorables.__all__)
}
"""What an explorable shows, in words."""
NOT_TAKEN = (
    ".katex-html, .drawn-narrow, .still-narrow, .to-page, .editions, metadata, annotation, "
    "template, input, output, select, textarea, label, fieldset, form, colgroup, source, wbr, "
    "style, figure:has(img[src$='.svg'])"
)
"""What needs the book's style sheet, scripts or a click; and the posters, which are for a wall."""
CASED = (
    "viewBox",
    "preserveAspectRatio",
    "clipPath",
    "patternUnits",
    "patternTransform",
    "linearGradient",
)
"""Names in SVG that HTML reads in any case, and XHTML does not."""
OLD = re.compile(
    r"data-.*|aria-describedby|border|v?align|halign|width|height|scope|name|type|for|loading"
)
"""Attributes that XHTML no longer has, or that lead to what is left out; figures keep theirs."""
COLOURS = 48
KINDS = {".png": "image/png", ".jpg": "image/jpeg"}
STYLE = """
body { line-height: 1.45; } h1, h2, h3, h4 { line-height: 1.2; } svg, img { max-width: 100%; height: auto; }
pre { font-size: .75em; white-space: pre-wrap; } code { font-family: monospace; } svg { font-family: sans-serif; }
table { border-collapse: collapse; font-size: .8em; } figure { margin: 1em 0; }
figcaption, .solved { font-size: .85em; }
td, th { padding: .2em .6em .2em 0; text-align: left; vertical-align: top; } .fold-title { font-weight: bold; }
td p, th p { margin: 0; } code { overflow-wrap: anywhere; } .eqno { float: right; }
.doors > *, .doors b { display: block; } .trbook-strip li { display: inline; margin-right: 1em; } .lit { font-weight: bold; }
.fold { border-left: 2px solid #0b6b64; padding-left: .7em; }"""
PAGE = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" lang="en" xml:lang="en">
<head><title>{}</title><link rel="stylesheet" href="book.css"/></head><body>{}</body></html>"""
PACKAGE = """<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id" xml:lang="en">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="id">{ident}</dc:identifier>
<dc:title>{title}</dc:title><dc:language>en</dc:language><dc:creator>{author}</dc:creator>
<dc:rights>Prose under CC BY 4.0, code under the MIT licence.</dc:rights>
<meta property="dcterms:modified">{now:%Y-%m-%dT%H:%M:%SZ}</meta></metadata>
<manifest><item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="css" href="book.css" media-type="text/css"/>{items}</manifest><spine><itemref idref="nav"/>{spine}</spine>
</package>"""
CONTAINER = """<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"""


def xhtml(body: Tag, colours: Mapping[str, str]) -> str:
    """A page's body as XHTML."""
    for unwanted in body.select(NOT_TAKEN):
        unwanted.decompose()
    for path in body.find_all("path", d=False):
        path.decompose()
    for tag in body.find_all(True):
        if tag.name == "svg":
            tag["xmlns"], tag["xmlns:xlink"] = (
                "http://www.w3.org/2000/svg",
                "http://www.w3.org/1999/xlink",
            )
        if tag.name not in ("svg", "math") and tag.find_parent(["svg", "math"]) is None:
            for key in [key for key in tag.attrs if OLD.fullmatch(key)]:
                del tag[key]
    text = re.sub(
        r"var\((--[\w-]+),? *(#\w+)?[^()]*\)",
        lambda found: colours.get(found[1], found[2] or "inherit"),
        str(body),
    )
    for word in CASED:
        text = re.sub(rf"(?<=[\s</]){word.lower()}(?=[=\s>])", word, text)
    return text


def still(page: Page, chromium: Any) -> dict[str, bytes]:
    """Puts pictures in the place of a page's explorables, as they stand before anybody moves them;
    these by name."""
    made: dict[str, bytes] = {}
    for dark in page.body.select(".only-dark"):
        dark.decompose()
    for number, place in enumerate(page.body.select(".trlib-explorable"), start=1):
        name, drawn = f"{slug(page.name)}-{number}.png", place.select_one(".trlib-still")
        said = SAID.get(str(place.get("data-explorable")), "")
        picture = ""
        if drawn is not None and drawn.find("template") is not None:
            made[name] = shot(chromium, str(drawn))
            picture = f'<img src="{name}" alt="{escape(said)}"/>'
        words = "As it stands before anybody moves it." if picture else said
        place.replace_with(
            BeautifulSoup(
                f"<figure>{picture}<figcaption>{escape(words)} It moves in the book on a "
                "screen.</figcaption></figure>",
                "html.parser",
            )
        )
    for image in page.body.find_all("img", src=re.compile(r"^file:.*\.(png|jpg)$")):
        source = Path(unquote(urlparse(str(image["src"])).path))
        image["src"] = source.name
        made[source.name] = source.read_bytes()
    return made


def shot(chromium: Any, html: str) -> bytes:
    """What an explorable prints, as a picture."""
    page = chromium.new_page(
        viewport={"width": 740, "height": 1}, device_scale_factor=1.5, color_scheme="light"
    )
    page.emulate_media(media="print")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "still.html"
        source.write_text(
            f'<!DOCTYPE html><meta charset="utf-8"><body style="margin: 8px">{html}',
            encoding="utf-8",
        )
        page.goto(source.as_uri())
        settle(page)
        with Image.open(io.BytesIO(page.screenshot(full_page=True))) as picture:
            kept = io.BytesIO()
            picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(
                kept, "PNG", optimize=True
            )
    page.close()
    return kept.getvalue()


def make(folder: Path, out: Path, chosen: Sequence[Part] | None = None) -> Path:
    """Writes the EPUB of the built book in `folder`.

    Raises:
        NotPrintable: a page is missing, or a chapter was not executed.
        NoChromium: there is no Chromium.
    """
    chosen = parts() if chosen is None else chosen
    names = {name: title for part in chosen for name, title in part.pages.items()}
    check(folder, list(names))
    reader = Reader(folder, list(names), address(config()))
    css = (ROOT / "book/_static/book.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"(--book-[\w-]+): (#\w+)", css)[::-1]) | {
        "--book-ink": "currentColor"
    }
    files: dict[str, tuple[str, str]] = {}
    pictures: dict[str, bytes] = {}
    solved = []
    with browser() as chromium:
        for name in names:
            page = reader.page(name)
            title = names[name] or page.title
            pictures |= still(page, chromium)
            files[slug(name)] = title, xhtml(page.body, colours)
            if page.solutions:
                cells = "".join(xhtml(cell, colours) for cell in page.solutions)
                solved.append(f"<h2>{escape(title)}</h2>{cells}")
    if solved:
        files["solutions"] = SOLUTIONS, f"<h1>{SOLUTIONS}</h1>{''.join(solved)}"
    out.mkdir(parents=True, exist_ok=True)
    return write(out / NAME, chosen, files, pictures)


def write(
    target: Path,
    chosen: Sequence[Part],
    files: Mapping[str, tuple[str, str]],
    pictures: Mapping[str, bytes],
) -> Path:
    """Zips an EPUB of pages, id to title and XHTML, and pictures."""
    home = {
        ident: name
        for name, (_, text) in files.items()
        for ident in re.findall(r'\sid="([^"]+)"', text)
    }

    def linked(match: re.Match[str]) -> str:
        """A link inside the book, to the file that holds its target; none where the target was left
        out."""
        if match[1] in files:
            return f'href="{match[1]}.xhtml"'
        return f'href="{home[match[1]]}.xhtml#{match[1]}"' if match[1] in home else ""

    pages = {
        name: PAGE.format(escape(title), re.sub(r'(?<=\s)(?<!xlink:)href="#([^"]*)"', linked, text))
        for name, (title, text) in files.items()
    }
    items = "".join(
        f'<item id="{name}" href="{name}.xhtml" media-type="application/xhtml+xml"{_needs(text)}/>'
        for name, text in pages.items()
    ) + "".join(
        f'<item id="p-{n}" href="{n}" media-type="{KINDS[Path(n).suffix]}"/>' for n in pictures
    )
    package = PACKAGE.format(
        ident=f"trust-region-book-{version()}",
        title=escape(config()["title"]),
        author=escape(config()["author"]),
        now=datetime.now(UTC),
        items=items,
        spine="".join(f'<itemref idref="{name}"/>' for name in pages),
    )
    lines = ""
    for part in [*chosen, Part("", {"solutions": ""} if "solutions" in files else {})]:
        inside = "".join(
            f'<li><a href="{slug(name)}.xhtml">{escape(files[slug(name)][0])}</a></li>'
            for name in part.pages
        )
        lines += (
            f"<li><span>{escape(part.title)}</span><ol>{inside}</ol></li>" if part.title else inside
        )
    texts = {
        "META-INF/container.xml": CONTAINER,
        "book.opf": package,
        "book.css": STYLE,
        "nav.xhtml": PAGE.format(
            "Contents", f'<nav epub:type="toc"><h1>Contents</h1><ol>{lines}</ol></nav>'
        ),
        **{f"{name}.xhtml": text for name, text in pages.items()},
    }
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        for name, text in texts.items():
            zipped.writestr(name, text)
        for name, picture in pictures.items():
            zipped.writestr(name, picture)
    return target


def _needs(text: str) -> str:
    """What a page says in the package that it holds."""
    held = [kind for kind, sign in (("mathml", "<math"), ("svg", "<svg")) if sign in text]
    return f' properties="{" ".join(held)}"' if held else ""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make an EPUB of the built book.")
    parser.add_argument("--folder", type=Path, default=BUILD / "html", help="the built book")
    parser.add_argument("--out", type=Path, default=BUILD)
    parser.add_argument("--only", metavar="PAGE", nargs="+", help="these pages: notebooks/05_grpo")
    options = parser.parse_args(arguments)
    chosen = [Part("", dict.fromkeys(options.only, ""))] if options.only else None
    try:
        target = make(options.folder, options.out, chosen)
    except (NotPrintable, NoChromium, OSError, ValueError) as error:
        print(f"epub: {error}", file=sys.stderr)
        return 1
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
