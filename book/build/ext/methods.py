"""The method cards: a page for each card, `{method-curve}`, `{method-claims}`, and for the page of
all methods `{methods-comparison}` and `{methods-picture}`.

`trbook.cards` says what a card is. An entry `book/methods/NAME` of the table of contents is the
page of `NAME`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import trbook.cards
from book.build.ext import claims, quoted
from book.build.ext.generated_tables import Table, escape
from book.build.ext.modules import entries, table_of_contents, write_pages
from book.build.ext.terms import slug
from trbook.cards import doors, elsewhere, taxonomy, text
from trbook.cards.draw import drawing
from trbook.cards.read import COSTS
from trbook.cards.thumbnail import thumbnail
from trlab.claims.text import VERDICTS

FOLDER = "book/methods"
INDEX = "index.md"
LADDER = "book/ladder"


def cards() -> dict[str, Any]:
    """The cards by their name."""
    return dict(trbook.cards.CARDS)


def write(app: Sphinx, config: Any) -> None:
    """Writes the pages that the table of contents names: of a card that is not among the first its
    title."""
    toc = table_of_contents(Path(app.srcdir))
    chapters = {
        Path(entry["file"]).name: entry.get("title", "")
        for entry in entries(toc)
        if entry["file"].startswith("notebooks/")
    }
    named = [
        Path(entry["file"]).name for entry in entries(toc) if entry["file"].startswith(f"{FOLDER}/")
    ]
    known = cards()
    for name in named:
        if name not in known and f"{name}.md" != INDEX:
            raise ValueError(
                f"_toc.yml, {FOLDER}/{name}: expected a method with a card, got {name}"
            )
    pages = {
        f"{name}.md": text.page(known[name], _chapter(known[name], chapters), _link, _claims(name))
        if not config.first_pages or f"{FOLDER}/{name}" in config.first_pages
        else f"# {known[name].title}\n"
        for name in named
        if name in known
    }
    write_pages(Path(app.srcdir, FOLDER), pages, keep={INDEX})


def _chapter(card: Any, chapters: dict[str, str]) -> str:
    """The link to a card's chapter, or to its page of the gallery; empty: the book does not have
    it."""
    title = chapters.get(card.chapter, "")
    number, dot, _ = title.partition(" · ")
    named = f"chapter {number}" if dot and card.name not in doors.DOORS else title
    return f"[{named}](../../notebooks/{card.chapter}.ipynb)" if title else ""


def _claims(name: str) -> str:
    """The link to what is claimed of a method; empty: it has no card of claims."""
    card = claims.of_method(name)
    return f"[Tests and numbers](../claims.md#{slug(card.title)})" if card else ""


def _link(name: str) -> str:
    """A dotted name, linked to its place in the interface."""
    return f"{{py:obj}}`{name}`"


class Curve(SphinxDirective):
    """`{method-curve} NAME`: the figure of a card."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        card = _named(self)
        box = nodes.container(classes=["method-curve"])
        box += nodes.raw("", drawing(card).html(), format="html")
        return [box]


class Claims(Table):
    """`{method-claims} NAME`: what is claimed for a method, and what we found."""

    required_arguments = 1
    kind = "numbers"

    def run(self) -> list[nodes.Node]:
        card = _named(self)
        told = claims.told_of(card.name, card.arxiv)
        if not told:
            raise self.error(
                f"method-claims: expected a method of which something is claimed, got {card.name}"
            )
        claims.depend(self.env)
        rows = [(escape(one.claim.text), VERDICTS[one.verdict]) for one in told]
        return [self.table(("claim", "verdict here"), (70, 30), rows)]


class Comparison(Table):
    """`{methods-comparison}`: a row for each card and each method without code here.

    `book.js` sorts it by a heading and filters it by a text and by the values that carry the class
    `axis-...`.
    """

    kind = "methods sortable read-off"
    widths = (22, 30, 11, 11, 9, 10, 7)

    def run(self) -> list[nodes.Node]:
        for name in COSTS:
            quoted.note(self.env, name)
        table = self.table(
            text.HEADINGS, self.widths, [[""] * len(self.widths)] * len(taxonomy.PLACES)
        )
        body = next(table.findall(nodes.tbody))
        for row, one in zip(body.children, taxonomy.PLACES, strict=True):
            for entry, cell in zip(row.children, self.cells(one), strict=True):
                entry.children.clear()
                entry += cell
        return [table]

    def cells(self, one: Any) -> list[list[nodes.Node]]:
        """The cells of one method, in the order of `text.HEADINGS`."""
        card = one if isinstance(one, trbook.cards.MethodCard) else None
        name = self.parsed(_place(one, ""))
        picture = thumbnail(card) if card else ""
        under = [card.long] if card and card.long else []
        return [
            [
                *([nodes.raw("", picture, format="html")] if picture else []),
                *name,
                *(_line(words, "quiet") for words in under),
                _line(taxonomy.branch(one), "axis-branch", "quiet"),
            ],
            [
                _line(card.what if card else one.how),
                _line(card.to if card and card.to != "nothing" else "", "quiet"),
                _line(taxonomy.near(one), "axis-near", "filter-only"),
            ],
            [_line(one.action, "axis-action")],
            [_line(one.level, "axis-level")],
            [_line(one.ratio, "axis-ratio")],
            [_line(text.signed(one), "axis-signed")],
            [_line(text.times(card) if card else "", "number")],
        ]

    def parsed(self, markdown: str) -> list[nodes.Node]:
        """A line of Markdown."""
        box = nodes.container()
        self.state.nested_parse(StringList([markdown], "methods"), 0, box)
        return list(box.children)


def _line(words: str, *classes: str) -> nodes.paragraph:
    return (
        nodes.paragraph("", "", nodes.inline(words, words, classes=list(classes)))
        if words
        else nodes.paragraph()
    )


class Picture(Table):
    """`{methods-picture}`: what is done outside a region, and who does it."""

    headings = ("what is done", "by whom, and what is judged as one")
    widths = (30, 70)

    def run(self) -> list[nodes.Node]:
        summary = "<details><summary>The fourteen things that are done, and who does them</summary>"
        table = self.table(self.headings, self.widths, self.rows())
        return [
            nodes.raw("", summary, format="html"),
            table,
            nodes.raw("", "</details>", format="html"),
        ]

    def rows(self) -> list[tuple[str, ...]]:
        return list(taxonomy.picture(lambda one: _place(one, "")))


def _place(one: Any, folder: str = "methods/") -> str:
    """A method's name, linked to its card or to its paper; `folder` leads from the page to the
    cards."""
    if one not in elsewhere.ELSEWHERE:
        return f"[{one.title}]({folder}{one.name}.md)"
    return (
        f"[{one.title}](https://arxiv.org/abs/{one.arxiv})"
        if one.arxiv
        else f"{one.title} ({one.where})"
    )


def _named(directive: SphinxDirective) -> Any:
    known = cards()
    try:
        quoted.known("card", directive.arguments[0], known)
    except ValueError as error:
        raise directive.error(f"{directive.name}: {error}") from error
    return known[directive.arguments[0]]


def neighbours(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Before and after a card of the main line stand the cards that a reader wants: what it
    changes, and what changes it. At both ends stands the ladder."""
    folder, _, name = pagename.rpartition("/")
    if folder != FOLDER or name not in doors.DOORS:
        return
    mine = doors.DOORS[name]
    for way, card in (("prev", mine.before), ("next", mine.after)):
        place = f"{FOLDER}/{card}" if card else LADDER
        if place in app.env.titles:
            title = app.env.titles[place].astext()
            context[way] = {"link": app.builder.get_relative_uri(pagename, place), "title": title}


def connect(app: Sphinx) -> None:
    app.add_directive("method-curve", Curve)
    app.add_directive("method-claims", Claims)
    app.add_directive("methods-comparison", Comparison)
    app.add_directive("methods-picture", Picture)
    app.connect("html-page-context", neighbours)
    app.connect("config-inited", write, priority=100)  # before the table of contents is read
