"""`{editions}`: the place where `tools.release.editions` links to the PDF. The build itself knows
of none, so the place is empty and hidden until somebody publishes it."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

EMPTY = '<div class="editions" hidden></div>'


class Editions(SphinxDirective):
    """An empty place for a link."""

    def run(self) -> list[nodes.Node]:
        return [nodes.raw("", EMPTY, format="html")]


def connect(app: Sphinx) -> None:
    app.add_directive("editions", Editions)
