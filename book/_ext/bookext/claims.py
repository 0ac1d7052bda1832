"""What papers claim, on a page: `{claims-table}` and `{claims-card}`, both from `trlab.claims`."""

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

FAMILY = {"gspo": "grpo", "cispo": "grpo", "sapo": "grpo", "dr_grpo": "grpo", "dapo": "grpo"}
"""Methods whose claims stand on another's card."""


@lru_cache(maxsize=1)
def every() -> dict[str, Any]:
    """The cards by their name."""
    return {card.name: card for card in import_module("trlab.claims").cards()}


def depend(env: Any) -> None:
    """Tell Sphinx to read the page again when a record changes that a card stands on."""
    for name in {test.sweep for card in every().values() for claim in card.claims for test in claim.tests}:
        quoted.note(env, name)


class Cards(Table):
    """`{claims-table}`: how the claims of every card came out."""

    kind = "numbers"

    def run(self) -> list[nodes.Node]:
        depend(self.env)
        rows = [
            (f"[{title}](#{anchor(title)})", summed(count)) for title, count in counted(list(every().values())).items()
        ]
        return [self.table(("claims of", "what came"), (32, 68), rows)]


def counted(cards: list[Any]) -> dict[str, Counter[str]]:
    """How many claims of each card came out which way, by its title."""
    tell = import_module("trlab.claims").tell
    return {card.title: Counter(told.verdict for told in tell(card, cards)) for card in cards}


def summed(count: Counter[str]) -> str:
    """The verdicts of a card in a line."""
    words = import_module("trlab.claims.page").VERDICTS
    short = {verdict: text.partition(":")[0].removeprefix("mechanism ") for verdict, text in words.items()}
    return ", ".join(f"{count[verdict]} {text}" for verdict, text in short.items() if count[verdict])


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
        text = body(import_module("trlab.claims").markdown(every()[name]))
        box = nodes.container(classes=["claims"])
        self.state.nested_parse(StringList(text.splitlines(), name), 0, box)
        return [box]


def of_method(name: str) -> Any:
    """The card on which a method's claims stand, its own or its family's; None: nothing is claimed."""
    return every().get(FAMILY.get(name, name))


def card_of(module: str) -> str:
    """A link from a method's page to its card, in a paragraph; empty where it has none."""
    card = of_method(module.rpartition(".")[2]) if module.startswith("trlib.algorithms.") else None
    return f"What is claimed of it, and what came: [claims](../../claims.md#{anchor(card.title)}).\n\n" if card else ""


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
