"""Tables of what is recorded of a sweep, on a page: `{sweep-table}`, `{sweep-verdicts}`,
`{sweep-record}`, `{sweep-choices}`."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from multiprocessing import get_context
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx

from book.build.ext import quoted, words
from book.build.ext.generated_tables import Table, escape
from book.build.ext.sweeps import SweepDirective, listed
from trlab.comparison import PRINTED
from trlab.drawing.rates import written_rate
from trlab.findings import finished, price
from trlab.kl_cost import Price
from trlab.measures import derive
from trlab.record import all_recorded, read
from trlab.rule import description, rule_of
from trlab.statistics import interval
from trlab.tuning import summary
from trlab.verdict import Finding, why_both
from trlab.verdicts import MEASURED, family, predicted
from trlib.fields import settings as settings_of
from trlib.loop.settings import RunSettings

SHORT = 6
"""Verdicts that a page shows one by one without being asked."""
FOLD = 20
"""Rows of a table that a page shows without being asked."""
COLUMNS = ("sampled", "worst", "greedy", "kl", "nats_per_point", "kept", "cpu_seconds")
"""Of a sweep that varies one thing beside its variants."""
FEWER = ("sampled", "worst", "kl", "nats_per_point")
"""Of one that varies more: a page is only so wide."""
WORST = "worst"
"""The column of the worst run."""
SPREAD = ("sampled", "nats_per_point", "take_off", "batches_to", "distinct")
"""Columns that carry their interval."""
MANY = 40
"""Pages to be read that are worth deciding everything for."""
MORE = {"sampled": 3}
"""Digits of a column that has more of them than a sentence."""


class Rows(SweepDirective, Table):
    """`{sweep-table} NAME`: a row for each variant and point of the axes; a long table is folded.

    Option: `:columns:` measures, each an interquartile mean.
    """

    kind = "numbers"
    option_spec: ClassVar[dict[str, Any]] = {"columns": directives.unchanged_required}

    def shown(self, sweep: Any, runs: Any, history: Any) -> list[nodes.Node]:
        axes = [axis.name for axis in sweep.axes if runs[axis.name].nunique() > 1]
        columns = listed(self.options.get("columns", "")) or [
            *(COLUMNS if len(axes) < 2 else FEWER)
        ]
        if runs["seed"].nunique() > 1:
            columns = with_worst(columns)
        body = rows(runs, history, axes, columns)
        heads = (
            "method",
            *(words.axis(axis).heading for axis in axes),
            *(words.measure(name).heading or words.measure(name).text for name in columns),
        )
        widths = [16, *[12] * len(axes), *(22 if name in SPREAD else 11 for name in columns)]
        return folded(self.table(heads, widths, body), len(body))


def rows(runs: Any, history: Any, axes: Sequence[str], columns: Sequence[str]) -> list[list[str]]:
    """A row for each variant and point of the axes.

    Raises:
        ValueError: a column that the record does not have.
    """
    body = []
    for place, part in runs.groupby(["label", *axes], sort=False):
        good, failed = finished(part), len(part) - len(finished(part))
        row = [f"`{place[0]}`"]
        row += [
            escape(words.axis(axis).point(point))
            for axis, point in zip(axes, place[1:], strict=True)
        ]
        row += [cell(good, history, name) for name in columns]
        if failed:  # said beside the first number, whichever that is
            first = 1 + len(axes)
            row[first] = ", ".join(text for text in (row[first], f"{failed} failed") if text)
        body.append(row)
    return body


def cell(runs: Any, history: Any, name: str) -> str:
    """A measure of some runs: its interquartile mean, with an interval where that is worth its
    width."""
    if not len(runs):
        return ""
    if name == WORST:
        return worst(runs, history)
    if name == "nats_per_point":
        cost = price(runs, history)
        return "not measured" if cost is None else paid(cost)
    values = quoted.measured(runs, history, name)[name].dropna().to_numpy(dtype=float)
    if not len(values):
        return "not reached" if "@" in name else "not measured"
    estimate = interval(values)
    short = f", {len(values)} of {len(runs)}" if len(values) < len(runs) else ""
    if (name in SPREAD or "@" in name) and math.isfinite(estimate.low):  # one run has no interval
        return escape(quoted.written(estimate, name, digits=MORE.get(name)) + short)
    return quoted.number(estimate.value, name) + short


def with_worst(columns: list[str]) -> list[str]:
    """Columns with the worst run beside the accuracy: an interquartile mean does not show what
    collapsed."""
    if "sampled" not in columns or WORST in columns:
        return columns
    after = columns.index("sampled") + 1
    return [*columns[:after], WORST, *columns[after:]]


def worst(runs: Any, history: Any) -> str:
    """The lowest accuracy of some runs, and how many of them collapsed."""
    least = float(runs["sampled"].min())
    lost = derive(runs, history).get("collapsed")
    count = 0 if lost is None else int(lost.sum())
    return f"{least:.2f}" + (f", {count} of {len(runs)} collapsed" if count else "")


def paid(price: Price) -> str:
    """Thousandths of a nat a point."""
    without = f", {price.without:.0f} of {price.runs} gained nothing" if price.without else ""
    return escape(quoted.written(price, "nats_per_point")) + without


def folded(table: nodes.table, rows: int, *, always: bool = False) -> list[nodes.Node]:
    """A table that opens on demand where it is long."""
    if rows <= FOLD and not always:
        return [table]
    opened = nodes.raw("", f"<details><summary>All {rows} rows</summary>", format="html")
    return [opened, table, nodes.raw("", "</details>", format="html")]


class Verdicts(SweepDirective, Table):
    """`{sweep-verdicts} NAME`: what was predicted beside the result. Nothing for a sweep that
    predicts nothing."""

    def shown(self, sweep: Any, runs: Any, history: Any) -> list[nodes.Node]:
        self.env.note_dependency(str(PRINTED))
        return self.table_of(predicted(self.arguments[0]))

    def table_of(self, judged: Sequence[Finding]) -> list[nodes.Node]:
        """The table of some findings, with a line above that counts; without findings, none."""
        if not judged:
            return []
        lines = [_line(finding) for finding in judged]
        table = self.table(("result", "predicted", "measured"), (16, 44, 40), lines)
        asked = [nodes.paragraph("", text) for text in over_how_many(judged)]
        if len(judged) <= SHORT:
            return [table, *asked]
        count = Counter(finding.plain(words.WORDS)[0].partition(",")[0] for finding in judged)
        summary = (
            "Predictions: "
            + ", ".join(f"{number} {verdict}" for verdict, number in count.most_common())
            + "."
        )
        return [
            nodes.paragraph("", summary),
            *(folded(table, len(lines), always=True) if len(lines) > SHORT else [table]),
            *asked,
        ]


def over_how_many(judged: Sequence[Finding]) -> list[str]:
    """How many questions the findings of a sweep were corrected over, beside the smallest p-value
    that is left; and where today's test decides otherwise, why both stand there."""
    told = []
    if known := [finding.corrected for finding in judged if not math.isnan(finding.corrected)]:
        smallest = min(known)
        value = "below 0.001" if smallest < 0.001 else f"{smallest:.3f}"
        family = max(finding.family for finding in judged)
        told.append(
            f"Corrected over {family} questions; the smallest p-value of a prediction is then {value}."
        )
    return [*told, why_both(judged)] if why_both(judged) else told


def _line(finding: Finding) -> tuple[str, str, str]:
    verdict, measured = finding.plain(words.WORDS)
    return verdict, escape(finding.prediction.in_full), escape(measured)


class Choices(SweepDirective, Table):
    """`{sweep-choices} NAME`: what the tuning rule chose for each variant of a tuning sweep, and
    the best that it found.

    Option `:each:`, an axis: the rule chooses at every point of it. A choice at the end of an axis
    says *edge*.
    """

    kind = "numbers"
    option_spec: ClassVar[dict[str, Any]] = {"each": directives.unchanged_required}

    def shown(self, sweep: Any, runs: Any, history: Any) -> list[nodes.Node]:
        axes, each = [axis.name for axis in sweep.axes], self.options.get("each", "")
        if each:
            quoted.known("each", each, axes)
        body = summary(sweep, runs, each=each).to_dict("records")
        heads = (
            "method",
            *(words.axis(axis).heading for axis in axes),
            "its accuracy",
            "the best",
            "KL per batch",
        )
        lines = [
            (
                f"`{row['label']}`",
                *(
                    words.axis(axis).point(row[axis]) + " *edge*" * (axis in row["edges"])
                    for axis in axes
                ),
                f"{row['score']:.3f}",
                f"{row['best']:.3f}",
                quoted.number(row["kl"], "kl"),
            )
            for row in body
        ]
        return [self.table(heads, (18, *[14] * len(axes), 18, 18, 18), lines)]


class Made(SweepDirective):
    """`{sweep-record} NAME`: how many runs, what made them, and the commands that make and check
    them again."""

    def not_run(self) -> list[nodes.Node]:
        text = (
            "Declared, with its predictions, and not run yet. `trlib sweep "
            f"{self.arguments[0]}` runs it."
        )
        before, command, after = text.split("`")
        return [
            nodes.paragraph(
                "",
                "",
                nodes.Text(before),
                nodes.literal("", command),
                nodes.Text(after),
                classes=["executed"],
            )
        ]

    def shown(self, sweep: Any, runs: Any, history: Any) -> list[nodes.Node]:
        text, commands = made(self.arguments[0], runs)
        text = f"{sweep.budget.steps} batches; {text[0].lower()}{text[1:]}"
        if sweep.awaited:
            text = f"So far {description(sweep, rule_of(sweep))}; {text}"
        known = f" {sweep.provenance}" if sweep.provenance else ""
        paragraph = nodes.paragraph("", f"{text}{known} ", classes=["executed"])
        for i, command in enumerate(commands):
            paragraph += nodes.literal("", command)
            paragraph += nodes.Text(" runs it again; " if i == 0 else " checks a sample of it.")
        return [paragraph]


def made(name: str, runs: Any) -> tuple[str, list[str]]:
    """The facts of a record in a sentence, and its two commands."""
    hours = runs["cpu_seconds"].sum() / 3600
    seeds = sorted(runs["seed"].unique())
    spread = (
        f"seeds {seeds[0]} to {seeds[-1]}"
        if len(seeds) > 2
        else "seeds " + " and ".join(map(str, seeds))
    )
    facts = [
        trained(runs),
        f"{len(runs)} runs, {spread}",
        f"{hours:.1f} core-hours of training"
        if hours >= 0.05
        else f"{60 * hours:.0f} core-minutes of training",
    ]
    facts += [
        ", ".join(sorted(runs[column].dropna().astype(str).unique()))
        for column in ("date", "hardware", "versions")
    ]
    commits = ", ".join(sorted(runs["commit"].dropna().astype(str).unique()))
    facts += [f"commit {commits}"] if commits else []
    return " · ".join(facts) + ".", [f"trlib sweep {name} --remake", f"trlib sweep {name} --verify"]


def trained(runs: Any) -> str:
    """At which learning rates, and with how many updates from batches of which size: without these,
    no result means anything. Of what a run did not set, the loop's default is named."""
    usual = {one.name: one.default for one in settings_of(RunSettings)}
    given = [{**usual, **json.loads(row)} for row in runs["train"].unique()]

    def several(values: set[Any], spell: Any = str) -> str:
        ordered = sorted(values)
        return (
            spell(ordered[0])
            if len(ordered) == 1
            else f"{', '.join(map(spell, ordered[:-1]))} or {spell(ordered[-1])}"
        )

    rates = several({one["lr"] for one in given}, written_rate)
    updates = several({one["epochs"] * one["minibatches"] for one in given})
    sizes = several(
        {(one["prompts"], one["group"]) for one in given}, lambda size: f"{size[0]} x {size[1]}"
    )
    return (
        f"Learning rate {rates}; {updates} update{'' if updates == '1' else 's'} from each "
        f"batch of {sizes}"
    )


def decide_all(app: Sphinx, env: Any, pages: list[str]) -> None:
    """Decides every comparison before Sphinx forks a process for each handful of pages: all of them
    quote records, and what one process decides no other knows. A pass over the first pages alone
    reads little more than the titles of the others."""
    if len(app.config.first_pages or pages) < MANY:
        return
    names = all_recorded()
    for name in names:
        read(name)  # once, for all processes
    with get_context("fork").Pool(app.parallel) as pool:
        for measured in pool.imap_unordered(measured_of, names):
            MEASURED.update(measured)


def measured_of(name: str) -> dict[Any, Any]:
    """Every comparison that is asked of a recorded sweep, measured."""
    family(name)
    return {key: one for key, one in MEASURED.items() if key[0] == name}


def connect(app: Sphinx) -> None:
    app.connect("env-before-read-docs", decide_all)
    app.add_directive("sweep-table", Rows)
    app.add_directive("sweep-verdicts", Verdicts)
    app.add_directive("sweep-record", Made)
    app.add_directive("sweep-choices", Choices)
