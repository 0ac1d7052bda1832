"""`{ladder}`: the steps from REINFORCE to TROLL, each a changed line with the learning curve
recorded after it.

`trbook.ladder` says what a step is; every number and curve comes from the record.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from book.build.ext import quoted
from trbook import ladder

RECORDS = ("ladder", "shootout")


class Ladder(SphinxDirective):
    """`{ladder}`: every step in a section of its own."""

    def run(self) -> list[nodes.Node]:
        for name in RECORDS:
            quoted.note(self.env, name)
        rungs, history = ladder.RUNGS, ladder.record()
        steps: list[nodes.Node] = []
        for number, rung in enumerate(rungs):
            steps += self.step(number, rung, rungs[number - 1] if number else None, history)
        return steps

    def step(self, number: int, rung: Any, before: Any, history: Any) -> list[nodes.Node]:
        """One step: what for, the line before and after, the curve."""
        there = (self.env.srcdir / "notebooks" / f"{rung.chapter}.ipynb").is_file()
        link = (
            f" ([chapter {int(rung.chapter[:2])}](../notebooks/{rung.chapter}.ipynb))"
            if there
            else ""
        )
        section = nodes.section(ids=[f"step-{number + 1}"], names=[f"step {number + 1}"])
        section += nodes.title("", f"{number + 1}. {rung.name}")
        text = nodes.container()
        self.state.nested_parse(StringList([f"{rung.why}{link}"], rung.sweep), 0, text)
        section += text.children
        lines = ladder.changes(rung, before)
        section += nodes.literal_block(lines, lines, language="diff")
        section += nodes.raw("", ladder.curve(rung, before, history).html(), format="html")
        return [section]


def connect(app: Sphinx) -> None:
    app.add_directive("ladder", Ladder)
