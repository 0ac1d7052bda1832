"""Tables that are read off the package, so that a page cannot say anything other than the code
does."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import trlib
from trbook.explorables.files import CONTEST
from trlab.statistics import interval
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


class Contest(Table):
    """What `tools.pack.contest` keeps: for `ppo` the page's engine beside the recorded runs, for
    `own` the page's own entry beside PPO in the same engine."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(CONTEST))
        kept = json.loads(CONTEST.read_text(encoding="utf-8"))
        headings, row = {
            "ppo": (
                (
                    "end, in the page",
                    "end, recorded",
                    "early reward, in the page",
                    "early reward, recorded",
                ),
                beside_record,
            ),
            "own": (
                ("end", "end, minus PPO's", "early reward", "early reward, minus PPO's"),
                beside_ppo,
            ),
        }[self.arguments[0]]
        rows = [(f"{rate:g}", *map(escape, row(kept, rate))) for rate in kept["rules"]["rates"]]
        return [self.table(("learning rate", *headings), (16, 21, 21, 21, 21), rows)]


CONTESTED = ("end", "take_off")
"""The measures of the contest."""


def beside_record(kept: dict[str, Any], rate: float) -> list[str]:
    """PPO in the page and on record: interquartile means with their intervals, over the seeds of
    either side."""
    record, place, cells = kept["record"]["methods"]["ppo"], kept["record"]["rates"].index(rate), []
    for name in CONTESTED:
        low, high = (side[place] for side in record["bands"][name])
        cells += [
            _middle(_of(kept, "ppo", rate, name)),
            f"{record[name][place]:.3f} [{low:.3f}, {high:.3f}]",
        ]
    return cells


def beside_ppo(kept: dict[str, Any], rate: float) -> list[str]:
    """The page's own entry, and its mean difference to PPO with the same seeds: Student's interval,
    corrected for the number of intervals, as `contest/maths.js` computes it."""
    from scipy.stats import t

    cells = []
    for name in CONTESTED:
        ours, theirs = (_of(kept, side, rate, name) for side in ("own", "ppo"))
        apart, count = (
            [a - b for a, b in zip(ours, theirs, strict=True)],
            len(CONTESTED) * len(kept["rules"]["rates"]),
        )
        half = t.ppf(1 - 0.05 / (2 * count), len(apart) - 1) * stdev(apart) / len(apart) ** 0.5
        low, value, high = (fmean(apart) + side * half for side in (-1, 0, 1))
        cells += [_middle(ours), f"{value:+.3f} [{low:+.3f}, {high:+.3f}]".replace("-", "−")]
    return cells


def _of(kept: dict[str, Any], side: str, rate: float, name: str) -> list[float]:
    runs = [run for run in kept["reference"][side] if run["rate"] == rate]
    return [run[name] for run in sorted(runs, key=lambda run: run["seed"])]


def _middle(values: list[float]) -> str:
    one = interval([values])
    return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"


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
    app.add_directive("contest-table", Contest)
    app.add_directive("benchmark-table", Benchmark)
