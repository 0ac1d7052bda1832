"""What others see of a page: its description, its picture and its address, for search engines and
shared links.

A page's description is `description:` in the comment at its head, or its first sentences. Beside the pages
it writes `404.html`, which a static host shows for an address that does not exist, `sitemap.xml`, if
the book has an address, and `llms.txt`: what the book answers, by address, for a program that reads
for somebody.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.application import Sphinx

from book.build.ext import previews

FRONT = "book/index"
"""Its preview is that of a page without a figure."""
PICTURE = "_static/figures/wall.png"
"""What stands for previews in a build without Chromium."""
PICTURE_SAYS = (
    "Three walls of 64 answers each, of three copies of one model that learn to add: green is right. "
    "One of them has gone out."
)
BOOK_SAYS = (
    "A book that runs: trust regions for language models, from TRPO and PPO to GRPO, GSPO, DPPO, "
    "QUATRO and TROLL. Each method in a few lines that train a small language model in seconds."
)
SHORTEST, LONGEST = 70, 200
"""Characters of a description. A first sentence below the lower bound takes the next one with it,
if both are no longer than the upper."""
FORMULA = "\ufffc"
"""Stands for a formula in a text."""
MISSING = Path(__file__).with_name("missing.html")
QUESTIONS = "book/questions"
"""The page whose sections are questions, with the answer as their first bold sentence."""


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


def answers(doctree: nodes.document) -> list[tuple[str, str, str]]:
    """Anchor, question and answer of each section that answers in a bold sentence."""
    found = []
    for section in doctree.findall(nodes.section):
        title = next(iter(section.findall(nodes.title)))
        bold = next(iter(section.findall(nodes.strong)), None)
        if section.parent is not doctree and bold is not None:
            found.append((section["ids"][0], title.astext(), " ".join(bold.astext().split())))
    return found


def llms(book: str, parts: dict[str, list[tuple[str, str, str]]]) -> str:
    """`llms.txt`: for each part its pages, as address, title and what stands there."""
    lines = [f"# {book}", "", f"> {BOOK_SAYS}"]
    for part, rows in parts.items():
        lines += ["", f"## {part}", ""]
        lines += [f"- [{title}]({to})" + (f": {says}" if says else "") for to, title, says in rows]
    return "\n".join(lines) + "\n"


def _parts(app: Sphinx) -> dict[str, list[tuple[str, str, str]]]:
    """What `llms.txt` lists, from the pages and from what the book knows of its readers."""
    env, base, source = app.env, app.config.html_baseurl, Path(app.srcdir) / "book"
    route = yaml.safe_load((source / "courses.yml").read_text(encoding="utf-8"))["route"]
    hints = yaml.safe_load((source / "search.yml").read_text(encoding="utf-8"))["questions"]

    def to(page: str) -> str:
        name, _, anchor = page.partition("#")
        return f"{base}{name}.html" + (f"#{anchor}" if anchor else "")

    def said(name: str) -> tuple[str, str, str]:
        says = env.metadata[name].get("description") or described(sentences(env.get_doctree(name)))
        return to(name), env.titles[name].astext(), says

    parts = {
        "The short route": [said(stop["page"]) for stop in route if stop["page"] in env.titles],
        "Questions, with their answers": [
            (to(f"{QUESTIONS}#{anchor}"), title, answer)
            for anchor, title, answer in (
                answers(env.get_doctree(QUESTIONS)) if QUESTIONS in env.titles else []
            )
        ],
        "What readers ask for": [
            (to(hint["page"]), hint["ask"], "")
            for hint in hints
            if hint["page"].partition("#")[0] in env.titles
            and not hint["page"].startswith(f"{QUESTIONS}#")
        ],
    }
    return {part: rows for part, rows in parts.items() if rows}


def finish(app: Sphinx, error: Exception | None) -> None:
    """Writes the pages' lists and the page for a wrong address, and describes the folder's own
    first page."""
    if error is not None or app.builder.format != "html":
        return
    folder, base, book = Path(app.outdir), app.config.html_baseurl, app.config.html_title
    pages = folder / "sitemap.xml"
    if base:
        listed = [name for name in app.env.found_docs if "nosearch" not in app.env.metadata[name]]
        pages.write_text(sitemap(base, sorted(listed)), encoding="utf-8")
    else:
        pages.unlink(missing_ok=True)  # of an earlier build that had an address
    folder.joinpath("llms.txt").write_text(llms(book, _parts(app)), encoding="utf-8")
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


def connect(app: Sphinx) -> None:
    app.connect("html-page-context", describe)
    app.connect("build-finished", finish, priority=800)  # before the pages are sealed
