"""The book's search: an index made by the build, which `search.js` ranks in the reader's browser.

A unit is a section of a page. For each word the index holds the units that contain it, with a
weight from A to H: how often the word stands there for the length of the section (BM25); a word of
a heading or a title counts more. Names of the package are a list of their own, shown below the
pages. `book/search.yml` adds what readers ask and call things.

Sphinx's own search is switched off: it ranks no page above a name, matches parts of words, and
fetches every page that it lists. The index is a script and not JSON, because a browser reads no
file beside a page opened from a disk.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import shorten
from typing import Any

import yaml
from docutils import nodes
from numpy import base_repr
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.search import IndexBuilder

from book.build.cards import CARDS, PREFIX

HINTS = ("book", "search.yml")
WORD = re.compile(r"[^\W_]+(?:_+[^\W_]+)*")
TAG = re.compile(r"<(script|style|svg|template)\b.*?</\1>|<[^>]*>", re.DOTALL)
SECTIONS = {f"{PREFIX}{card.page}#{card.title}" for card in CARDS.values()}
"""The sections that are methods' cards."""
QUESTIONS = "book/questions/"
"""The pages whose sections are questions: each is a hit of its own."""
TITLE, HEADING, KEYWORD = 12, 6, 16
"""How many times as much as a word of the text a word of a title, of a heading or of a page's
keywords counts."""
SATURATION, LENGTH = 1.6, 0.6
"""BM25's k and b."""
EXCERPT, LINE = 64, 44
"""Characters of a section, and of a name's docstring, that a hit shows."""
LEVELS = 8
"""Of a word's weight in a section: letters from A on. `search.js` knows the number."""
LONGEST_WORD = 40

KINDS = ("question", "page", "card", "evidence", "interface", "internal")
"""What a page is to a reader who searches; `search.js` holds how much each counts."""
EVIDENCE = re.compile(r"book/(recorded|claims|wrong|bibliography|proofs)$")


@dataclass
class Unit:
    """A section: its anchor on the page, its heading and its words."""

    anchor: str
    heading: str
    text: str


@dataclass
class Name:
    """A class, a function or a constant of the package, with the first line of its docstring."""

    name: str
    line: str


@dataclass
class Page:
    """What the search knows of a page."""

    title: str
    units: list[Unit] = field(default_factory=list)
    names: list[Name] = field(default_factory=list)


def words(text: str) -> Iterator[str]:
    """A text's words in small letters; a name with underscores also by its parts."""
    for word in WORD.findall(unicodedata.normalize("NFKC", text).lower()):
        # 0 is asked for, 0.0173 is not.
        if len(word) <= LONGEST_WORD and not (word.isdecimal() and len(word) > 1):
            yield word
            if "_" in word:
                yield from (part for part in word.split("_") if part)


def kind(docname: str) -> str:
    """What a page is, by its place in the book."""
    if docname in ("book/interface/lab", "book/interface/measures", "book/interface/book"):
        return "internal"
    if docname.startswith("book/interface/"):
        return "interface"
    if docname.startswith(PREFIX) and docname != f"{PREFIX}index":
        return "card"
    return "evidence" if EVIDENCE.match(docname) else "page"


def read(doctree: nodes.document) -> Page:
    """The sections and names of a page."""
    page = Page("")
    for section in doctree.findall(nodes.section):
        title = next(iter(section.findall(nodes.title)), None)
        heading = _text(title) if title is not None else ""
        page.title = page.title or heading
        text = " ".join(
            " ".join(_text(child).split()) for child in section.children if child is not title
        )
        page.units.append(Unit(section["ids"][0] if page.units else "", heading, text.strip()))
    for described in doctree.findall(addnodes.desc):
        signature = next(iter(described.findall(addnodes.desc_signature)), None)
        if signature is not None and signature["ids"]:
            content = next(iter(described.findall(addnodes.desc_content)), None)
            first = (
                next(iter(content.findall(nodes.paragraph)), None) if content is not None else None
            )
            line = _text(first) if first is not None else ""
            page.names.append(Name(signature["ids"][0], line))
    return page


def _text(node: nodes.Node) -> str:
    """The words of a node as a reader sees them, without code, formulas and what is searched by
    itself."""
    if isinstance(node, nodes.raw):
        return (
            " ".join(TAG.sub(" ", node.astext()).split()) if "table" in node.astext()[:400] else ""
        )
    if isinstance(node, nodes.Text):
        return node.astext()
    attributes = getattr(node, "attributes", {})
    skipped = (
        nodes.section,
        nodes.literal_block,
        nodes.math,
        nodes.math_block,
        addnodes.desc,
        nodes.comment,
    )
    if isinstance(node, skipped) or attributes.get("nb_element") == "cell_code":
        return ""
    block = not isinstance(node, nodes.TextElement)
    return (" " if block else "").join(_text(child) for child in node.children)


def index(pages: dict[str, Page], hints: dict[str, Any]) -> dict[str, Any]:
    """What `search.js` reads.

    Args:
        pages: what is known of each page, by its name.
        hints: `book/search.yml`.
    """
    names = sorted(pages)
    place = {name: number for number, name in enumerate(names)}
    units: list[list[Any]] = []
    weighed: list[Counter[str]] = []
    stop = set(hints["stop"].split())

    def add(
        docname: str, anchor: str, heading: str, text: str, weights: Counter[str], what: str
    ) -> None:
        units.append([place[docname], anchor, heading, _cut(text), KINDS.index(what)])
        weighed.append(
            Counter({word: count for word, count in weights.items() if word not in stop})
        )

    for question in hints["questions"]:
        docname, _, anchor = question["page"].partition("#")
        if docname not in place:  # a book of a few pages
            continue
        text = f"{question['ask']} {question.get('also', '')}"
        add(
            docname,
            anchor,
            question["ask"],
            "",
            Counter(dict.fromkeys(words(text), TITLE)),
            "question",
        )
    also: dict[str, str] = hints.get("also", {})
    for docname in names:
        page = pages[docname]
        keywords = hints["keywords"].get(docname, "")
        for number, unit in enumerate(page.units):
            if f"{docname}#{unit.anchor}" in hints.get("lists", ()):
                continue
            weights = Counter(words(unit.text))
            weights.update(dict.fromkeys(set(words(unit.heading)), HEADING))
            if number == 0:
                weights.update(dict.fromkeys(set(words(page.title)), TITLE))
                weights.update(dict.fromkeys(set(words(keywords)), KEYWORD))
            asked = number > 0 and docname.startswith(QUESTIONS)
            method = f"{docname}#{number and unit.heading}" in SECTIONS
            if asked or method:
                terms = [*words(unit.heading), *words(also.get(f"{docname}#{unit.anchor}", ""))]
                weights.update(dict.fromkeys(terms, TITLE))
            what = "question" if asked else kind(docname)
            # Below a card's first lines its headings say it all: every card has the same.
            shown = "" if number and what == "card" and not method else unit.text
            add(docname, unit.anchor, unit.heading if number else "", shown, weights, what)
    return {
        "pages": [[name, pages[name].title] for name in names],
        "units": units,
        "words": _postings(weighed),
        "names": [
            [place[docname], one.name, _cut(one.line, LINE)]
            for docname in names
            for one in pages[docname].names
        ],
        "synonyms": [[text.lower() for text in group] for group in hints["synonyms"]],
        "chinese": sorted(hints["chinese"].items(), key=lambda pair: -len(pair[0])),
        "kinds": KINDS,
        "stop": hints["stop"].split(),
    }


def _postings(weighed: list[Counter[str]]) -> dict[str, str]:
    """For each word its units: the distance from the last one in base 36, then a letter for the
    weight there."""
    lengths = [sum(weights.values()) for weights in weighed]
    mean = sum(lengths) / len(lengths)
    lists: dict[str, list[str]] = {}
    last: dict[str, int] = {}
    for number, weights in enumerate(weighed):
        for word, count in weights.items():
            saturated = count / (
                count + SATURATION * (1 - LENGTH + LENGTH * lengths[number] / mean)
            )
            letter = chr(ord("A") + min(LEVELS - 1, math.floor(LEVELS * saturated)))
            lists.setdefault(word, []).append(
                f"{base_repr(number - last.get(word, 0), 36).lower()}{letter}"
            )
            last[word] = number
    return {word: "".join(lists[word]) for word in sorted(lists)}


def _cut(text: str, most: int = EXCERPT) -> str:
    return shorten(text, most, placeholder=" …", break_on_hyphens=False)


def switch_off(app: Sphinx) -> None:
    """No search of Sphinx's own."""
    app.builder.search = False  # type: ignore[attr-defined]


def note(app: Sphinx, doctree: nodes.document) -> None:
    """Keeps what is searched of a page that was read."""
    if "nosearch" not in app.env.metadata[app.env.docname]:
        _kept(app.env)[app.env.docname] = read(doctree)


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    _kept(env).pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment) -> None:
    """Takes over what another process has read."""
    _kept(env).update({name: page for name, page in _kept(other).items() if name in docnames})


def _kept(env: BuildEnvironment) -> dict[str, Page]:
    if not hasattr(env, "searched"):
        env.searched = {}  # type: ignore[attr-defined]
    return env.searched  # type: ignore[attr-defined]


def collect(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """The page that shows hits."""
    hints = load(Path(app.srcdir, *HINTS))
    yield "search", {"questions": hints["questions"]}, "search.html"


def load(path: Path) -> dict[str, Any]:
    """`book/search.yml`, of the pages that are there."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def finish(app: Sphinx, error: Exception | None) -> None:
    """Writes the index, and the stemmer that Sphinx brings, beside `search.js`."""
    if error is not None or app.builder.format != "html":
        return
    pages = {
        name: page
        for name, page in _kept(app.env).items()
        if name in app.env.found_docs and page.units
    }
    made = json.dumps(
        index(pages, load(Path(app.srcdir, *HINTS))), ensure_ascii=False, separators=(",", ":")
    )
    static = Path(app.outdir, "_static")
    static.joinpath("search-index.js").write_text(f"window.bookIndex={made};\n", encoding="utf-8")
    stemmer = IndexBuilder(app.env, "en", {}, "").get_js_stemmer_code()
    static.joinpath("stemmer.js").write_text(stemmer, encoding="utf-8")


def connect(app: Sphinx) -> None:
    app.connect("builder-inited", switch_off)
    app.connect("doctree-read", note, priority=950)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("html-collect-pages", collect)
    app.connect("build-finished", finish)
