"""Pages kept small (nothing loaded that no page uses) and accessible (names where the theme forgets them)."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.application import Sphinx

from trlib.pages.explorables.modules import BUILT, link_modules, preloads

UNUSED = ("sphinx-thebe", "thebe", "design-tabs")
"""Scripts and styles that no page of this book uses, by a part of their name."""
THEBE = re.compile(r'<script type="text/x-thebe-config">.*?</script>|<script>kernelName = .*?</script>', re.DOTALL)
SIGNATURE = re.compile(r'<dt class="sig .*?</dt>', re.DOTALL)
SIGNATURE_LIST = re.compile(r"<(/?)d[ld]>")
PRUNED = ("**/*.map", "vendor", "sphinx-thebe*", "webpack-macros.html", "locales")
"""Files that no page loads, below `_static`."""


def slim(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Drops scripts and styles that no page uses."""
    for kind in ("script_files", "css_files"):
        if kind in context:
            context[kind] = [file for file in context[kind] if not _unused(file)]
    if "body" in context:
        body = mend(THEBE.sub("", context["body"]))
        home = context["pathto"]("_static/explorables", 1)
        context["body"] = link_modules(body, home)
        context["metatags"] = context.get("metatags", "") + preloads(body, home)


def mend(body: str) -> str:
    """A page's HTML without the roles and lists that the accessibility rules forbid.

    A signature over several lines comes as a definition list without terms, a bibliography with deprecated roles.
    """
    body = body.replace(' role="doc-biblioentry"', "").replace('<div role="list" class="citation-list">',
                                                               '<div class="citation-list">')
    body = body.replace(' aria-label="Toggle hidden content"', "")  # a folded cell's own words name it better
    return SIGNATURE.sub(lambda found: SIGNATURE_LIST.sub(_span, found.group()), body)


def finish(app: Sphinx, error: Exception | None) -> None:
    """Brings the explorables' modules, which pages share, and removes what no page loads."""
    static = Path(app.outdir, "_static")
    shutil.copytree(BUILT / "static", static / "explorables", dirs_exist_ok=True)
    for pattern in PRUNED if error is None else ():
        for path in list(static.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def name_contents(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Names the fold-out marks of the table of contents after the chapter that they open."""
    original: Callable[..., Any] | None = context.get("generate_toctree_html")
    if original is None:
        return

    def named(*args: Any, **kwargs: Any) -> Any:
        tree = original(*args, **kwargs)
        text = str(tree)
        if "<summary" not in text:
            return tree
        soup = BeautifulSoup(text, "html.parser")
        for summary in soup.select("li > details > summary"):
            item = summary.find_parent("li")
            link = item.find("a") if item else None
            summary["aria-label"] = f"Pages under {link.get_text(strip=True)}" if link else "More pages"
        return str(soup)

    context["generate_toctree_html"] = named


def scrollable(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Wraps wide tables, so that a phone scrolls the table and not the page."""
    for node in list(doctree.findall(nodes.table)):
        frame = nodes.container(classes=["scroll"])
        node.replace_self(frame)
        frame += node


def _span(tag: re.Match[str]) -> str:
    return "</span>" if tag.group(1) else '<span class="sig-line">'


def _unused(file: Any) -> bool:
    """Thebe's parts, and the blob of widget state: the explorables bring their own host."""
    name = str(getattr(file, "filename", file) or "")
    attributes = getattr(file, "attributes", None) or {}
    return (any(part in name for part in UNUSED) or "thebe" in str(attributes.get("body", ""))
            or "widget-state" in str(attributes.get("type", "")))


def connect(app: Sphinx) -> None:
    app.connect("html-page-context", slim, priority=900)
    app.connect("html-page-context", name_contents, priority=900)
    app.connect("doctree-resolved", scrollable)
    app.connect("build-finished", finish)
