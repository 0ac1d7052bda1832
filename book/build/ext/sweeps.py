"""Figures of what is recorded of a sweep, on a page: `{sweep-figure}` and `{recorded-figure}`.

Its tables are in `book.build.ext.records`, its numbers in `book.build.ext.quoted`.

A section of a page is a heading, figures, tables, verdicts and the record line, then prose: figures
before tables, tables before prose.
"""

from __future__ import annotations

import csv
import html
import math
import re
from dataclasses import replace
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from book.build.ext import quoted, words
from trlab.drawing import Drawing
from trlab.drawing.figure_registry import Figure, figure
from trlab.drawing.recorded import draw
from trlab.findings import before
from trlab.sweep import Sweep

STORED = re.compile(r"^<!--figure (\S+)( .+?)?-->\n.*?<!--/figure-->$", re.MULTILINE | re.DOTALL)
"""A recorded figure in a page's source: its name, a caption of its own, and a stored picture for
whoever reads the source (`python -m book.build.pictures` makes it)."""


def as_directives(app: Sphinx, docname: str, source: list[str]) -> None:
    """A page's stored pictures as directives, which draw the figures anew."""
    source[0] = STORED.sub(
        lambda found: f"```{{recorded-figure}} {found[1]}\n{(found[2] or '').strip()}\n```",
        source[0],
    )


class SweepDirective(SphinxDirective):
    """The base of all: reads the record and tells Sphinx to read the page again when it changes.

    A sweep that is declared and has no record yet is said to be *not run yet*, and the page is
    built.
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

    def shown(self, sweep: Sweep, runs: Any, history: Any) -> list[nodes.Node]:
        """What the page shows of it."""
        raise NotImplementedError

    def not_run(self) -> list[nodes.Node]:
        """What it shows before the sweep has been run: nothing, but for one of a section's
        parts."""
        return []


class SweepFigure(SweepDirective):
    """`{sweep-figure} NAME`: accuracy over uses of a batch, thresholds or learning rates where the
    sweep varies one of them, else interquartile means with intervals; a figure for each point of
    the axes that are left.
    """

    def shown(self, sweep: Sweep, runs: Any, history: Any) -> list[nodes.Node]:
        drawings = figures(sweep, runs, history)
        return [captioned(drawing, caption) for drawing, caption in drawings]


class NamedFigure(SphinxDirective):
    """`{recorded-figure} NAME`: one of `trlab.drawing.figure_registry.FIGURES`, with its caption.

    What the directive holds, if anything, is another caption.
    """

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        try:
            one = figure(self.arguments[0])
            for name in (one.sweep, *one.beside):
                quoted.note(self.env, name)
            drawing = draw(one, *quoted.record(one.sweep))
        except quoted.NotRun:
            return []
        except ValueError as error:
            raise self.error(f"{self.name} {self.arguments[0]}: {error}") from error
        caption = " ".join(self.content) or one.text
        return [captioned(drawing, caption)]


def captioned(drawing: Drawing, caption: str) -> nodes.Node:
    """A figure of a page."""
    return nodes.raw(
        "",
        f"<figure>{drawing.html()}<figcaption><p>{html.escape(caption)}</p></figcaption></figure>",
        format="html",
    )


def figures(sweep: Sweep, runs: Any, history: Any) -> list[tuple[Drawing, str]]:
    """Drawings with their captions."""
    axes = [axis.name for axis in sweep.axes]
    along = next((name for name in words.ALONG if name in axes), "")
    one = Figure(
        sweep.name,
        "curves" if along else "intervals",
        "",
        along=along,
        axis=words.axis(along).along if along else "",
        measure="sampled",
        words=words.measure("sampled").text,
    )
    others = [name for name in axes if name != along]
    drawings = []
    for points, _ in runs.groupby(others, sort=False) if others else [((), runs)]:
        here = replace(
            one, at={name: str(point) for name, point in zip(others, points, strict=True)}
        )
        drawing, what = draw(here, sweep, runs, history), _caption(here, runs, history)
        where = ", ".join(
            f"{words.axis(name).heading} {words.axis(name).point(label)}"
            for name, label in here.at.items()
        )
        drawings.append(
            (drawing, f"{where[0].upper()}{where[1:]}. {what}." if where else f"{what}.")
        )
    if one.kind == "intervals":  # one scale for all, so that they can be compared
        panels = [drawing.figure.axes[0] for drawing, _ in drawings]
        limits = [ax.get_xlim() for ax in panels]
        for ax in panels:
            ax.set_xlim(min(low for low, _ in limits), max(high for _, high in limits))
    return drawings


def _caption(one: Figure, runs: Any, history: Any) -> str:
    """What a figure shows."""
    if one.kind == "curves":
        return f"Interquartile mean of {one.words} over {one.axis}, with 95 % bands"
    what = f"Interquartile mean of {one.words} with its 95 % interval; thin strokes: the runs"
    start = before(history)
    known = any(math.isfinite(start.get(cell, math.nan)) for cell in one.of(runs)["cell"])
    return what + ("; dotted: before training" if known else "")


def listed(text: str) -> list[str]:
    """The words of an option, which commas separate; one that holds a comma is put in quotation
    marks."""
    return [
        word.strip() for word in next(csv.reader([text], skipinitialspace=True), []) if word.strip()
    ]


def connect(app: Sphinx) -> None:
    app.connect("source-read", as_directives)
    app.add_directive("sweep-figure", SweepFigure)
    app.add_directive("recorded-figure", NamedFigure)
