"""Figures and their captions. Below a figure stands, as readers of the source see it too,

    *Its caption.*

On a page of text the figure is a drawing that `trbook.drawing.Drawing.files` saved, which the built
page holds itself, in its font and colours:

    ![what it shows, in words](_static/recorded/basin-curves.svg)

In a notebook it is what a cell draws, and the caption is the whole next cell, whose id is the figure's
address with `-caption` behind it. Where the figure answers a prediction and is folded, so is its caption:

    <details><summary>The figure in words</summary>

    *Its caption.*

    </details>

Figures with captions are numbered.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from trbook.drawing import from_files, is_drawing, layouts_of

CAPTION = re.compile(
    r"(<details><summary>[^<]*</summary>\n\n)?\*(?P<text>[^*\s](?:[^*]*[^*\s])?)\*(?(1)\n\n</details>)"
)


def caption(cell: dict[str, Any]) -> str | None:
    """The caption that a notebook's cell is; None: it is none."""
    match = CAPTION.fullmatch(cell["source"].strip())
    return match["text"] if match and cell["cell_type"] == "markdown" else None


def captioned(notebook: dict[str, Any]) -> None:
    """Hands each caption of a notebook to the cell that draws its figure, where MyST-NB looks for it."""
    cells: list[dict[str, Any]] = []
    for cell in notebook["cells"]:
        text = caption(cell)
        if text and cells and cells[-1]["cell_type"] == "code":
            figure = {"caption": text, "name": cell["id"].removesuffix("-caption")}
            cells[-1]["metadata"].setdefault("mystnb", {})["figure"] = figure
        else:
            cells.append(cell)
    notebook["cells"] = cells


def draw(app: Sphinx, doctree: nodes.document) -> None:
    """Puts drawings in the place of the images that show their files."""
    here, count = Path(app.env.doc2path(app.env.docname)).parent, 0
    for image in list(doctree.findall(nodes.image)):
        path = here / image["uri"]
        if not is_drawing(path):
            continue
        for file in layouts_of(path):
            app.env.note_dependency(str(file))
        alone = image.parent
        below = alone.next_node(descend=False, siblings=True)
        begin = nodes.raw("", "<figure>", format="html")
        end = nodes.raw("", "</figure>", format="html")
        drawn: list[nodes.Node] = [begin, nodes.raw("", from_files(path), format="html")]
        if isinstance(below, nodes.paragraph) and _is_emphasis(below):
            below.parent.remove(below)
            count += 1
            number = nodes.inline("", f"Fig. {count}", classes=["caption-number"])
            words = nodes.paragraph("", "", number, *below[0].children)
            begin = nodes.raw("", "<figcaption>", format="html")
            drawn += [begin, words, nodes.raw("", "</figcaption>", format="html")]
        alone.replace_self([*drawn, end])


def _is_emphasis(paragraph: nodes.paragraph) -> bool:
    return len(paragraph.children) == 1 and isinstance(paragraph[0], nodes.emphasis)


def connect(app: Sphinx) -> None:
    app.connect("doctree-read", draw, priority=100)  # before Sphinx collects images
