"""What the first page shows: `{wall}`, what a model writes while it learns; `{storyteller}`, a model
that pleases a reward model. `{basin}` and `{playground}` are explorables for pages that are not notebooks.

A link in the text to a state of a figure on the same page, `#simplex:delta=0.1`, moves the figure where it stands
(`book.js`); where no JavaScript runs it leads to the figure. `press=` names a button or a choice of the figure. Such words
stand in a box, and behind the first of a page it says what they do."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from trbook.explorables import Basin, Playground, Storyteller, Wall
from trbook.explorables.files import BUILT

SHOWN = {
    "storyteller": Storyteller,
    "basin": Basin,
    "wall": Wall,
}
"""By the directive's name."""
TO_STATE = re.compile(r"""href=["']\#(\w+):([^"']+)["']""")
"""A link to a state of a figure on its own page."""
MOVES = re.compile(r"<a [^>]*data-state=.*?</a>", re.DOTALL)
HINT = ' <span class="moves">(words in a box move the figure)</span>'


def moving(body: str) -> str:
    """A page's HTML whose links to a state lead to its figure, and keep the state for `book.js`."""
    for name in dict.fromkeys(name for name, _ in TO_STATE.findall(body)):
        figure = f'data-explorable="{name}">'  # which no opener is
        body = body.replace(figure, f'id="figure-{name}" {figure}', 1)
    body = TO_STATE.sub(r'href="#figure-\1" data-state="\2"', body)
    return MOVES.sub(lambda first: first[0] + HINT, body, count=1)


class Shown(SphinxDirective):
    """An explorable, as a notebook would show it, or the opener that is named."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        opener = {"opener": self.arguments[0]} if self.arguments else {}
        explorable = SHOWN[self.name](**opener)
        data = BUILT / f"{explorable.module}.data.json"
        if data.exists():
            self.env.note_dependency(str(data))
        return [nodes.raw("", explorable.html(), format="html")]


class Learning(SphinxDirective):
    """The playground, with the preset that is named, as wide as the window lets it be."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        playground = Playground(preset="".join(self.arguments), bench=True)
        return [nodes.raw("", f'<div class="wide-figure">{playground.html()}</div>', format="html")]


def connect(app: Sphinx) -> None:
    for name in SHOWN:
        app.add_directive(name, Shown)
    app.add_directive("playground", Learning)
