"""Tables that are read off the package, so that a page cannot say anything other than the code
does."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective


class Table(SphinxDirective):
    """A table whose cells are markup of the page's own kind."""

    headings: tuple[str, ...] = ()
    widths: tuple[int, ...] = ()
    kind = "read-off"
    """The table's class: cells of "read-off" stand below each other on a phone."""

    def rows(self) -> list[tuple[str, ...]]:
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        return [self.table(self.headings, self.widths, self.rows())]

    def table(
        self, headings: Sequence[str], widths: Sequence[int], rows: Iterable[Sequence[str]]
    ) -> nodes.table:
        """A table of markup, one width per column."""
        table = nodes.table(classes=[self.kind, "colwidths-given"])
        group = nodes.tgroup(cols=len(headings))
        table += group
        for width in widths:
            group += nodes.colspec(colwidth=width)
        head, body = nodes.thead(), nodes.tbody()
        group += [head, body]
        head += self._row(headings)
        for cells in rows:
            body += self._row(cells)
        return table

    def _row(self, cells: Sequence[str]) -> nodes.row:
        row = nodes.row()
        for text in cells:
            entry = nodes.entry()
            self.state.nested_parse(StringList(text.splitlines() or [""], "read-off"), 0, entry)
            row += entry
        return row


def summary(kind: object) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(kind) or "").split("\n\n", 1)[0].split())


def escape(text: str) -> str:
    """Plain text as MyST Markdown that says the same."""
    return re.sub(r"([*_|<>$\[\]\\])", r"\\\1", text)
