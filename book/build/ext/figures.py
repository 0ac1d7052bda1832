"""Figures of a page's source in the built page: a drawing that `trbook.drawing.Drawing.files` saved
stands in the page itself, in its font and colours.

    ![what it shows, in words](_static/recorded/basin-curves.svg)

    *Its caption.*

Those with captions are numbered.
"""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

from trbook.drawing import from_files, is_drawing, layouts_of


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
        caption = alone.next_node(descend=False, siblings=True)
        begin = nodes.raw("", "<figure>", format="html")
        end = nodes.raw("", "</figure>", format="html")
        told: list[nodes.Node] = [begin, nodes.raw("", from_files(path), format="html")]
        if isinstance(caption, nodes.paragraph) and _is_emphasis(caption):
            caption.parent.remove(caption)
            count += 1
            number = nodes.inline("", f"Fig. {count}", classes=["caption-number"])
            words = nodes.paragraph("", "", number, *caption[0].children)
            begin = nodes.raw("", "<figcaption>", format="html")
            told += [begin, words, nodes.raw("", "</figcaption>", format="html")]
        alone.replace_self([*told, end])


def _is_emphasis(paragraph: nodes.paragraph) -> bool:
    return len(paragraph.children) == 1 and isinstance(paragraph[0], nodes.emphasis)


def connect(app: Sphinx) -> None:
    app.connect("doctree-read", draw, priority=100)  # before Sphinx collects images
