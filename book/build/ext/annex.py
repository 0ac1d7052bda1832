"""The book without its annex: where a copy of the repository lacks `trcheck`, its pages leave the
contents, and of a link to one its words stay."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx_external_toc.api import FileItem

from book.build.paths import ANNEX, ANNEXED

LINK = re.compile(
    r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\((?:\.\./)*(?:book/)?(?:check|trcheck|_static/diagnose)/[^)\s]*\)"
)


def shorten_contents(app: Sphinx, config: Config) -> None:
    """Takes the annex's pages out of the contents."""
    contents: Any = config.external_site_map
    for page in contents.values():
        for tree in page.subtrees:
            tree.items = [
                item
                for item in tree.items
                if not (isinstance(item, FileItem) and item.startswith(ANNEX))
            ]
    for name in [name for name in contents if name.startswith(ANNEX)]:
        del contents[name]


def unlink(app: Sphinx, docname: str, source: list[str]) -> None:
    """Leaves of a link its words."""
    source[0] = LINK.sub(r"\1", source[0])


def connect(app: Sphinx) -> None:
    if not ANNEXED:
        app.connect("config-inited", shorten_contents, priority=900)
        for priority in (10, 91):  # what is written, and what cards are filled with
            app.connect("source-read", unlink, priority=priority)
