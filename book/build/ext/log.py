"""The place on the page of questions where a reader pastes a training log: `_static/log.js`, with the
rules of `trlib/log_rules.json` as data beside it, because a page opened from a disk reads no file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

PAGE = "book/questions"
RULES = ("trlib", "log_rules.json")


def place(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Puts the rules and the script on the page."""
    if pagename != PAGE:
        return
    rules = Path(app.srcdir, *RULES).read_text(encoding="utf-8").replace("<", "\\u003c")
    context["body"] += f'<script type="application/json" id="log-rules">{rules}</script>'
    app.add_js_file("log.js", loading_method="defer")


def read(app: Sphinx, docname: str, source: list[str]) -> None:
    """Another rule writes the page again."""
    if docname == PAGE:
        app.env.note_dependency(str(Path(app.srcdir, *RULES)))


def connect(app: Sphinx) -> None:
    app.connect("source-read", read)
    app.connect("html-page-context", place)
