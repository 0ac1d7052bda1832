"""For the page of all methods `{methods-comparison}` and `{methods-picture}`; and which card comes
before and after a card.

`trbook.cards` says what a card is, and `book.build.cards` writes the pages.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx

import trbook.cards
from book.build.ext import quoted
from book.build.ext.generated_tables import Table
from trbook.cards import doors, elsewhere, taxonomy, text
from trbook.cards.read import COSTS
from trbook.cards.thumbnail import thumbnail

FOLDER = "book/methods"
INDEX = "index.md"
LADDER = "book/ladder"


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
    app.add_directive("methods-comparison", Comparison)
    app.add_directive("methods-picture", Picture)
    app.connect("html-page-context", neighbours)
