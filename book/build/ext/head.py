"""What others see of a page: its description, its picture and its address, for search engines and
shared links.

A page's description is `description:` in the comment at its head, or its first sentences. Beside the pages
it writes `404.html`, which a static host shows for an address that does not exist, and, if the book has
an address, `sitemap.xml` and `robots.txt`.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.logging import getLogger

from book.build.ext import previews, questions
from book.build.ext.previews import described, sentences

FRONT = "book/index"
"""Its preview is that of a page without a figure."""
PICTURE = "_static/figures/wall.png"
"""What stands for previews in a build without Chromium."""
PICTURE_SAYS = (
    "Three walls of 64 answers each, of three copies of one model that learn to add: green is right. "
    "Which of them is the greenest ten batches later?"
)
BOOK_SAYS = (
    "A book that runs: trust regions for language models, from TRPO and PPO to GRPO, GSPO, DPPO, "
    "QUATRO and TROLL. Each method in a few lines that train a small language model in seconds."
)
logger = getLogger(__name__)
MISSING = Path(__file__).with_name("missing.html")


def tags(
    title: str, description: str, page: str, picture: str, book: str, says: str = PICTURE_SAYS
) -> str:
    """The head's lines.

    Args:
        title: the page's.
        description: see `described`.
        page: the page's own address, empty as long as there is none.
        picture: the address of the picture that a shared link shows.
        book: the book's title.
        says: what the picture shows.
    """
    lines = [f'<meta name="description" content="{html.escape(description)}">']
    properties = {
        "og:type": "article",
        "og:site_name": book if book != title else "",
        "og:title": title,
        "og:description": description,
        "og:url": page,
        "og:image": picture,
        "og:image:width": str(previews.WIDTH),
        "og:image:height": str(previews.HEIGHT),
        "og:image:alt": says,
    }
    lines += [
        f'<meta property="{name}" content="{html.escape(value)}">'
        for name, value in properties.items()
        if value
    ]
    lines.append('<meta name="twitter:card" content="summary_large_image">')
    return "\n".join(lines)


def describe(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Adds the lines to a page's head."""
    front = (context.get("meta") or {}).get("description")
    description = (
        front or (described(sentences(doctree)) if doctree is not None else "") or BOOK_SAYS
    )
    base = app.config.html_baseurl
    title = (
        html.unescape(re.sub(r"<[^>]+>", "", context.get("title") or "")) or app.config.html_title
    )
    if title == app.config.html_title:
        context["docstitle"] = ""  # which stands behind every title
    shown, says = _picture(app, pagename)
    picture = f"{base}{shown}" if base else context["pathto"](shown, 1)
    page = context.get("pageurl") or ""
    lines = tags(title, description, page, picture, app.config.html_title, says)
    context["metatags"] = f"{context.get('metatags', '')}\n{lines}\n"


def sitemap(base: str, pages: list[str]) -> str:
    """The list of all pages for a search engine, by their whole addresses: the format allows no
    others."""
    lines = "\n".join(
        f"  <url><loc>{html.escape(base)}{html.escape(page)}.html</loc></url>" for page in pages
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{lines}\n</urlset>\n'
    )


def finish(app: Sphinx, error: Exception | None) -> None:
    """Writes the pages' list and the page for a wrong address, and describes the folder's own
    first page."""
    if error is not None or app.builder.format != "html":
        return
    folder, base, book = Path(app.outdir), app.config.html_baseurl, app.config.html_title
    pages, robots = folder / "sitemap.xml", folder / "robots.txt"
    if base:
        listed = [name for name in app.env.found_docs if "nosearch" not in app.env.metadata[name]]
        listed += questions.pages(app.env)
        pages.write_text(sitemap(base, sorted(listed)), encoding="utf-8")
        robots.write_text(
            f"User-agent: *\nAllow: /\nSitemap: {base}sitemap.xml\n", encoding="utf-8"
        )
    else:
        for file in (pages, robots):
            file.unlink(missing_ok=True)  # of an earlier build that had an address
        logger.info("no address in _config.yml, so no sitemap.xml, robots.txt or canonical links")
    folder.joinpath("404.html").write_text(MISSING.read_text(encoding="utf-8"), encoding="utf-8")
    # It only leads on to the book's first page, but its address is the one people share.
    first = folder / "index.html"
    if first.exists() and "og:title" not in (text := first.read_text(encoding="utf-8")):
        picture, says = _picture(app, FRONT)
        shown = tags(book, BOOK_SAYS, base, base + picture, book, says)
        head = f"<title>{html.escape(book)}</title>\n{shown}"
        first.write_text(
            f'<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8">\n{head}\n{text}',
            encoding="utf-8",
        )


def _picture(app: Sphinx, page: str) -> tuple[str, str]:
    return previews.of(app, page) or previews.of(app, FRONT) or (PICTURE, PICTURE_SAYS)


def connect(app: Sphinx) -> None:
    app.connect("html-page-context", describe)
    app.connect("build-finished", finish, priority=800)  # before the pages are sealed
