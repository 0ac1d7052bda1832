"""The tables in a page's source that are made from the code and the records (`python -m
book.build.write`).

A page shows them between two comments (`book.build.ext.made`). Whoever writes a page may write the
directive alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from pybtex.backends.markdown import Backend
from pybtex.database import parse_file
from pybtex.plugin import find_plugin

from book.build import records
from book.build.ext import claims, teaching
from book.build.ext.generated_tables import escape
from book.build.ext.made import MADE
from book.build.paths import ROOT
from book.build.records import table
from trbook.cards import MethodCard, taxonomy, text
from trbook.ladder import RUNGS, changes
from trlab.claims import markdown
from trlib.loop.metrics import METRICS

BOOK = ROOT / "book"
ARXIV = "https://arxiv.org/abs/"
STILL = """\
![Lanes of one language model learn side by side, batch by batch.](_static/figures/lanes.gif)

*The built book has the playground here, running in the page; this picture is a run of it.*"""
FIGURES = {
    "first-lane": """\
![Rewards of a small language model over batches: with one update per batch it learns, with 32 and no trust region it falls back.](_static/figures/dial.png)

*The built book has a figure here that runs in the page; this picture shows recorded runs of the same model.*""",
    "written": """\
![Three runs of SmolLM2 answer 19 + 31 + 36 after six batches: all three still add. Faint curves go on to the sixteenth: used eight times, no answer is right any longer.](_static/figures/written.png)

*In the built book you drag through the batches and read; this picture is the sixth, and its faint curves are what comes.*""",
    "ratio-map": """\
![Curves of the objective and of the gradient weight over the ratio, with check boxes and sliders.](_static/figures/explorable.png)

*The built book has a map here that you can drag; this picture is another of its figures.*""",
    "loop": "*In the built book the loop is drawn here: sample, judge, score, update.*",
    "basin": """\
![Accuracy over the learning rate for five methods; below it a bar for each, the rates at which it works.](_static/figures/basin.png)

*In the built book you drag the rate; this picture is the figure's first state.*""",
}
"""What stands for figures that run in the built book."""
WRONG = """\
*The built book lists them here, chapter by chapter. In the source a solution is the folded cell below \
its exercise, and its wrong answers stand in [the checks](trbook/exercises).*"""
PROGRAM = "*The built book prints the file here: [examples/minimal_grpo.py](../../examples/minimal_grpo.py).*"


def code_of(card: MethodCard) -> str:
    """The file of a method, as the page of all methods links it: of its function, where a correction
    or an advantage is all that it adds, else of its class."""
    module = next((name.rpartition(".")[0] for name in card.functions), "")
    if module not in ("trlib.advantages", "trlib.corrections"):
        module = text.kind_of(card).__module__
    path = Path(*module.split(".")).with_suffix(".py")
    return f"[{path.name}](../../{path})"


def methods(_: str) -> str:
    """A row for each method, with its file and its paper in place of its card."""

    def row(one: Any) -> list[str]:
        card = one if isinstance(one, MethodCard) else None
        aims = card.what if card else one.how
        paper = f"[{one.arxiv}]({ARXIV}{one.arxiv})" if one.arxiv else ""
        to = f", to {card.to}" if card and card.to != "nothing" else ""
        words = [aims + to, one.action, one.level, one.ratio, text.signed(one)]
        return [escape(one.title), *map(escape, words), code_of(card) if card else "none", paper]

    headings = ("method", *text.HEADINGS[1:6], "code", "paper")
    return table(headings, map(row, taxonomy.PLACES))


def picture(_: str) -> str:
    """What is done outside a region, and who does it."""
    rows = taxonomy.picture(lambda one: escape(one.title))
    return table(("what is done", "by whom, and what is judged as one"), rows)


def claimed(_: str) -> str:
    rows = claims.rows_of(claims.every().values())
    links = [(f"[{title}](#{claims.slug(title)})", count) for title, count in rows]
    return table(("claims of", "what we found"), links)


def card(name: str) -> str:
    return claims.body(markdown(claims.every()[name]))


def sweeps(_: str) -> str:
    """A row for each sweep."""
    rows = (
        [row[0], *(cell.replace("|", r"\|") for cell in row[1:])] for row in records.all_sweeps()
    )
    return table(records.HEADINGS, rows)


def steps(_: str) -> str:
    """Each step of the ladder with its line; the curves are in the built book."""
    told = []
    for number, (before, rung) in enumerate(zip((None, *RUNGS[:-1]), RUNGS, strict=True), 1):
        where = f"[chapter {int(rung.chapter[:2])}](../notebooks/{rung.chapter}.ipynb)"
        code = changes(rung, before)
        told.append(f"**{number}. {rung.name}.** {rung.why} ({where})\n\n```diff\n{code}\n```")
    return "\n\n".join(told)


def metrics(_: str) -> str:
    """Every column of a run's history."""
    rows = ((f"`{name}`", one.unit or "1", escape(one.text)) for name, one in METRICS.items())
    return table(("column", "unit", "definition"), rows)


def syllabus(name: str) -> str:
    return table(*teaching.course(ROOT, name))


def sources(_: str) -> str:
    """The sources in the order of their file."""
    style = find_plugin("pybtex.style.formatting", "unsrt")()
    entries = style.format_bibliography(parse_file(str(BOOK / "references.bib")))
    lines = "\n".join(f"- {' '.join(one.text.render(PlainMarkdown()).split())}" for one in entries)
    return re.sub(r"arXiv (\S+)\. URL: \[.+?\]\((.+?)\)", r"[arXiv \1](\2)", lines)


class PlainMarkdown(Backend):
    """Markdown that escapes only what would be a mark in a line of a bibliography."""

    def format_str(self, text: str) -> str:
        return re.sub(r"([\\`*_<>\[\]])", r"\\\1", text)


def _fixed(text: str, _: str) -> str:
    return text


MAKERS: dict[str, Callable[[str], str]] = {
    "methods-comparison": methods,
    "methods-picture": picture,
    "claims-table": claimed,
    "claims-card": card,
    "sweeps": sweeps,
    "playground": lambda _: STILL,
    "ladder": steps,
    "syllabus": syllabus,
    "reading-times": lambda _: table(teaching.TIMES, teaching.times(ROOT)),
    "metrics-table": metrics,
    "bibliography": sources,
    "wrong-answers": partial(_fixed, WRONG),
    "literalinclude": partial(_fixed, PROGRAM),
    **{name: partial(_fixed, text) for name, text in FIGURES.items()},
}
"""What a directive makes, as Markdown, by its name; called with its argument."""
ALONE = re.compile(rf"^```\{{({'|'.join(MAKERS)})\}}( .+)?\n```$", re.MULTILINE)


def made(name: str, argument: str) -> str:
    """What a page's source has in place of a directive."""
    head = f"{name} {argument}" if argument else name
    return f"<!--made {head}-->\n{MAKERS[name](argument).strip()}\n<!--/made-->"


def filled(page: str) -> str:
    """A page's text as it should be."""
    page = ALONE.sub(lambda found: made(found[1], (found[2] or "").strip()), page)
    return MADE.sub(lambda found: made(found[1], (found[2] or "").strip()), page)
