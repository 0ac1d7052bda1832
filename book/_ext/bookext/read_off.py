"""Tables that are read off the package, so that a page cannot say anything other than the code
does."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import trlib
from trlib.loop.metrics import METRICS


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


class Metrics(Table):
    """Every column of a run's history: its name, unit and definition, from
    `trlib.loop.metrics.METRICS`."""

    headings = ("column", "unit", "definition")
    widths = (18, 18, 64)

    def rows(self) -> list[tuple[str, ...]]:
        return [
            (f"`{name}`", metric.unit or "1", escape(metric.text))
            for name, metric in METRICS.items()
        ]


class Benchmark(Table):
    """A recorded table of `benchmarks/README.md`, by the name of its record, and the line that says
    what made it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        readme = Path(str(trlib.__file__)).parents[1] / "benchmarks" / "README.md"
        self.env.note_dependency(str(readme))
        headings, rows, made = recorded(readme.read_text(encoding="utf-8"), self.arguments[0])
        line = nodes.container(classes=["made"])
        self.state.nested_parse(StringList([made], str(readme)), 0, line)
        return [self.table(headings, [100 // len(headings)] * len(headings), rows), line]


def recorded(text: str, name: str) -> tuple[list[str], list[list[str]], str]:
    """Headings, rows and last line of the block `<!-- name -->` of a page of benchmarks.

    Raises:
        ValueError: there is no such block.
    """
    found = re.search(rf"<!-- {re.escape(name)} -->\n(.*?)<!-- end -->", text, flags=re.S)
    if not found:
        raise ValueError(f"benchmarks/README.md: expected a block {name}")
    lines = [line for line in found[1].splitlines() if line]
    head, _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("|")
    )
    return head, rows, lines[-1]


def summary(kind: object) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(kind) or "").split("\n\n", 1)[0].split())


def escape(text: str) -> str:
    """Plain text as MyST Markdown that says the same."""
    return re.sub(r"([*_|<>$\[\]\\])", r"\\\1", text)


def connect(app: Sphinx) -> None:
    app.add_directive("metrics-table", Metrics)
    app.add_directive("benchmark-table", Benchmark)
