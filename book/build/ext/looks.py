"""The table of all methods names each in the look that figures draw it in: the colour of
`looks.json`, and below the word the line of a figure, full, dashed or dotted, for whoever sees no
colours."""

from __future__ import annotations

from collections.abc import Iterable

from docutils import nodes
from sphinx.application import Sphinx

from trlab.drawing.looks import LOOKS, TABLE

LIST = "book/methods/index"
"""The page whose table has a method a row."""


def style(keys: Iterable[str]) -> str:
    """The looks as CSS."""
    lines = []
    for key in keys:
        hue, dash, _ = LOOKS[key]
        light, dark = TABLE["hues"][hue]
        kind = "dotted" if dash.startswith(("2 ", "3 ")) else "dashed" if dash else "solid"
        lines.append(f".look-{key}{{color:{light};border-bottom:2px {kind}}}")
        lines.append(f"@media screen{{html[data-theme=dark] .look-{key}{{color:{dark}}}}}")
    return "".join(lines)


def named(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Gives the names in the table their looks."""
    if docname != LIST:
        return
    keys = []
    for entry in doctree.findall(nodes.entry):
        for link in entry.findall(nodes.reference):
            key = link.get("refuri", "").removesuffix(".html")
            if key in LOOKS:
                link["classes"].append(f"look-{key}")
                keys.append(key)
    doctree[0] += nodes.raw("", f"<style>{style(dict.fromkeys(keys))}</style>", format="html")


def connect(app: Sphinx) -> None:
    app.connect("doctree-resolved", named)
