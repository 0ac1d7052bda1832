"""Methods' pages with what is computed on them (`book.build.cards.made`), and what stands at the old address of
a card that is a section now."""

from __future__ import annotations

import html
from pathlib import Path

from sphinx.application import Sphinx

from book.build.cards import CARDS, PREFIX, made

PAGES = {f"{PREFIX}{card.page}" for card in CARDS.values()}
TABLES = {f"{PREFIX}index", "book/own"}
LED_ON = (
    '<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>\n'
    '<meta name="robots" content="noindex"><meta http-equiv="refresh" content="0; url={to}">\n'
    '<p><a href="{to}">{title}</a></p></html>\n'
)


def prepare(app: Sphinx, env: object, docnames: list[str]) -> None:
    """Before pages are read on every core."""
    if (PAGES | TABLES) & {*docnames} & {*(app.config.first_pages or docnames)}:
        made.prepare()


def fill(app: Sphinx, docname: str, source: list[str]) -> None:
    """Puts the blocks of a method's page in their places, and curves into the tables of methods; a page of
    which only the title is read keeps its source."""
    first = app.config.first_pages
    if first and docname not in first:
        return
    if docname in PAGES:
        source[0] = made.filled(docname.removeprefix(PREFIX), source[0])
    elif docname in TABLES:
        source[0] = made.with_curves(source[0])


def lead_on(app: Sphinx, error: Exception | None) -> None:
    """Lets the old address of a section's card lead to the section."""
    if error is not None or app.builder.format != "html":
        return
    for card in CARDS.values():
        _, _, section = card.link.partition("#")
        slugs = app.env.metadata.get(f"{PREFIX}{card.page}", {}).get("myst_slugs", {})
        if section in slugs:
            page = LED_ON.format(
                title=html.escape(card.title), to=f"{card.page}.html#{slugs[section][1]}"
            )
            Path(app.outdir, PREFIX, f"{card.name}.html").write_text(page, encoding="utf-8")


def connect(app: Sphinx) -> None:
    app.connect("env-before-read-docs", prepare)
    app.connect("source-read", fill, priority=90)  # before the numbers' comments are taken off
    app.connect("build-finished", lead_on, priority=800)  # before the pages are sealed
