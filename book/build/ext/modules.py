"""The interface: a page for each room, its modules as sections, and members that open on demand.

A page names its modules between `<!--modules-->` and `<!--/modules-->`, a line `- [title](PATH)` for
each, in its order: whoever reads the source finds the files there. In the built book the list becomes
a table of them and a section for each. A function, class or method is a line, its
call and what it does; opening it, or following a link to it, shows signature and docstring.
"""

from __future__ import annotations

import html
import inspect
import re
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx import addnodes, version_info
from sphinx.application import Sphinx
from sphinx.ext.autodoc import AttributeDocumenter

from book.build.claims import card_of
from book.build.markdown import escape

BLOCK = re.compile(r"^<!--modules-->\n(.*?)^<!--/modules-->$", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"- \[(.+)\]\((?:\.\./)+([\w/]+)(?:\.py)?\)")
TABLE = """| | module | what it holds |
|---|---|---|
"""
SECTION = """## {title}

`{name}`

{claims}```{{eval-rst}}
.. automodule:: {name}
   :members:
   :ignore-module-all:
```
"""
FOLDED = {"function", "class", "exception", "method", "classmethod", "staticmethod"}
LONGEST_VALUE = 2_000
"""Characters of a constant's value that a page shows."""
SENTENCE = re.compile(r"(?<=[.!?:]) (?=[^\W\da-z_])|\n")


def modules(page: str) -> dict[str, str]:
    """The modules that a page's text names: name -> title.

    Raises:
        ValueError: such a line in another form.
    """
    titles = {}
    for line in "".join(BLOCK.findall(page)).splitlines():
        match = LINE.fullmatch(line)
        if not match:
            raise ValueError(f"modules: expected - [title](../../PATH), got {line!r}")
        titles[match[2].replace("/", ".")] = match[1]
    return titles


def summary(kind: object) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(kind) or "").split("\n\n", 1)[0].split())


def fill(app: Sphinx, docname: str, source: list[str]) -> None:
    """Puts a table and the sections of its modules where a page names them."""
    named = modules(source[0])
    if named:
        table = "".join(
            f"| {title} | `{name}` | {escape(first(summary(import_module(name))))} |\n"
            for name, title in named.items()
        )
        sections = "\n".join(
            SECTION.format(title=title, name=name, claims=card_of(name))
            for name, title in named.items()
        )
        source[0] = BLOCK.sub(lambda _: f"{TABLE}{table}\n{sections}", source[0])


def fold(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Puts each function, class and method into a fold whose line is its call and its first
    sentence."""
    for description in list(doctree.findall(addnodes.desc)):
        if description.get("domain") != "py" or description.get("objtype") not in FOLDED:
            continue
        signature, content = description[0], description[-1]
        text = next((child.astext() for child in content if isinstance(child, nodes.paragraph)), "")
        line = f"<code>{html.escape(call(signature))}</code> {html.escape(first(text))}"
        opened = nodes.raw("", f'<details class="member"><summary>{line}</summary>', format="html")
        parent = description.parent
        at = parent.index(description)
        parent.insert(at, opened)
        parent.insert(at + 2, nodes.raw("", "</details>", format="html"))


def shorten(app: Sphinx, doctree: nodes.document) -> None:
    """Leaves out the value of a constant that is longer than a few lines: what it holds is said
    below it."""
    for value in list(doctree.findall(addnodes.desc_annotation)):
        if value.astext().startswith(" = ") and len(value.astext()) > LONGEST_VALUE:
            value.parent.remove(value)


def call(signature: nodes.Element) -> str:
    """A signature as one would call it: names and defaults, no types."""
    name = "".join(part.astext() for part in signature.findall(addnodes.desc_name))
    lists = list(signature.findall(addnodes.desc_parameterlist))
    parameters = []
    for parameter in lists[0].findall(addnodes.desc_parameter) if lists else ():
        default = [
            part.astext()
            for part in parameter.findall(nodes.inline)
            if "default_value" in part["classes"]
        ]
        shown = (
            parameter.children[0].astext()
            if default or isinstance(parameter.children[0], addnodes.desc_sig_name)
            else parameter.astext().split(":")[0]
        )
        parameters.append(f"{shown}={default[0]}" if default else shown)
    return f"{name}({', '.join(parameters)})" if lists else name


def first(text: str) -> str:
    """A text's first sentence."""
    return SENTENCE.split(text.strip(), maxsplit=1)[0].rstrip(":")


class Attribute(AttributeDocumenter):
    """Leaves the types of inherited attributes with the class that has them.

    Sphinx before version 9 writes them into the class that it documents, whose module need not know
    their names. From then on no subclass that is new to the process could look up the types of its
    settings.
    """

    def update_annotations(self, parent: Any) -> None:
        own = set(vars(parent).get("__annotations__", ()))
        super().update_annotations(parent)
        for base in parent.__mro__[1:]:
            for name in set(vars(base).get("__annotations__", ())) - own:
                parent.__annotations__.pop(name, None)


def connect(app: Sphinx) -> None:
    app.setup_extension("sphinx.ext.autodoc")
    if version_info < (9,):
        app.add_autodocumenter(Attribute, override=True)
    app.connect("source-read", fill)
    app.connect("doctree-resolved", fold)
    app.connect("doctree-read", shorten)
