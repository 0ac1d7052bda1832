"""What is recorded of a sweep, on a page: `{sweep-figure}`, `{sweep-table}`, `{sweep-verdicts}`, `{sweep-record}`.

Each takes the name of a sweep whose record ships with the package. A section of a page is a heading and these four, in
this order, then prose: figures before tables, tables before prose.
"""

from __future__ import annotations

import html
import math
from collections import Counter
from importlib import import_module
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from bookext.tables import Table, escape

ALONG = {"updates": "updates per batch", "reuse": "updates per batch",
         "threshold": "threshold, as a multiple of the default", "lr": "learning rate"}
"""Axes along which curves are drawn, and how a reader calls them."""
WORDS = {"sampled": "sampled accuracy", "greedy": "greedy accuracy", "kl": "KL per batch, nats per token",
         "entropy": "entropy, nats per token", "distinct": "distinct right answers", "pass_at_most": "pass@k",
         "kept": "share of tokens kept"}
SHORT = 6
"""Verdicts that a page shows one by one without being asked."""
FOLD = 20
"""Rows of a table that a page shows without being asked."""


class Sweep(SphinxDirective):
    """The base of the four: reads the record and tells Sphinx to read the page again when it changes."""

    required_arguments = 1

    def read(self) -> tuple[Any, Any, Any]:
        """The sweep, its runs, and their histories."""
        name = self.arguments[0]
        for folder, files in (("RECORDS", (f"{name}/runs.csv", f"{name}/history.csv.xz")), ("SWEEPS", (f"{name}.py",))):
            home = getattr(import_module("trlib.lab.record" if folder == "RECORDS" else "trlib.lab.sweep"), folder)
            for file in files:
                self.env.note_dependency(str(home / file))
        runs, history = import_module("trlib.lab").recorded(name)
        return import_module("trlib.lab.sweep").load_sweep(name), runs, history


class Figure(Sweep):
    """`{sweep-figure} NAME`: accuracy over updates a batch, thresholds or learning rates where the sweep varies one of
    them, else interquartile means with intervals; a figure for each point of the axes that are left.

    Options: `:kind:` intervals, curves, improvements or profiles; `:measure:` a column of the record; `:at:` points of
    axes, `sampler=int4, anchor=rollout`; `:only:` labels of variants; `:against:` whom `improvements` compares with.
    """

    option_spec: ClassVar[dict[str, Any]] = {
        "kind": lambda text: directives.choice(text, ("intervals", "curves", "improvements", "profiles")),
        "measure": directives.unchanged_required, "at": directives.unchanged_required,
        "only": directives.unchanged_required, "against": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        sweep, runs, history = self.read()
        at = dict(part.split("=", 1) for part in _words(self.options.get("at", "")))
        only, against = _words(self.options.get("only", "")), self.options.get("against")
        try:
            found = figures(sweep, runs, history, kind=self.options.get("kind"), at=at, only=only, against=against,
                            measure=self.options.get("measure", "sampled"))
        except ValueError as error:
            raise self.error(f"sweep-figure {self.arguments[0]}: {error}") from error
        return [nodes.raw("", f'<figure>{drawing.html()}<figcaption><p>'
                              f"{html.escape(caption)}</p></figcaption></figure>", format="html")
                for drawing, caption in found]


def figures(sweep: Any, runs: Any, history: Any, *, kind: str | None = None, measure: str = "sampled",
            at: dict[str, str] | None = None, only: list[str] | None = None,
            against: str | None = None) -> list[tuple[Any, str]]:
    """Drawings with their captions.

    Raises:
        ValueError: an axis, a point, a variant or a measure that the record does not have.
    """
    findings, plots = import_module("trlib.lab.findings"), import_module("trlib.pages.plots")
    labels, axes = list(runs["label"].unique()), [axis.name for axis in sweep.axes]
    _known("only", only or [], labels)
    _known("against", [against] if against else [], labels)
    _known("measure", [measure], [name for name in runs.columns if name in import_module("trlib.lab.cells").MEASURES])
    _known("at", list(at or {}), axes)
    for axis, point in (at or {}).items():
        _known(axis, [point], [str(label) for label in runs[axis].unique()])
        runs = runs[runs[axis].astype(str) == point]
    labels = [label for label in labels if not only or label in only or label == against]
    along = next((name for name in ALONG if name in axes and name not in (at or {})), None)
    along = along if kind in (None, "curves") else None
    if kind == "curves" and along is None:
        raise ValueError(f"kind: expected an axis among {', '.join(ALONG)} for curves, got {', '.join(axes) or 'none'}")
    others = [name for name in axes if name != along]
    found = []
    for place, part in runs.groupby(others, sort=False) if others else [((), runs)]:
        words = WORDS.get(measure, measure)
        where = ", ".join(f"{ALONG.get(name, name)} {label}" for name, label in zip(others, place, strict=True))
        if along is not None:
            drawing, what = _curves(plots, findings, part, labels, along, measure, words)
        else:
            own = {label: findings.scores(part, label, measure, []) for label in labels}
            tasks = {label: task[()] for label, task in own.items() if task}
            base = _base(findings, part, history, measure)
            drawing, what = _of_runs(plots, kind or "intervals", tasks, words, against, base)
        found.append((drawing, f"{where[0].upper()}{where[1:]}. {what}." if where else f"{what}."))
    if kind == "intervals" or (kind is None and along is None):  # one scale for all, so that they can be compared
        axes_of = [drawing.figure.axes[0] for drawing, _ in found]
        limits = [ax.get_xlim() for ax in axes_of]
        for ax in axes_of:
            ax.set_xlim(min(low for low, _ in limits), max(high for _, high in limits))
    return found


def _curves(plots: Any, findings: Any, part: Any, labels: list[str], along: str, measure: str,
            words: str) -> tuple[Any, str]:
    """Curves of the variants that have finished runs everywhere along the axis, and what they are."""
    points = {str(label): float(label) for label in part[along].unique()}
    scores = {label: {str(place[0]): values for place, values in
                      findings.scores(part, label, measure, [along]).items()} for label in labels}
    whole = {label: {points[text]: values for text, values in curve.items()}
             for label, curve in scores.items() if curve.keys() == points.keys()}
    stale = along == "updates" and measure == "sampled" and min(points.values()) == 1 and len(points) > 1
    statistics = import_module("trlib.lab.statistics")
    drop = statistics.DROP if stale else None
    means = [{at: statistics.iqm(values) for at, values in curve.items()} for curve in whole.values()]
    what = f"Interquartile mean of {words} over {ALONG[along]}, with 95 % bands"
    if drop is not None and any(min(curve.values()) < curve[1] - drop for curve in means):
        what += "; a cross where accuracy is five points below that at one update"
    return plots.curves(whole, along=ALONG[along], measure=words, drop=drop), what


def _of_runs(plots: Any, kind: str, tasks: dict[str, Any], words: str, against: str | None,
             base: float | None) -> tuple[Any, str]:
    if kind == "profiles":
        return plots.profiles(tasks, measure=words), f"Share of runs whose {words} is above τ, with 95 % bands"
    if kind == "improvements":
        if against not in tasks:
            raise ValueError(f"against: expected one of {', '.join(tasks)}, got {against!r}")
        pairs = {f"{label} > {against}": (values, tasks[against]) for label, values in tasks.items()
                 if label != against}
        return plots.improvements(pairs), f"Probability that a run is above one of {against} in {words}, with 95 % " \
                                          f"interval; dotted: neither is"
    what = f"Interquartile mean of {words} with its 95 % interval; thin strokes: the runs"
    what += "" if base is None else "; dotted: before training"
    return plots.intervals(tasks, measure=words, reference=base), what


def _base(findings: Any, part: Any, history: Any, measure: str) -> float | None:
    """The sampled accuracy before training, where the measure is that."""
    before = findings.before(history)
    values = [before[cell] for cell in part["cell"] if not math.isnan(before.get(cell, math.nan))]
    return sum(values) / len(values) if values and measure == "sampled" else None


class Rows(Sweep, Table):
    """`{sweep-table} NAME`: a row for each variant and point of the axes. Rows that say the same are one, above a fold
    with all. Where the sweep varies the updates per batch, a table of staleness tolerances stands above it; a long
    table is folded."""

    kind = "numbers"

    def run(self) -> list[nodes.Node]:
        sweep, runs, history = self.read()
        findings = import_module("trlib.lab.findings")
        stale, rows = findings.tolerances(sweep, runs), findings.table(sweep, runs, history=history)
        axes = [axis.name for axis in sweep.axes]
        shown = [*range(6)] if len(axes) < 2 else [0, 2, 3, 4]  # a page is only so wide
        heads = ("sampled accuracy", "greedy", "KL per batch", "nats per point, thousandths", "kept", "CPU seconds")
        widths = (26, 10, 11, 22, 8, 9)
        body = [cells(row, axes) for row in rows.to_dict("records")]

        def written(lines: list[tuple[str, ...]]) -> nodes.table:
            return self.table(["method", *axes, *(heads[i] for i in shown)],
                              [16, *[9] * len(axes), *(widths[i] for i in shown)],
                              [[*line[:1 + len(axes)], *(line[1 + len(axes) + i] for i in shown)] for line in lines])

        found: list[nodes.Node] = []
        if len(stale):
            others = [axis for axis in axes if axis != findings.UPDATES]
            headings = ("method", *others, "accuracy at one update", "staleness tolerance, updates per batch")
            found.append(self.table(headings, (20, *[12] * len(others), 24, 44),
                                    [tolerance(row, others) for row in stale.to_dict("records")]))
        groups = findings.alike(rows, axes) if len(rows) <= FOLD else []
        if groups:
            return [*found, written(merged(rows, body, groups, axes)), *folded(written(body), len(rows), always=True)]
        return [*found, *folded(written(body), len(rows))]


def merged(rows: Any, body: list[tuple[str, ...]], groups: list[list[int]], axes: list[str]) -> list[tuple[str, ...]]:
    """The rows of a table, those of a group as one: its variants, and from where to where each number goes."""
    first = {group[0]: group for group in groups}
    hidden = {i for group in groups for i in group[1:]}
    columns = (("sampled", 1, "{:.3f}".format), ("greedy", 1, "{:.3f}".format), ("kl", 1, brief),
               ("nats_per_point", 1000, brief), ("kept", 1, "{:.3f}".format), ("cpu_seconds", 1, "{:.1f}".format))
    lines = []
    for i, line in enumerate(body):
        if i in first:
            part = rows.iloc[first[i]]
            names = ", ".join(f"`{label}`" for label in part["label"])
            spans = [_span(part[name].astype(float) * scale, write) for name, scale, write in columns]
            line = (f"{len(part)} alike: {names}", *line[1:1 + len(axes)], *spans)
        if i not in hidden:
            lines.append(line)
    return lines


def _span(values: Any, write: Any) -> str:
    if values.isna().any():
        return "not measured"
    low, high = write(values.min()), write(values.max())
    return low if low == high else f"{low} to {high}"


def folded(table: nodes.table, rows: int, *, always: bool = False) -> list[nodes.Node]:
    """A table that opens on demand where it is long."""
    if rows <= FOLD and not always:
        return [table]
    opened = nodes.raw("", f"<details><summary>All {rows} rows</summary>", format="html")
    return [opened, table, nodes.raw("", "</details>", format="html")]


def cells(row: dict[str, Any], axes: list[str]) -> tuple[str, ...]:
    """A row of the long table."""
    failed = f"{row['failed']} failed" if row["failed"] else ""
    scored = f"{row['sampled']:.3f} \\[{row['low']:.3f}, {row['high']:.3f}\\]" if row["runs"] else ""
    place = (f"`{row['label']}`", *(escape(str(row[axis])) for axis in axes))
    if not row["runs"]:
        return (*place, failed, "", "", "", "", "")
    return (*place, ", ".join(part for part in (scored, failed) if part), f"{row['greedy']:.3f}", brief(row["kl"]),
            _price(row), f"{row['kept']:.3f}", f"{row['cpu_seconds']:.1f}")


def _price(row: dict[str, Any]) -> str:
    """Thousandths of a nat a point."""
    if row["nats_per_point"] is None or math.isnan(row["nats_per_point"]):
        return "not measured"
    value, low, high = (brief(1000 * row[name]) for name in ("nats_per_point", "nats_low", "nats_high"))
    without = f", {row['without']:.0f} of {row['runs']} gained nothing" if row["without"] else ""
    return f"{value} \\[{low}, {high}\\]{without}"


def tolerance(row: dict[str, Any], axes: list[str]) -> tuple[str, ...]:
    """A row of the table of tolerances."""
    failed = f", {row['failed']} runs failed" if row["failed"] else ""
    return (f"`{row['label']}`", *(escape(str(row[axis])) for axis in axes), f"{row['at_one']:.3f}",
            escape(row["text"]) + failed)


def brief(number: float) -> str:
    """Two digits that count."""
    if math.isinf(number):
        return "∞"
    if math.isnan(number) or number == 0:
        return "0" if number == 0 else "?"
    return f"{number:.{max(0, 1 - math.floor(math.log10(abs(number))))}f}"


class Verdicts(Sweep, Table):
    """`{sweep-verdicts} NAME`: what was predicted beside what came."""

    def run(self) -> list[nodes.Node]:
        sweep, runs, _ = self.read()
        judged = import_module("trlib.lab.findings").judge(sweep, runs)
        told = [f.plain(WORDS) for f in judged]
        rows = [(verdict, escape(f.prediction.text), escape(measured))
                for f, (verdict, measured) in zip(judged, told, strict=True)]
        table = self.table(("what came", "predicted", "measured"), (16, 44, 40), rows)
        if len(rows) <= SHORT:
            return [table]
        count = Counter(verdict for verdict, _ in told)
        summary = "Predictions: " + ", ".join(f"{number} {verdict}" for verdict, number in count.most_common()) + "."
        return [nodes.paragraph("", summary), *folded(table, len(rows), always=True)]


class Made(Sweep):
    """`{sweep-record} NAME`: how many runs, what made them, and the commands that make and check them again."""

    def run(self) -> list[nodes.Node]:
        _, runs, _ = self.read()
        text, commands = made(self.arguments[0], runs)
        paragraph = nodes.paragraph("", text + " ", classes=["executed"])
        for i, command in enumerate(commands):
            paragraph += nodes.literal("", command)
            paragraph += nodes.Text(" runs it again; " if i == 0 else " checks a sample of it.")
        return [paragraph]


def made(name: str, runs: Any) -> tuple[str, list[str]]:
    """The facts of a record in a sentence, and its two commands."""
    hours = runs["cpu_seconds"].sum() / 3600
    seeds = sorted(runs["seed"].unique())
    spread = f"seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 2 else "seeds " + " and ".join(map(str, seeds))
    facts = [f"{len(runs)} runs, {spread}", f"{hours:.1f} core-hours of training" if hours >= 0.05 else
             f"{60 * hours:.0f} core-minutes of training"]
    facts += [", ".join(sorted(runs[column].dropna().astype(str).unique())) for column in
              ("date", "hardware", "versions")]
    commits = ", ".join(sorted(runs["commit"].dropna().astype(str).unique()))
    facts += [f"commit {commits}"] if commits else []
    return " · ".join(facts) + ".", [f"trlib sweep {name} --remake", f"trlib sweep {name} --verify"]


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _known(what: str, given: list[Any], known: list[Any]) -> None:
    for word in given:
        if word not in known:
            raise ValueError(f"{what}: expected one of {', '.join(map(str, known))}, got {word!r}")


def connect(app: Sphinx) -> None:
    app.add_directive("sweep-figure", Figure)
    app.add_directive("sweep-table", Rows)
    app.add_directive("sweep-verdicts", Verdicts)
    app.add_directive("sweep-record", Made)
