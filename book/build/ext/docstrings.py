"""The package's docstrings as sound markup: formulas keep their lines, symbols stay symbols, names
get links.

The docstrings are written to be read in a file: `|` and `*` are mathematics there, one backtick is
code, and a formula is a paragraph of its own whose lines count. (`sphinx.ext.napoleon` would read
`[B] int: which prompt` as the type of an attribute, so the sections are set here.)
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from importlib import import_module
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

FORMULA = re.compile(r"^(?:[^\s=][^=.:]{0,40}) (?:=|≤|≥|≈|∝|->) \S")
LIST = re.compile(r"^\s*(?:[-*]|\d+\.) ")
EMPHASIS = re.compile(r"(?<![\w*\\])\*([^\W\d_](?:[\w '-]*\w)?)\*(?![\w*])")
"""Words between asterisks; `a * b`, `*args` and `x*y*z` are none."""
COLUMNS = re.compile(r"\S {3,}\S")
CODE = re.compile(r"``.+?``|:[\w:]+:`[^`]+`|`[^`]+`")
LEAD = re.compile(
    r"^(Source|Differs from|In the book|Derived here|Identity|Units?|Note)(?: \([^)]*\))?: "
)
INLINE = re.compile(r"^(Raises|Returns) (?=\S)")
"""A section of one line, after the arguments or after prose."""
SECTIONS = {"Args:": "Arguments", "Returns:": "Returns", "Yields:": "Yields", "Raises:": "Raises"}
ENTRY = re.compile(r"^([\w*.]+(?:, [\w*.]+)*): (.*)$")
OUTSIDE: dict[str, str] = json.loads(
    (Path(__file__).parent / "outside.json").read_text(encoding="utf-8")
)


def mend(lines: list[str]) -> list[str]:
    """A docstring's lines as reStructuredText that says what was meant."""
    mended: list[str] = []
    for paragraph in _paragraphs(lines):
        if paragraph[0].strip() in SECTIONS and len(paragraph) > 1:
            mended += [
                f":{SECTIONS[paragraph[0].strip()]}:",
                *_entries(textwrap.dedent("\n".join(paragraph[1:]))),
            ]
        elif LIST.match(paragraph[0]):
            mended += [escape(line) for line in paragraph]
        else:
            mended += _blocks(paragraph)
        mended.append("")
    return mended


def _blocks(paragraph: list[str]) -> list[str]:
    """A paragraph whose laid-out lines (a formula, columns, deeper lines) keep their breaks and
    whose prose flows."""
    base = len(paragraph[0]) - len(paragraph[0].lstrip())
    whole = bool(FORMULA.match(paragraph[0].strip()))
    blocks: list[str] = []
    before = None
    for line in paragraph:
        laid_out = whole or bool(COLUMNS.search(line)) or len(line) - len(line.lstrip()) > base
        if before is not None and laid_out != before:
            blocks.append("")
        prose = INLINE.sub(r"*\1:* ", LEAD.sub(r"*\1:* ", escape(line.strip())))
        blocks.append(f"| {escape(line[base:].rstrip())}" if laid_out else prose)
        before = laid_out
    return blocks


def _entries(text: str) -> list[str]:
    """A section's `name: what it is` lines as a definition list, indented under its heading."""
    lines: list[str] = []
    for line in text.splitlines():
        entry = ENTRY.match(line)
        if entry is not None:
            names = ", ".join(f"``{name}``" for name in entry.group(1).split(", "))
            lines += [f"   {names}", f"      {escape(entry.group(2))}"]
        else:
            lines.append(
                f"      {escape(line.strip())}"
                if lines and line.startswith(" ")
                else f"   {escape(line)}"
            )
    return lines


def escape(line: str) -> str:
    """One line with its mathematics made literal; what stands in backticks becomes code."""
    pieces, last = [], 0
    for code in CODE.finditer(line):
        pieces += [_literal(line[last : code.start()]), _code(code.group())]
        last = code.end()
    return "".join([*pieces, _literal(line[last:])])


def _literal(text: str) -> str:
    """Text whose symbols stay symbols; emphasised words stay emphasised."""
    pieces, last = [], 0
    for words in EMPHASIS.finditer(text):
        pieces += [_symbols(text[last : words.start()]), words.group()]
        last = words.end()
    return "".join([*pieces, _symbols(text[last:])])


def _symbols(text: str) -> str:
    text = re.sub(r"(?<!\\)([|*\\])", r"\\\1", text)
    return re.sub(r"(\w)_(?=\W|$)", r"\1\\_", text)


def _code(text: str) -> str:
    return text if text.startswith((":", "``")) else f"`{text}`"


def _paragraphs(lines: list[str]) -> list[list[str]]:
    paragraphs: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            if paragraphs[-1] and (LEAD.match(line) or INLINE.match(line)):
                paragraphs.append([])
            paragraphs[-1].append(line)
        elif paragraphs[-1]:
            paragraphs.append([])
    return [paragraph for paragraph in paragraphs if paragraph]


def process(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    if name.startswith(("trlib", "trlab", "trcheck", "trbook")):
        lines[:] = mend(lines)


def called(app: Sphinx, *found: Any) -> tuple[str | None, str | None]:
    """A signature in Python: of one with `<factory>`, as dataclasses write it, Sphinx takes every comma
    for the end of an argument."""
    *_, signature, returned = found
    return signature and signature.replace("<factory>", "..."), returned


def outside(
    app: Sphinx, env: Any, node: pending_xref, content: nodes.Element
) -> nodes.Element | None:
    """A link for a name of another library: from the table in `outside.json`, or to Python's own
    documentation.

    Any other name that exists stays plain text (ours, if it has no page); one that does not exist
    fails the build.
    """
    target = node.get("reftarget", "")
    address = OUTSIDE.get(target)
    if address is None:
        if not _exists(target):
            return None
        module = target.rpartition(".")[0]
        standard = module.split(".")[0] in sys.stdlib_module_names
        address = f"https://docs.python.org/3/library/{module}.html#{target}" if standard else ""
    if not address:
        return content
    return nodes.reference("", "", content, internal=False, refuri=address, classes=["external"])


def adopt(app: Sphinx, doctree: nodes.document) -> None:
    """Ties the nodes of a docstring to the page that they are on.

    They were parsed in a document of their own. While they refer to it, every page is stored with
    all that this document knows, the whole of Sphinx's environment: 15 MB a module, read again each
    time that the page is needed.
    """
    for node in doctree.findall():
        if node._document is not None:
            node.document = doctree


def _exists(target: str) -> bool:
    module, _, name = target.rpartition(".")
    if not module:
        return False
    try:
        return hasattr(import_module(module), name)
    except ImportError:
        return False


def connect(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", process, priority=400)
    app.connect("autodoc-process-signature", called)
    app.connect("missing-reference", outside)
    app.connect("doctree-read", adopt)
