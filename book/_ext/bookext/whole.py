"""A number such as 3e-5 stays whole: a browser would break the line at its hyphen."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx

NUMBER = re.compile(r"(\b\d+(?:\.\d+)?e-\d+\b)")
VERBATIM = (nodes.literal, nodes.FixedTextElement, nodes.math, nodes.raw, nodes.title)
"""What is not broken anyway, or is read elsewhere as plain text."""


def keep(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Puts each such number of the prose into an element of class `whole`, which the style sheet does not break."""
    for text in list(doctree.findall(nodes.Text)):
        if not NUMBER.search(text) or isinstance(text.parent, VERBATIM):
            continue
        parts = NUMBER.split(text)
        text.parent.replace(
            text,
            [
                nodes.inline("", part, classes=["whole"]) if place % 2 else nodes.Text(part)
                for place, part in enumerate(parts)
                if part
            ],
        )


def connect(app: Sphinx) -> None:
    app.connect("doctree-resolved", keep, priority=900)
