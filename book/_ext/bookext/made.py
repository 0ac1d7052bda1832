"""Pages that can be read without a build: what a directive makes stands in the source as Markdown.

    <!--made claims-table-->
    | claims of | what we found |
    ...
    <!--/made-->

`python -m tools.tables` writes what stands between the comments; the build takes the directive, here
`{claims-table}`, and makes it anew. What stands between `<!--unbuilt-->` and `<!--/unbuilt-->` is for
whoever reads the source, and no built page has it. `<a id="nat"></a>` in a line of its own is where a
link lands in JupyterLab, whose headings have other names than those of GitHub and of the book.
"""

from __future__ import annotations

import re

from sphinx.application import Sphinx

MADE = re.compile(r"^<!--made (\S+?)( .+?)?-->\n.*?^<!--/made-->$", re.MULTILINE | re.DOTALL)
"""A directive's name and argument, and what stands for it."""
UNBUILT = re.compile(r"^<!--unbuilt-->\n.*?^<!--/unbuilt-->\n+", re.MULTILINE | re.DOTALL)

ANCHOR = re.compile(r'^<a id="[\w-]+"></a>\n\n', re.MULTILINE)


def as_directives(app: Sphinx, docname: str, source: list[str]) -> None:
    """A page as it is built."""
    text = MADE.sub(lambda found: f"```{{{found[1]}}}{found[2] or ''}\n```", source[0])
    source[0] = ANCHOR.sub("", UNBUILT.sub("", text))


def connect(app: Sphinx) -> None:
    app.connect("source-read", as_directives, priority=100)  # before what fills a page in
