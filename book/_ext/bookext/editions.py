"""`{editions}`: the place where `tools.release.editions` links to what was made of the book.

The build itself knows of no PDF and no EPUB, so the place is empty and hidden until somebody
publishes them.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

EMPTY = '<div class="editions" hidden></div>'


class Editions(SphinxDirective):
    """An empty place for links."""

    def run(self) -> list[nodes.Node]:
        return [nodes.raw("", EMPTY, format="html")]


def connect(app: Sphinx) -> None:
    app.add_directive("editions", Editions)
