"""The tables in a page's source that are made from the code and the records (`python -m
book.build.write`).

A page shows them between two comments (`book.build.ext.made`).
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml
from myst_parser.mdit_to_docutils.base import default_slugify
from pybtex.backends.markdown import Backend
from pybtex.database import Person, parse_file
from pybtex.plugin import find_plugin

from book.build import advice, claims, curves, records, teaching
from book.build.cards import CARDS, GALLERY, Card, blocks
from book.build.cards.card import ACTIONS
from book.build.cards.read import stages
from book.build.ext.made import MADE, RUNNING
from book.build.markdown import escape, table
from book.build.paths import ROOT, contents, source
from trbook import figures, ladder
from trbook.drawing import Drawing
from trbook.scale import papers
from trlab.claims import markdown
from trlib.algorithms import lines
from trlib.loop.metrics import METRICS
from trlib.methods import OBJECTIVES

BOOK = ROOT / "book"
MANY = 5
"""Authors of whom a bibliography names the first."""
LADDER = "_static/figures/ladder.svg"
HEADINGS = (
    *("method", "use it", "to", "what is done", "level", "ratio", "signed"),
    *("problem", "stage", "library", "branch"),
)
"""Columns of the table of all methods."""


def methods(_: str) -> str:
    """A row for each method. The last four columns are for the filters."""

    def row(card: Card) -> list[str]:
        long = f", {card.long}" if card.long else ""
        words = [card.use, card.near, card.action, card.level, card.ratio, blocks.signed(card)]
        return [
            f"{named(card)}{long}",
            *map(escape, words),
            card.problem,
            ", ".join(stages(card)) if card.is_objective else "update",
            library(card),
            GALLERY.get(card.family, card.family),
        ]

    return table(HEADINGS, map(row, CARDS.values()))


def in_one_line(_: str) -> str:
    """Every weight that is one line, by what it keeps close, on the page of the playground that reads
    it, and the methods whose weight it is; then the methods that no line can say."""
    rows: dict[str, list[str]] = {}
    for name, entry in OBJECTIVES.items():
        method = entry()
        if method.formula is None:
            continue
        values = ", ".join(f"{key} = {value:g}" for key, value in blocks.constants(method).items())
        address = html.escape(blocks.opened(method))
        line = f'<!--<a href="{address}">-->`{method.formula}`<!--</a>-->'
        rows.setdefault(f"{line}, {values}".removesuffix(", "), []).append(name)
    groups: dict[str, list[tuple[str, str]]] = {title: [] for title in KEPT_CLOSE}
    for line, names in rows.items():
        groups[_kept_close(names[0])].append((", ".join(map(_on_own, names)), line))
    parts = []
    for title, shown in groups.items():
        parts += [f"**{title}**", "", table(("method", "w, click to run it"), shown), ""]
    needs = [
        (", ".join(map(_on_own, names.split())), need) for need, names in blocks.LACKING.items()
    ]
    return "\n".join([*parts, "**No line says it**", "", table(("method", "it needs"), needs)])


KEPT_CLOSE: dict[str, set[str]] = {
    "Nothing is kept close": set(),
    "The ratio of a token": {"r", "l"},
    "The probability of a token": {"p", "q"},
    "The whole completion": {"s", "mean", "largest"},
    "The tokens up to this one": {"sofar", "smallest"},
}
"""What a line keeps close, by the names that only it has; the last that fits."""


def _kept_close(name: str) -> str:
    words = set(lines.NAME.findall(OBJECTIVES[name]().formula))
    if CARDS[name].what == "nothing":
        words = set()
    return [title for title, marks in KEPT_CLOSE.items() if not marks or marks & words][-1]


def _on_own(name: str) -> str:
    return f"[{escape(CARDS[name].title)}](methods/{CARDS[name].link})"


def library(card: Card) -> str:
    """Where a method can be set: TRL, verl, a bridge of ours, or neither. Most libraries are not
    asked, so that a method without a row is one about which the table says nothing."""
    if card.name not in {**papers.PAPERS, **papers.BESIDE}:
        return papers.ELSEWHERE.get(card.name, "our table has no entry")
    paper = papers.of_card(card.name)
    own = [
        name
        for name, given, note in (
            ("TRL", paper.trl, paper.trl_note),
            ("verl", paper.verl, paper.verl_note),
        )
        if given is not None and "bridge" not in note
    ]
    bridged = "bridge" in paper.trl_note + paper.verl_note
    return " and ".join(own) or ("by our bridge" if bridged else "neither TRL nor verl")


def named(card: Card) -> str:
    """A method's name, linked to its card, on a page in `book/methods`."""
    return f"[{escape(card.title)}]({card.link})"


def picture(_: str) -> str:
    """What is done outside a trust region, and which methods do it, by level."""
    rows = []
    for action, meaning in ACTIONS.items():
        levels: dict[str, list[str]] = {}
        for card in CARDS.values():
            if card.action == action:
                levels.setdefault(card.level, []).append(named(card))
        methods = "; ".join(f"*{level}:* {' · '.join(names)}" for level, names in levels.items())
        rows.append((meaning, methods))
    return table(("what it does", "methods, by the level at which they decide"), rows)


def claimed(_: str) -> str:
    rows = claims.rows_of(claims.every().values())
    links = [(f"[{title}](#{default_slugify(title)})", *counts) for title, *counts in rows]
    return table(("claims of", *claims.COLUMNS, "our questions"), links)


def card(name: str) -> str:
    return claims.body(markdown(claims.every()[name]))


def steps(_: str) -> str:
    """Each step of the ladder: what for, and its line."""
    parts = []
    for number, (before, rung) in enumerate(pairs(), 1):
        where = f"[chapter {int(rung.chapter[:2])}](../notebooks/{rung.chapter}.ipynb)"
        parts.append(
            f"## {number}. {rung.name}\n\n{rung.why} ({where})\n\n"
            f"```diff\n{ladder.changes(rung, before)}\n```"
        )
    return "\n\n".join(parts)


def pairs() -> Iterator[tuple[ladder.Rung | None, ladder.Rung]]:
    """Each rung with the one before it."""
    return zip((None, *ladder.RUNGS[:-1]), ladder.RUNGS, strict=True)


def steps_shown(_: str) -> str:
    """The curves recorded after the ladder's steps."""
    return (
        f"![{figures.described(ladder.curves())}]({LADDER})\n\n*No later step reaches a higher reward than "
        f"the first (dotted: the mean of its last {ladder.LAST} batches), on `dial` at a learning rate of 1e-4. "
        "Full lines: the step; dashed: the step before it. Interquartile means of twelve recorded runs with "
        "95 % intervals.*"
    )


def steps_drawn() -> tuple[Path, Drawing]:
    """The picture of these curves."""
    return BOOK / LADDER, figures.drawing(ladder.curves())


def nine_lines(_: str) -> str:
    """Each step of the ladder with the line that it changes."""
    rows = (
        (f"{number}. {rung.name}", f"`{rung.line}`".replace("|", r"\|"))
        for number, (_, rung) in enumerate(pairs(), 1)
    )
    return table(("step", "its line"), rows)


def three_questions(names: str) -> str:
    """What to ask of a method, answered for some of them, by their cards."""
    asked = ("method", "What is kept close?", "To which policy?", "What is done outside?")
    chosen = (CARDS[name] for name in names.split())
    return table(
        asked,
        (
            (
                f"[{escape(one.title)}](methods/{one.link})",
                *map(escape, (one.what, one.near, one.action)),
            )
            for one in chosen
        ),
    )


def elsewhere(library: str) -> str:
    """What to set in `trl` or `verl` for what each paper describes."""
    return table(("paper", "set", "left open"), papers.table(library))


def citation(_: str) -> str:
    """The book as an entry of BibTeX, from CITATION.cff."""
    kept = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    people = " and ".join(f"{{{one['name']}}}" for one in kept["authors"])
    fields = {
        "title": f"{{{kept['title']}}}",
        "author": people,
        "version": str(kept["version"]),
        "year": str(kept.get("date-released", ""))[:4],
        "url": kept.get("url") or kept.get("repository-code") or "",
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join(["```bibtex", "@software{trust_region_book,", *lines, "}", "```"])


def metrics(_: str) -> str:
    """Every column of a run's history."""
    rows = ((f"`{name}`", one.unit or "1", escape(one.text)) for name, one in METRICS.items())
    return table(("column", "unit", "definition"), rows)


def syllabus(name: str) -> str:
    return table(*teaching.course(name))


def sources(_: str) -> str:
    """The sources in the order of their file; of many authors the first."""
    style = find_plugin("pybtex.style.formatting", "unsrt")()
    kept = parse_file(str(BOOK / "references.bib"))
    for authors in (entry.persons["author"] for entry in kept.entries.values()):
        authors[1:] = authors[1:] if len(authors) < MANY else [Person("others")]
    entries = style.format_bibliography(kept)
    lines = "\n".join(f"- {' '.join(one.text.render(PlainMarkdown()).split())}" for one in entries)
    return re.sub(r"arXiv (\S+)\. URL: \[.+?\]\((.+?)\)", r"[arXiv \1](\2)", lines)


class PlainMarkdown(Backend):
    """Markdown that escapes only what would be a mark in a line of a bibliography."""

    def format_str(self, text: str) -> str:
        return re.sub(r"([\\`*_<>\[\]])", r"\\\1", text)


def asked(_: str) -> str:
    """The questions of practitioners, by the pages that answer them."""
    lines = []
    for page, title in contents().items():
        if page.startswith("book/questions/"):
            text = source(page).read_text("utf-8")
            address = f"{page.removeprefix('book/')}.md"
            lines += ["", f"**[{title}]({address})**", ""]
            for question in re.findall(r"^## (.+)$", text, re.MULTILINE):
                lines.append(f"- [{question}]({address}#{default_slugify(question)})")
    return "\n".join(lines[1:])


def program(name: str) -> str:
    """A file of Python."""
    return f"```python\n{(ROOT / name).read_text(encoding='utf-8').rstrip()}\n```"


MAKERS: dict[str, Callable[[str], str]] = {
    "methods": methods,
    "in-one-line": in_one_line,
    "methods-picture": picture,
    "claims-table": claimed,
    "claims-card": card,
    **records.MAKERS,
    **advice.MAKERS,
    **curves.MAKERS,
    "ladder": steps,
    "nine-lines": nine_lines,
    "three-questions": three_questions,
    "ladder-curves": steps_shown,
    "elsewhere": elsewhere,
    "citation": citation,
    "syllabus": syllabus,
    "reading-times": lambda _: table(teaching.TIMES, teaching.times()),
    "metrics-table": metrics,
    "asked": asked,
    "bibliography": sources,
    "program": program,
}
"""What stands on a page, as Markdown, by its name; called with its argument."""
DRAWN: dict[str, Callable[[], tuple[Path, Drawing]]] = {
    "ladder-curves": steps_drawn,
}
"""What draws the picture of a block, and where that is stored, by the block's name."""


def made(name: str, argument: str) -> str:
    """What a page's source has between two comments."""
    head = f"{name} {argument}" if argument else name
    return f"<!--made {head}-->\n{MAKERS[name](argument).strip()}\n<!--/made-->"


def filled(text: str) -> str:
    """A page's text as it should be."""

    def block(match: re.Match[str]) -> str:
        by_hand = match[1] in RUNNING
        return match[0] if by_hand else made(match[1], (match[2] or "").strip())

    return MADE.sub(block, text)


def drawings(text: str) -> Iterator[tuple[Path, Drawing]]:
    """The pictures of a page's blocks, and where they are stored."""
    for name in sorted({match[1] for match in MADE.finditer(text)} & DRAWN.keys()):
        yield DRAWN[name]()
