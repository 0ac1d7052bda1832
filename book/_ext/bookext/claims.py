"""What papers claim, on a page: `{claims-table}` and `{claims-card}`, both from `trlib.lab.claims`."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from importlib import import_module
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from bookext import quoted
from bookext.tables import Table


@lru_cache(maxsize=1)
def every() -> dict[str, Any]:
    """The cards by their name."""
    return {card.name: card for card in import_module("trlib.lab.claims").cards()}


def depend(env: Any) -> None:
    """Tell Sphinx to read the page again when a record changes that a card stands on."""
    for name in {test.sweep for card in every().values() for claim in card.claims for test in claim.tests}:
        quoted.note(env, name)


class Cards(Table):
    """`{claims-table}`: how the claims of every card came out."""

    kind = "numbers"

    def run(self) -> list[nodes.Node]:
        depend(self.env)
        claims = import_module("trlib.lab.claims")
        words = import_module("trlib.lab.claims.page").VERDICTS
        counts = {card: Counter(told.verdict for told in claims.tell(card, list(every().values())))
                  for card in every().values()}
        shown = [verdict for verdict in words if any(count[verdict] for count in counts.values())]
        rows = [(f"[{card.title}](#{anchor(card.title)})", *(str(count[verdict] or "") for verdict in shown))
                for card, count in counts.items()]
        heads = ("claims of", *(words[verdict].partition(":")[0].removeprefix("mechanism ") for verdict in shown))
        return [self.table(heads, (32, *[17] * len(shown)), rows)]


class Card(SphinxDirective):
    """`{claims-card} NAME`: a card without its heading, which the page has."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        depend(self.env)
        name = self.arguments[0]
        try:
            quoted.known("card", name, every())
        except ValueError as error:
            raise self.error(f"claims-card {name}: {error}") from error
        text = body(import_module("trlib.lab.claims").markdown(every()[name]))
        box = nodes.container(classes=["claims"])
        self.state.nested_parse(StringList(text.splitlines(), name), 0, box)
        return [box]


def body(markdown: str) -> str:
    """A card's Markdown without its first line, the heading."""
    heading, _, rest = markdown.partition("\n")
    if not heading.startswith("## "):
        raise ValueError(f"markdown: expected a heading in the first line, got {heading!r}")
    return rest.strip()


def anchor(title: str) -> str:
    """What a heading is called in a link."""
    return "".join(letter for letter in title.lower().replace(" ", "-") if letter.isalnum() or letter in "-_")


def connect(app: Sphinx) -> None:
    app.add_directive("claims-table", Cards)
    app.add_directive("claims-card", Card)
