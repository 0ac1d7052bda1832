"""A few lines of Python on a page, run by the build: `{runs}` shows the code and, below it, what it
printed.

A page's source shows both as well, between two comments:

    <!--runs-->
    ```python
    print(1 + 1)
    ```

    ```text
    2
    ```
    <!--/runs-->

Whoever writes a page may leave out what is printed; `python -m book.build.printed` runs the code and
writes it.
"""

from __future__ import annotations

import contextlib
import io
import re
from typing import ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

RUNS = re.compile(
    r"^<!--runs-->\n```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?<!--/runs-->$",
    re.MULTILINE | re.DOTALL,
)
"""Code, and what it printed."""


def as_directives(app: Sphinx, docname: str, source: list[str]) -> None:
    """A page as it is built."""
    source[0] = RUNS.sub(lambda found: f"```{{runs}}\n{found[1]}```", source[0])


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
    app.connect("source-read", as_directives)
