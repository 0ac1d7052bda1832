"""What answers a prediction stays closed until it is asked for, also after *Run All*.

    reveal(fig)
    reveal(table, "and a sentence")

A cell's tags close its output on a page, and its metadata before it is run; Jupyter opens whatever
it runs. So the output carries its own fold. A page of the built book, which folds the whole cell,
takes the fold away (`book.build.ext.pages`), and so does whoever prints.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

_FOLDED = re.compile(
    r'<details class="trlib-answer"><summary>[^<]*</summary>(.*?)</details><!--/trlib-answer-->',
    re.DOTALL,
)


def fold(shown: str, summary: str = "The result") -> str:
    """HTML or Markdown in a fold that is closed."""
    return (
        f'<details class="trlib-answer"><summary>{summary}</summary>{shown}'
        "</details><!--/trlib-answer-->"
    )


class Answer:
    """Anything that a notebook shows, in a fold that is closed."""

    def __init__(self, *shown: Any) -> None:
        self.shown = shown

    def __repr__(self) -> str:
        return "\n".join(one if isinstance(one, str) else repr(one) for one in self.shown)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        parts = [_html(one) for one in self.shown]
        html = "\n".join(text for _, text in parts)
        plain = {"text/plain": repr(self)}
        if any(kind == "text/markdown" for kind, _ in parts):
            return {**plain, "text/markdown": fold(f"\n\n{html}\n\n")}
        return {**plain, "text/html": fold(html)}


def reveal(*shown: Any) -> Answer:
    """What a cell shows, one below the other, in a fold that stays closed.

    Args:
        shown: figures of matplotlib, tables, sentences: whatever a notebook can show. A text is
            shown as it is printed.
    """
    from trbook.figures import taken

    return Answer(*map(taken, shown))


def unfolded(html: str) -> str:
    """A page without the folds, where it closes the cells themselves."""
    return _FOLDED.sub(lambda match: match[1], html)


def _html(one: Any) -> tuple[str, str]:
    """How a notebook shows one thing, as HTML or Markdown."""
    if isinstance(one, str) and not hasattr(one, "_repr_markdown_"):
        return "text/html", f"<pre>{escape(one)}</pre>"
    from IPython.core.formatters import DisplayFormatter

    data, _ = DisplayFormatter().format(one)
    for kind in ("text/html", "image/svg+xml", "text/markdown"):
        if kind in data:
            return kind, data[kind]
    return "text/html", f"<pre>{escape(data['text/plain'])}</pre>"
