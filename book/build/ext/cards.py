"""Methods' pages with what is computed on them (`book.build.cards.made`)."""

from __future__ import annotations

from sphinx.application import Sphinx

from book.build.cards import CARDS, made

PREFIX = "book/methods/"
TABLES = (f"{PREFIX}index", "book/own")


def prepare(app: Sphinx, env: object, docnames: list[str]) -> None:
    """Before pages are read on every core."""
    first = app.config.first_pages
    if any(
        (_is_card(page) or page in TABLES) and (not first or page in first) for page in docnames
    ):
        made.prepare()


def fill(app: Sphinx, docname: str, source: list[str]) -> None:
    """Puts the blocks of a method's page in their places, and curves into the tables of methods; a page of
    which only the title is read keeps its source."""
    first = app.config.first_pages
    if first and docname not in first:
        return
    if _is_card(docname):
        source[0] = made.filled(docname.removeprefix(PREFIX))
    elif docname in TABLES:
        source[0] = made.with_curves(source[0])


def _is_card(page: str) -> bool:
    return page.startswith(PREFIX) and page.removeprefix(PREFIX) in CARDS


def connect(app: Sphinx) -> None:
    app.connect("env-before-read-docs", prepare)
    app.connect("source-read", fill, priority=90)  # before the numbers' comments are taken off
