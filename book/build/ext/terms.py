"""Words of the glossary: a link to one carries its meaning, which `book.js` shows on hover and on
focus.

In the source it is an ordinary link, `[nats](glossary.md#nat)`, that works in plain Jupyter too.
The meaning is the first sentence below the word's heading. The first link of a page carries it; it
stands hidden there, where a screen reader finds it.
"""

from __future__ import annotations

import html
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

from docutils import nodes
from markdown_it import MarkdownIt
from myst_parser.mdit_to_docutils.base import default_slugify
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

GLOSSARY = "book/glossary"
LINK = re.compile(r'<a class="reference internal" href="[^"]*\bglossary\.html#([^"]+)"')
HIDDEN = '<p id="meaning-{id}" class="meaning" role="tooltip" hidden>{text}</p>'
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z(])")


def meanings(markdown: str) -> dict[str, str]:
    """The first sentence below each heading of the third level, in plain words, by the heading's
    anchor."""
    by_word: dict[str, str] = {}
    word = None
    tokens = MarkdownIt("commonmark").parse(markdown)
    for opened, inline in pairwise(tokens):
        if opened.type == "heading_open":
            word = default_slugify(_plain(inline)) if opened.tag == "h3" else None
        elif opened.type == "paragraph_open" and word is not None:
            by_word.setdefault(word, SENTENCE.split(_plain(inline))[0])
    return by_word


def _plain(inline: Any) -> str:
    return "".join(
        " " if child.type == "softbreak" else child.content for child in inline.children or ()
    )


def depend(app: Sphinx, doctree: nodes.document) -> None:
    """A page that links to the glossary is read again when a meaning changes."""
    if any("glossary" in str(node.get("reftarget")) for node in doctree.findall(pending_xref)):
        app.env.note_dependency(app.env.doc2path(GLOSSARY))


def explain(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Marks the page's first link to each word of the glossary and puts the meanings beside
    them."""
    if pagename == GLOSSARY or "glossary.html#" not in context.get("body", ""):
        return
    texts = meanings(Path(app.env.doc2path(GLOSSARY)).read_text(encoding="utf-8"))
    by_id = {
        place[1]: texts[name]
        for name, place in app.env.metadata[GLOSSARY]["myst_slugs"].items()
        if name in texts
    }
    used: dict[str, str] = {}

    def mark(match: re.Match[str]) -> str:
        text = by_id.get(match.group(1))
        if text is None or match.group(1) in used:
            return match.group()
        used[match.group(1)] = text
        link = match.group().replace(
            'class="reference internal"', 'class="reference internal term"'
        )
        return f'{link} aria-describedby="meaning-{match.group(1)}"'

    body = LINK.sub(mark, context["body"])
    hidden = [HIDDEN.format(id=name, text=html.escape(text)) for name, text in used.items()]
    context["body"] = "\n".join([body, *hidden])


def connect(app: Sphinx) -> None:
    app.connect("doctree-read", depend)
    app.connect("html-page-context", explain)
