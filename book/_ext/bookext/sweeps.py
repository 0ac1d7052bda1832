"""Figures of what is recorded of a sweep, on a page: `{sweep-figure}` and `{recorded-figure}`.

Its tables are in `bookext.records`, its numbers in `bookext.quoted`.

A section of a page is a heading, figures, tables, verdicts and the record line, then prose: figures before tables,
tables before prose.
"""

from __future__ import annotations

import csv
import html
import math
from importlib import import_module
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from bookext import quoted, words


class Sweep(SphinxDirective):
    """The base of all: reads the record and tells Sphinx to read the page again when it changes.

    A sweep that is declared and has no record yet is said to be *not run yet*, and the page is built.
    """

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        quoted.note(self.env, name)
        try:
            return self.shown(*quoted.record(name))
        except quoted.NotRun:
            return self.not_run()
        except ValueError as error:
            raise self.error(f"{self.name} {name}: {error}") from error

    def shown(self, sweep: Any, runs: Any, history: Any) -> list[nodes.Node]:
        """What the page shows of it."""
        raise NotImplementedError

    def not_run(self) -> list[nodes.Node]:
        """What it shows before the sweep has been run: nothing, but for one of a section's parts."""
        return []


class Figure(Sweep):
    """`{sweep-figure} NAME`: accuracy over uses of a batch, thresholds or learning rates where the sweep varies one of
    them, else interquartile means with intervals; a figure for each point of the axes that are left.

    Options: `:kind:` intervals, curves, improvements or profiles; `:measure:` a column of the record, one that follows
    from it, or `entropy@0.7`; `:at:` points of axes, `sampler=int4, anchor=rollout`; `:only:` labels of variants;
    `:against:` whom `improvements` compares with.
    """

    option_spec: ClassVar[dict[str, Any]] = {
        "kind": lambda text: directives.choice(text, ("intervals", "curves", "improvements", "profiles")),
        "measure": directives.unchanged_required,
        "at": directives.unchanged_required,
        "only": directives.unchanged_required,
        "against": directives.unchanged_required,
    }

    def shown(self, sweep: Any, runs: Any, history: Any) -> list[nodes.Node]:
        at = dict(part.split("=", 1) for part in listed(self.options.get("at", "")))
        only, against = listed(self.options.get("only", "")), self.options.get("against")
        found = figures(
            sweep,
            runs,
            history,
            kind=self.options.get("kind"),
            at=at,
            only=only,
            against=against,
            measure=self.options.get("measure", "sampled"),
        )
        return [captioned(drawing, caption) for drawing, caption in found]


class Named(SphinxDirective):
    """`{recorded-figure} NAME`: one of `trlab.figures.FIGURES`, with the command that makes its data again."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        try:
            figure = import_module("trlab.figures").figure(self.arguments[0])
            quoted.note(self.env, figure.sweep)
            drawing = import_module("trlab.drawn").draw(figure, *quoted.record(figure.sweep))
        except quoted.NotRun:
            return []
        except ValueError as error:
            raise self.error(f"{self.name} {self.arguments[0]}: {error}") from error
        return [captioned(drawing, figure.text)]


def captioned(drawing: Any, caption: str) -> nodes.Node:
    """A figure of a page."""
    return nodes.raw(
        "", f"<figure>{drawing.html()}<figcaption><p>{html.escape(caption)}</p></figcaption></figure>", format="html"
    )


def figures(
    sweep: Any,
    runs: Any,
    history: Any,
    *,
    kind: str | None = None,
    measure: str = "sampled",
    at: dict[str, str] | None = None,
    only: list[str] | None = None,
    against: str | None = None,
) -> list[tuple[Any, str]]:
    """Drawings with their captions.

    Raises:
        ValueError: an axis, a point, a variant or a measure that the record does not have.
    """
    findings, plots = import_module("trlab.findings"), import_module("trlab.plots")
    labels, axes = list(runs["label"].unique()), [axis.name for axis in sweep.axes]
    for label in only or []:
        quoted.known("only", label, labels)
    for label in [against] if against else []:
        quoted.known("against", label, labels)
    for axis, point in (at or {}).items():
        quoted.known("at", axis, axes)
        quoted.known(axis, point, runs[axis].unique())
        runs = runs[runs[axis].astype(str) == point]
    runs = quoted.measured(runs, history, measure)
    labels = [label for label in labels if not only or label in only or label == against]
    along = next((name for name in words.ALONG if name in axes and name not in (at or {})), None)
    along = along if kind in (None, "curves") else None
    if kind == "curves" and along is None:
        raise ValueError(
            f"kind: expected an axis among {', '.join(words.ALONG)} for curves, got {', '.join(axes) or 'none'}"
        )
    others = [name for name in axes if name != along]
    found = []
    for place, part in runs.groupby(others, sort=False) if others else [((), runs)]:
        what_for = words.measure(measure).text
        where = ", ".join(
            f"{words.axis(name).heading} {words.axis(name).point(label)}"
            for name, label in zip(others, place, strict=True)
        )
        if along is not None:
            drawing, what = _curves(plots, findings, part, labels, along, measure, what_for)
        else:
            own = {label: findings.scores(part, label, measure, []) for label in labels}
            tasks = {label: task[()] for label, task in own.items() if task}
            base = _base(findings, part, history, measure)
            drawing, what = _of_runs(plots, kind or "intervals", tasks, what_for, against, base)
        found.append((drawing, f"{where[0].upper()}{where[1:]}. {what}." if where else f"{what}."))
    if kind == "intervals" or (kind is None and along is None):  # one scale for all, so that they can be compared
        axes_of = [drawing.figure.axes[0] for drawing, _ in found]
        limits = [ax.get_xlim() for ax in axes_of]
        for ax in axes_of:
            ax.set_xlim(min(low for low, _ in limits), max(high for _, high in limits))
    return found


def _curves(
    plots: Any, findings: Any, part: Any, labels: list[str], along: str, measure: str, called: str
) -> tuple[Any, str]:
    """Curves of the variants that have finished runs everywhere along the axis, and what they are."""
    points = {str(label): float(label) for label in part[along].unique()}
    scores = {
        label: {str(place[0]): values for place, values in findings.scores(part, label, measure, [along]).items()}
        for label in labels
    }
    whole = {
        label: {points[text]: values for text, values in curve.items()}
        for label, curve in scores.items()
        if curve.keys() == points.keys()
    }
    under = words.axis(along).along
    return (
        plots.curves(whole, along=under, measure=called),
        f"Interquartile mean of {called} over {under}, with 95 % bands",
    )


def _of_runs(
    plots: Any, kind: str, tasks: dict[str, Any], called: str, against: str | None, base: float | None
) -> tuple[Any, str]:
    if kind == "profiles":
        return plots.profiles(tasks, measure=called), f"Share of runs whose {called} is above τ, with 95 % bands"
    if kind == "improvements":
        if against not in tasks:
            raise ValueError(f"against: expected one of {', '.join(tasks)}, got {against!r}")
        pairs = {
            f"{label} > {against}": (values, tasks[against]) for label, values in tasks.items() if label != against
        }
        return plots.improvements(
            pairs
        ), f"Probability that a run is above one of {against} in {called}, with 95 % interval; dotted: neither is"
    what = f"Interquartile mean of {called} with its 95 % interval; thin strokes: the runs"
    what += "" if base is None else "; dotted: before training"
    return plots.intervals(tasks, measure=called, reference=base), what


def _base(findings: Any, part: Any, history: Any, measure: str) -> float | None:
    """The sampled accuracy before training, where the measure is that."""
    before = findings.before(history)
    values = [before[cell] for cell in part["cell"] if not math.isnan(before.get(cell, math.nan))]
    return sum(values) / len(values) if values and measure == "sampled" else None


def listed(text: str) -> list[str]:
    """The words of an option, which commas part; one that holds a comma stands in quotation marks."""
    return [word.strip() for word in next(csv.reader([text], skipinitialspace=True), []) if word.strip()]


def connect(app: Sphinx) -> None:
    app.add_directive("sweep-figure", Figure)
    app.add_directive("recorded-figure", Named)
