"""The pages that a reader sees first, built by themselves: of all others only the titles are read.

`first_pages` names them; without it every page is read whole. The glossary is read too: its
meanings stand on pages.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from sphinx.application import Sphinx

from book.build.ext.terms import GLOSSARY


def shorten(app: Sphinx, docname: str, source: list[str]) -> None:
    """Leaves the title of a page that is not among the first."""
    first = app.config.first_pages
    if first and docname not in {*first, GLOSSARY}:
        notebook = Path(app.env.doc2path(docname)).suffix == ".ipynb"
        source[0] = _titled(source[0]) if notebook else _title(source[0])


def _titled(text: str) -> str:
    notebook = nbformat.reads(text, as_version=4)
    notebook["cells"] = notebook["cells"][:1]
    notebook["cells"][0]["source"] = _title(notebook["cells"][0]["source"])
    return nbformat.writes(notebook)


def _title(text: str) -> str:
    """The first heading, as a page of its own."""
    heading = next((line for line in text.splitlines() if line.startswith("# ")), "# …")
    return f"{heading}\n"


def connect(app: Sphinx) -> None:
    app.add_config_value("first_pages", [], "env")
    app.connect("source-read", shorten)
