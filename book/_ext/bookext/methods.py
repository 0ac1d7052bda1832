"""The method cards: a page for each card, `{method-curve}`, `{method-claims}`, `{methods-comparison}`, and the
taxonomy in `{methods-picture}`, `{methods-taxonomy}` and `{methods-elsewhere}`.

`trbook.cards` says what a card is. An entry `book/methods/NAME` of the table of contents is the page of `NAME`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import trbook.cards
from bookext import claims, quoted
from bookext.modules import entries, table_of_contents, write_pages
from bookext.read_off import Table, escape
from trbook.cards import elsewhere, taxonomy, text
from trbook.cards.curve import LENGTHS
from trbook.cards.draw import drawing
from trbook.cards.read import COSTS
from trlab.claims import tell
from trlab.claims.text import VERDICTS

FOLDER = "book/methods"
INDEX = "index.md"
CAPTION = (
    "Solid: a token of a right answer, pushed up. Dashed: one of a wrong answer, pushed down. The method itself "
    "computed it, for groups of eight completions of one token. The curve is 0 where the region silences the "
    "token; where it crosses 0, the method pulls back."
)
EXPERT = (
    "How hard an expert's token is pushed, by the probability that the policy gives it. The method itself computed it."
)


def cards() -> dict[str, Any]:
    """The cards by their name."""
    return dict(trbook.cards.CARDS)


def write(app: Sphinx, config: Any) -> None:
    """Writes the pages that the table of contents names."""
    toc = table_of_contents(app)
    chapters = {
        Path(entry["file"]).name: entry.get("title", "")
        for entry in entries(toc)
        if entry["file"].startswith("notebooks/")
    }
    named = [Path(entry["file"]).name for entry in entries(toc) if entry["file"].startswith(f"{FOLDER}/")]
    known = cards()
    for name in named:
        if name not in known and f"{name}.md" != INDEX:
            raise ValueError(f"_toc.yml, {FOLDER}/{name}: expected a method with a card, got {name}")
    pages = {
        f"{name}.md": text.page(known[name], _chapter(known[name], chapters), _link, _claims(name))
        for name in named
        if name in known
    }
    write_pages(Path(app.srcdir, FOLDER), pages, keep={INDEX})


def _chapter(card: Any, chapters: dict[str, str]) -> str:
    """The link to a card's chapter, or to its page of the gallery; empty: the book has it not."""
    title = chapters.get(card.chapter, "")
    number, dot, _ = title.partition(" · ")
    return f"[{f'chapter {number}' if dot else title}](../../notebooks/{card.chapter}.ipynb)" if title else ""


def _claims(name: str) -> str:
    """The link to what is claimed of a method; empty: it has no card of claims."""
    card = claims.of_method(name)
    return f"[The tests, and their numbers](../claims.md#{claims.anchor(card.title)})" if card else ""


def _link(name: str) -> str:
    """A dotted name, linked to its place in the interface."""
    return f"[`{name}`](../interface/modules/{name.rpartition('.')[0]}.md)"


class Curve(SphinxDirective):
    """`{method-curve} NAME`: the figure of a card, with its caption."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        card = _named(self)
        figure = drawing(card).html()
        words = EXPERT if card.family == "expert" else CAPTION
        if card.name in LENGTHS:
            words = words.replace(
                "completions of one token", f"completions of {LENGTHS[card.name]} tokens, of which one moves"
            )
        box = nodes.container(classes=["method-curve"])
        box += nodes.raw("", figure, format="html")
        box += nodes.paragraph(words, words, classes=["caption"])
        return [box]


class Claims(Table):
    """`{method-claims} NAME`: what is claimed of a method or of its family, and what came."""

    required_arguments = 1
    kind = "numbers"

    def run(self) -> list[nodes.Node]:
        card = claims.of_method(_named(self).name)
        if card is None:
            raise self.error(f"method-claims: expected a method with a claims card, got {self.arguments[0]}")
        claims.depend(self.env)
        rows = [(escape(one.claim.text), VERDICTS[one.verdict]) for one in tell(card)]
        return [self.table(("claim", "verdict here"), (70, 30), rows)]


class Comparison(Table):
    """`{methods-comparison}`: a row for each card; a column is sorted by its heading."""

    headings = text.HEADINGS
    widths = (15, 21, 18, 9, 11, 10, 9, 7)
    kind = "sortable read-off"

    def rows(self) -> list[tuple[str, ...]]:
        for name in COSTS:
            quoted.note(self.env, name)
        rows = {name: text.row(card) for name, card in cards().items() if card.family in trbook.cards.FAMILIES}
        return [(f"[{title}]({name}.md)", *map(escape, rest)) for name, (title, *rest) in rows.items()]


class Taxonomy(Table):
    """`{methods-taxonomy}`: a row for each method, on four axes."""

    headings = taxonomy.AXES
    widths = (28, 14, 18, 24, 16)
    kind = "sortable read-off"

    def rows(self) -> list[tuple[str, ...]]:
        return [(name, *map(escape, rest)) for name, *rest in taxonomy.rows(_place)]


class Picture(Table):
    """`{methods-picture}`: what is done outside a region, and who does it."""

    headings = ("what is done", "by whom, and what is judged as one")
    widths = (30, 70)

    def rows(self) -> list[tuple[str, ...]]:
        return list(taxonomy.picture(_place))


class Elsewhere(Table):
    """`{methods-elsewhere}`: in a line, what has a place and no card."""

    headings = ("method", "in a line")
    widths = (26, 74)

    def rows(self) -> list[tuple[str, ...]]:
        return [(_place(one), escape(one.how)) for one in elsewhere.ELSEWHERE]


def _place(one: Any) -> str:
    """A method's name for a page in `book`: linked to its card, or to its paper."""
    if one not in elsewhere.ELSEWHERE:
        return f"[{one.title}](methods/{one.name}.md)"
    return f"[{one.title}](https://arxiv.org/abs/{one.arxiv})" if one.arxiv else f"{one.title} ({one.where})"


def _named(directive: SphinxDirective) -> Any:
    known = cards()
    try:
        quoted.known("card", directive.arguments[0], known)
    except ValueError as error:
        raise directive.error(f"{directive.name}: {error}") from error
    return known[directive.arguments[0]]


def connect(app: Sphinx) -> None:
    app.add_directive("method-curve", Curve)
    app.add_directive("method-claims", Claims)
    app.add_directive("methods-comparison", Comparison)
    app.add_directive("methods-taxonomy", Taxonomy)
    app.add_directive("methods-picture", Picture)
    app.add_directive("methods-elsewhere", Elsewhere)
    app.connect("config-inited", write, priority=100)  # before the table of contents is read
