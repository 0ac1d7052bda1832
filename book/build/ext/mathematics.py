"""Formulas drawn by the vendored KaTeX when the book is built: a page loads its style and fonts,
and no script.

KaTeX runs in QuickJS, inside this process (4 ms a formula). A formula that it cannot read fails the
build.

A displayed formula may carry `\\label{name}`, which reads well in plain Jupyter too: it is numbered
here. `[the clipped loss](#equation-name)` links to it under those words; `[](#name)`, or the role
`eq`, under its number.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any, cast

import dukpy
from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.math import MathDomain
from sphinx.domains.std import StandardDomain
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

LABEL = re.compile(r"\s*\\label\{([^}]+)\}")
KATEX = Path(__file__).parent / "katex" / "katex.min.js"
"""Beside this file and not among the static files: no page loads it."""
STYLE = "katex/katex.min.css"
DRAW = "katex.renderToString(dukpy.tex, {displayMode: dukpy.displayed, strict: 'ignore'})"
MATHML = re.compile(r"<math .*?</math>", re.DOTALL)
FIXED = ("mfrac", "mover", "munder", "msub", "msup", "msubsup")
"""Elements of MathML that hold a fixed number of parts."""
APPLIED = "\u2061"
"""The sign that applies a function to what follows."""
LOGGER = logging.getLogger(__name__)


class Labels(SphinxTransform):
    """Turns `\\label{name}` inside a displayed formula into a numbered equation."""

    default_priority = 200  # before docutils moves a target's id to what follows it

    def apply(self, **kwargs: Any) -> None:
        domain = cast(MathDomain, self.env.get_domain("math"))
        for node in list(self.document.findall(nodes.math_block)):
            match = LABEL.search(node.astext())
            if match is None or node.get("label"):
                continue
            label = match.group(1)
            text = LABEL.sub("", node.astext())
            node.clear()
            node += nodes.Text(text)
            domain.note_equation(self.env.docname, label, location=node)
            node["label"], node["docname"] = label, self.env.docname
            node["number"] = domain.get_equation_number_for(label)
            name = nodes.make_id(f"equation-{label}")
            target = nodes.target("", "", ids=[name])
            self.document.note_explicit_target(target)
            node.parent.insert(node.parent.index(node), target)
            cast(StandardDomain, self.env.get_domain("std")).anonlabels[name] = (
                self.env.docname,
                name,
            )


@functools.cache
def _katex() -> Any:
    interpreter = dukpy.JSInterpreter()
    interpreter.evaljs(KATEX.read_text(encoding="utf-8") + ";0")
    return interpreter


@functools.cache
def drawn(tex: str, displayed: bool = False) -> str:
    """A formula as HTML for the eye and MathML for a reader that speaks.

    Raises:
        ValueError: KaTeX cannot read it; the message is KaTeX's.
    """
    try:
        html = _katex().evaljs(DRAW, tex=tex, displayed=displayed)
    except dukpy.JSRuntimeError as error:
        raise ValueError(str(error).splitlines()[0]) from error
    return MATHML.sub(lambda match: valid(match[0]), html)


def breaks(tex: str) -> bool:
    """Whether a formula has a place to break inside; of one that KaTeX cannot read, the writer says
    so."""
    try:
        return drawn(tex).count('class="base"') > 1
    except ValueError:
        return True


def valid(formula: str) -> str:
    """KaTeX's MathML as MathML has it: KaTeX writes the sign that applies a function as a part of its
    own, and a fraction over `Var` then has three parts."""
    if APPLIED not in formula:
        return formula
    soup = BeautifulSoup(formula, "html.parser")
    for sign in soup.find_all("mo", string=APPLIED):
        if sign.parent is not None and sign.parent.name in FIXED:
            sign.decompose()
    return str(soup)


def _body(node: nodes.math | nodes.math_block, displayed: bool) -> str:
    try:
        return drawn(node.astext().strip(), displayed)
    except ValueError as error:
        LOGGER.warning("%s", error, location=node)
        return ""


def inline(self: Any, node: nodes.math) -> None:
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    self.body.append(f"{_body(node, False)}</span>")
    raise nodes.SkipNode


def displayed(self: Any, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node.get("number"):
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(f'<span class="tex">{_body(node, True)}</span></div>\n')
    raise nodes.SkipNode


def begin(app: Sphinx, env: Any) -> None:
    """Reads KaTeX once, before Sphinx forks a process for every few pages that it writes."""
    _katex()


def load(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Adds KaTeX's style to a page with formulas."""
    if 'class="katex' in context.get("body", ""):
        app.add_css_file(STYLE)


def connect(app: Sphinx) -> None:
    app.add_transform(Labels)
    app.add_html_math_renderer("katex", (inline, None), (displayed, None))
    app.connect("env-updated", begin)
    app.connect("html-page-context", load)
