"""`{editions} pdf` and `{editions} slides`: the place where `tools.editions` links to what was made of the book.

The build itself knows of no PDF and no deck, so the place is empty and hidden until somebody publishes them.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

KINDS = ("pdf", "slides")
EMPTY = '<div class="editions" data-of="{}" hidden></div>'


class Editions(SphinxDirective):
    """An empty place for links."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        kind = self.arguments[0]
        if kind not in KINDS:
            raise self.error(f"editions: expected one of {', '.join(KINDS)}, got {kind}")
        return [nodes.raw("", EMPTY.format(kind), format="html")]


def connect(app: Sphinx) -> None:
    app.add_directive("editions", Editions)
