"""The pictures that links to chapters show, title beside first figure:
`python -m tools.draw.share_chapters`.

Drawn in Chromium from the built book, into `book/_static/figures/share/`. A chapter whose page
draws nothing keeps the book's picture (`tools.draw.share`), and a folded figure, which answers a
bet, comes last. They are drawn again only when somebody asks for it; no test compares them.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Tag
from PIL import Image

from tools.browser import NoChromium, browser, settle
from tools.paths import BUILD, ROOT, chapters, config
from tools.pdf.pages import NotPrintable, check

TARGET = ROOT / "book/_static/figures/share"
SIZE = {"width": 1200, "height": 630}
COLOURS = 48
CARD = """<!doctype html><html lang="en" data-theme="light" data-mode="light"><meta charset="utf-8"><style>
{style}
body {{ margin: 0; width: 1200px; height: 630px; display: grid; grid-template-columns: 470px 620px; gap: 30px;
  align-items: center; padding: 0 40px; box-sizing: border-box; background: #fff; color: #1b2530; overflow: hidden; }}
.book {{ font: 500 19px/1.3 var(--book-sans); color: #0b6b64; margin: 0 0 26px; }}
h1 {{ font: 650 50px/1.12 var(--book-sans); letter-spacing: -.02em; margin: 0 0 20px; text-wrap: balance; }}
.ask {{ font: 400 27px/1.38 var(--book-serif); color: #566270; margin: 0; }}
svg text {{ font-family: var(--book-sans) !important; }}
svg {{ width: 620px; height: auto; max-height: 540px; display: block; }}
</style><div><p class="book">{book}</p><h1>{title}</h1><p class="ask">{ask}</p></div><div>{figure}</div></html>"""
FONTS = """@font-face { font-family: "Source Serif"; src: url("%(serif)s"); font-weight: 200 900; }
@font-face { font-family: Inter; src: url("%(sans)s"); font-weight: 100 900; }
html { --book-serif: "Source Serif", serif; --book-sans: Inter, sans-serif; }"""


def card(page: str, book: str, style: str) -> str | None:
    """The card of a built page as HTML; None where the page has no drawing."""
    article = BeautifulSoup(page, "html.parser").find("article")
    if not isinstance(article, Tag):
        return None
    drawings = [
        svg for svg in article.select("figure svg") if svg.find_parent(class_="on-phone") is None
    ]
    drawing = next((svg for svg in drawings if svg.find_parent("details") is None), None)
    drawing = drawing or next(iter(drawings), None)  # folded, where nothing stands in the open
    heading, question = article.find("h1"), article.find("h2")
    if drawing is None or heading is None:
        return None
    for sign in article.select(".headerlink"):
        sign.decompose()
    words = [" ".join(tag.get_text().split()) if tag else "" for tag in (heading, question)]
    ask = words[1].removeprefix("The question: ") if words[1].endswith("?") else ""
    ask = ask[:1].upper() + ask[1:]
    return CARD.format(
        style=style, book=escape(book), title=escape(words[0]), ask=escape(ask), figure=drawing
    )


def shoot(chromium: Any, html: Path, target: Path) -> None:
    """Writes the picture of a card."""
    page = chromium.new_page(viewport=SIZE)
    page.goto(html.as_uri())
    settle(page)
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(
            target, optimize=True
        )
    page.close()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Draw the pictures that links to chapters show.")
    parser.add_argument("--folder", type=Path, default=BUILD / "html", help="the built book")
    parser.add_argument("--only", metavar="CHAPTER", nargs="+", help="05_grpo")
    options = parser.parse_args(arguments)
    fonts = ROOT / "book/_static/fonts"
    style = FONTS % {
        "serif": (fonts / "source-serif-4-latin-wght-normal.woff2").as_uri(),
        "sans": (fonts / "inter-latin-wght-normal.woff2").as_uri(),
    }
    TARGET.mkdir(parents=True, exist_ok=True)
    source = BUILD / "card.html"
    source.parent.mkdir(exist_ok=True)
    names = options.only or [path.stem for path in chapters()]
    try:
        check(options.folder, [f"notebooks/{name}" for name in names])
        with browser() as chromium:
            for name in names:
                page = (options.folder / "notebooks" / f"{name}.html").read_text(encoding="utf-8")
                html = card(page, config()["title"], style)
                if html is not None:
                    source.write_text(html, encoding="utf-8")
                    shoot(chromium, source, TARGET / f"{name}.png")
                    print(
                        f"share: {name} ({(TARGET / f'{name}.png').stat().st_size / 1000:.0f} kB)",
                        flush=True,
                    )
    except (NotPrintable, NoChromium, OSError) as error:
        print(f"share: {error}", file=sys.stderr)
        return 1
    finally:
        source.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
