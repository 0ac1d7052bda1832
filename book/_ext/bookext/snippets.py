"""A few lines of Python on a page, run by the build: `{runs}` shows the code and, below it, what it
printed."""

from __future__ import annotations

import contextlib
import io
from typing import ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


def printed(code: str) -> str:
    """What code prints, in a namespace of its own. An error in it stops the build."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "<page>", "exec"), {"__name__": "__page__"})
    return out.getvalue().rstrip("\n")


class Runs(SphinxDirective):
    """`{runs}`: its content is Python that runs for seconds."""

    has_content: ClassVar[bool] = True

    def run(self) -> list[nodes.Node]:
        code = "\n".join(self.content)
        shown = nodes.literal_block(code, code, language="python")
        output = printed(code)
        return [shown, nodes.literal_block(output, output, language="text", classes=["printed"])]


def connect(app: Sphinx) -> None:
    """Knows the directive."""
    app.add_directive("runs", Runs)
