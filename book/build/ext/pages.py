"""Pages kept small (nothing loaded that no page uses) and accessible (names where the theme forgets
them)."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from book.build.ext import line_breaks, phone_tables
from book.build.ext.explorables import moving
from book.build.ext.search import TAG
from trbook.explorables.modules import link_modules, preloads
from trbook.explorables.publish import publish
from trbook.reveal import unfolded

UNUSED = ("thebe", "design-tabs", "toggle", "DOCUMENTATION_OPTIONS.pagename")
"""Scripts and styles that no page of this book uses, by a part of their name or text."""
NEEDED_BY = {
    "sphinx-design": "sd-",
    "copybutton": 'class="highlight',
    "clipboard": 'class="highlight',
    "mystnb": 'class="cell',
    "wide.css": 'class="wide-figure',
    "predict.js": "<strong>Predict",
}
"""Others, by a part of their name, and the mark of a page that uses them."""
FONTS = ("region-serif-latin-wght-normal", "inter-latin-wght-normal")
"""What every page's first lines are set in: asked for before the styles that name them."""
MATH_FONTS = ("KaTeX_Main-Regular", "KaTeX_Math-Italic")
"""So are these, where a formula is among the first lines: set anew, it moves what stands below it."""
FIRST_LINES = 1000
"""Characters of text."""
LINES = 8
"""Of a cell of code that a phone shows whole; `book.js` folds a longer one, whose place the style keeps."""
LONG = re.compile(
    r'<div class="cell_input docutils container">\s*<div class="highlight-[\w-]+ notranslate">'
    r'<div class="highlight"><pre>(?P<code>.*?)</pre>',
    re.DOTALL,
)
STORAGE = Path(__file__).with_name("storage.js").read_text(encoding="utf-8")
"""Runs before the theme's scripts, which take a place to store things for granted."""
THEBE = re.compile(
    r'<script type="text/x-thebe-config">.*?</script>|<script>kernelName = .*?</script>', re.DOTALL
)
STYLE = re.compile(r"<(template|script)\b.*?</\1>|<style[^>]*>(.*?)</style>", re.DOTALL)
"""The style of an output, and what keeps its own."""
SIGNATURE = re.compile(r'<dt class="sig .*?</dt>', re.DOTALL)
SIGNATURE_LIST = re.compile(r"<(/?)d[ld]>")
TO_NOTEBOOK = re.compile(r'(?<=href=")(\w+)\.ipynb(?=[#"])')
"""A link in a cell's output that leads to another notebook, as it works in Jupyter."""
PRUNED = ("**/*.map", "vendor", "sphinx-thebe*", "webpack-macros.html", "locales")
"""Files that no page loads, below `_static`."""


def slim(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Drops scripts and styles that the page does not use."""
    for kind in ("script_files", "css_files"):
        if kind in context:
            context[kind] = [
                file for file in context[kind] if not _unused(file, context.get("body", ""))
            ]
    if "body" in context:
        body = phone_tables.tables(mend(unfolded(THEBE.sub("", context["body"]))))
        body = LONG.sub(_long, body)
        body = styled(line_breaks.names(line_breaks.numbers(body)))
        body = moving(body)
        home = context["pathto"]("_static/explorables", 1)
        context["body"] = link_modules(body, home)
        context["metatags"] = context.get("metatags", "") + preloads(body, home)


def order(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """What a reader needs first comes first: fonts do not wait for the styles that name them,
    scripts do for text.

    Before all of it stands what the theme's first script needs.

    A button that ran an inline handler, which a page's policy forbids, becomes a link that
    `book.js` knows.
    """
    context["metatags"] = f"<script>\n{STORAGE}</script>{context.get('metatags', '')}"
    fonts = [f"fonts/{name}" for name in FONTS]
    if _begins_with_formula(context.get("body", "")):
        fonts += [f"katex/fonts/{name}" for name in MATH_FONTS]
    for name in fonts:
        address = context["pathto"](f"_static/{name}.woff2", 1)
        context["metatags"] = (
            f'{context.get("metatags", "")}\n<link rel="preload" href="{address}" as="font" '
            'type="font/woff2" crossorigin>'
        )
    for file in context.get("script_files", ()):
        if getattr(file, "filename", None):
            file.attributes.setdefault("defer", "defer")
    for button in context.get("header_buttons", ()):
        for entry in (button, *button.get("buttons", ())):
            if entry.pop("javascript", None):
                entry.update(type="link", url="#print")


def mend(body: str) -> str:
    """A page's HTML without the roles and lists that the accessibility rules forbid.

    A link from an output to a notebook leads to its page. A signature over several lines comes as a
    definition list without terms.
    """
    body = TO_NOTEBOOK.sub(r"\1.html", body)
    # A folded cell's own words name it better.
    body = body.replace(' aria-label="Toggle hidden content"', "")
    return SIGNATURE.sub(lambda match: SIGNATURE_LIST.sub(_span, match.group()), body)


def styled(body: str) -> str:
    """A page's HTML with the styles of its outputs before all of it, each once: for a style that
    arrives later a browser styles everything anew."""
    styles = dict.fromkeys(text for _, text in STYLE.findall(body) if text.strip())
    body = STYLE.sub(lambda match: match[0] if match[1] else "", body)
    return f"<style>{''.join(styles)}</style>{body}" if styles else body


def finish(app: Sphinx, error: Exception | None) -> None:
    """Copies in the explorables' modules, which pages share; removes what no page loads."""
    static = Path(app.outdir, "_static")
    publish(static / "explorables")
    for pattern in PRUNED if error is None else ():
        for path in list(static.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def scrollable(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Wraps wide tables, so that a phone scrolls the table and not the page."""
    for node in list(doctree.findall(nodes.table)):
        frame = nodes.container(classes=["scroll"])
        node.replace_self(frame)
        frame += node


def number(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Figures count from 1 on every page: Sphinx counts them through the whole book, so that
    chapter 6 began with figure 20."""
    for numbers in app.env.toc_fignumbers.get(docname, {}).values():
        numbers.update({name: (i,) for i, name in enumerate(numbers, 1)})


def _span(tag: re.Match[str]) -> str:
    return "</span>" if tag.group(1) else '<span class="sig-line">'


def _long(cell: re.Match[str]) -> str:
    lines = TAG.sub("", cell["code"]).strip().count("\n") + 1
    return cell[0].replace("cell_input", "cell_input long", 1) if lines > LINES else cell[0]


def _begins_with_formula(body: str) -> bool:
    before, formula, _ = body.partition('class="katex')
    return bool(formula) and len(TAG.sub("", before)) < FIRST_LINES


def _unused(file: Any, body: str) -> bool:
    """What no page uses, what this one does not use, and the blob of widget state: the explorables
    have their host."""
    name = str(getattr(file, "filename", file) or "")
    attributes = getattr(file, "attributes", None) or {}
    return (
        any(part in f"{name} {attributes.get('body', '')}" for part in UNUSED)
        or any(part in name and mark not in body for part, mark in NEEDED_BY.items())
        or "widget-state" in str(attributes.get("type", ""))
    )


def connect(app: Sphinx) -> None:
    app.connect("html-page-context", slim, priority=900)
    app.connect("html-page-context", order, priority=900)
    app.connect("doctree-resolved", scrollable)
    app.connect("doctree-resolved", number)
    app.connect("build-finished", finish)
