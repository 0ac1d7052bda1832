"""What the sidebar shows and which page comes next.

The table of contents nests a chapter's companions below it. The sidebar shows those of the page that
is open, so that it has forty links and not a hundred and fifty; the pages of a folder of its own, cards
and modules of the interface, it leaves to the page above them, which it then marks as the open one. *Next* leads along the chapters: a companion is a
detour that its chapter offers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from posixpath import dirname, join, normpath, relpath
from typing import Any

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.environment.adapters.toctree import global_toctree_for_doc
from sphinx_external_toc.api import SiteMap

from book.build.ext import questions

FOLDERS = ("book/methods", "book/interface", "book/questions")
"""Their pages are reached from the page above them."""
UNLISTED = "trlab/records/"
"""Its pages are reached from the sentences that rest on them: they stand in no contents, in no
search and in no list of pages."""
CHAPTER = re.compile(r"\d+ · ")
"""How the contents call a numbered chapter. What stands below it is its companions."""


@cache
def contents(builder: StandaloneHTMLBuilder, **options: Any) -> str:
    """The contents as the root page shows them. They are the same on every page but for its links and
    for what is marked, and Sphinx takes a fifth of a build to make them anew for each page."""
    root = builder.config.root_doc
    tree = global_toctree_for_doc(builder.env, root, builder, **options)
    return str(builder.render_partial(tree)["fragment"])


def sidebar(pages: Sequence[str], html: str, root: str) -> str:
    """The contents as a page's sidebar shows them.

    Args:
        pages: the page, and those above it in the contents, the nearest first.
        html: the contents as the root page has them, to the depth of companions.
        root: the root page.
    """
    soup = BeautifulSoup(html, "html.parser")
    links = {
        normpath(join(dirname(root), str(link["href"]))): link for link in soup.select("a.internal")
    }
    here = next((page for page in pages if f"{page}.html" in links), None)
    if here:
        own = links[f"{here}.html"]
        for one in (*([own] if here == pages[0] else []), *own.find_parents(["li", "ul"])):
            one["class"] = [*filter(None, one.get_attribute_list("class")), "current"]  # type: ignore[assignment]
    for target, link in links.items():
        link["href"] = "#" if target == f"{pages[0]}.html" else relpath(target, dirname(pages[0]))
        item = link.find_parent("li", class_="toctree-l2")
        if item and target.rpartition("/")[0] in FOLDERS and not target.endswith("/index.html"):
            item.decompose()
    for folded in soup.select("li.toctree-l1 > ul"):
        above = folded.parent
        classes = above.get_attribute_list("class") if above else []
        if folded.find("li") is None or "current" not in classes:
            folded.decompose()
    open_one = soup.select("li.current")
    if open_one and not soup.select("li.active"):
        # Its entry is not shown: the theme scrolls to the one above.
        names = filter(None, open_one[-1].get_attribute_list("class"))
        open_one[-1]["class"] = " ".join([*names, "active"])
    return str(soup)


def steps(order: Sequence[str], below: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, str]]:
    """For each page the one before it and the one after it, empty at the ends.

    A companion comes after its chapter, but the chapter leads on to the next chapter, and that one
    back to the chapter.

    Args:
        order: all pages as the contents have them.
        below: the companions of each chapter.
    """
    aside = {name for names in below.values() for name in names}
    main = [name for name in order if name not in aside]

    def beside(pages: list[str]) -> dict[str, tuple[str, str]]:
        around = zip(pages, pages[1:], pages[2:], strict=False)
        return {page: (before, after) for before, page, after in around}

    neighbours = beside(["", *main, ""])
    for chapter, names in below.items():
        neighbours |= beside([chapter, *names, neighbours[chapter][1]])
    return neighbours


@cache
def places(builder: Any) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """For each page the one above it in the contents, and those before and after it. Below a numbered
    chapter `_toc.yml` lists its companions."""
    listed: SiteMap = builder.env.external_site_map
    above = {child: one.docname for one in listed.values() for child in one.child_files()}
    above |= questions.pages(builder.env)
    chapters = (page for page in listed.values() if CHAPTER.match(page.title or ""))
    below = {page.docname: page.child_files() for page in chapters if page.child_files()}
    return above, steps(list(builder.relations), below)


def with_ancestors(page: str, above: Mapping[str, str]) -> list[str]:
    """A page and those above it in the contents, the nearest first."""
    pages = [page]
    while pages[-1] in above:
        pages.append(above[pages[-1]])
    return pages


def shown(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Gives a page its sidebar, and the pages before and after it."""
    if "toctree" not in context:
        return
    builder: Any = app.builder
    root = app.config.root_doc
    above, walk = places(builder)
    pages = with_ancestors(pagename, above)
    context["toctree"] = lambda **options: sidebar(pages, contents(builder, **options), root)
    for role, name in zip(("prev", "next"), walk.get(pagename, ()), strict=False):
        context[role] = (
            {
                "link": app.builder.get_relative_uri(pagename, name),
                "title": app.builder.render_partial(app.env.titles[name])["title"],  # type: ignore[attr-defined]
            }
            if name
            else None
        )


def name_toggles(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Says at each of the sidebar's arrows what it unfolds; the theme's have no name."""
    generate = context["generate_toctree_html"]

    def named(*arguments: Any, **options: Any) -> BeautifulSoup:
        made: BeautifulSoup = generate(*arguments, **options)
        for arrow in made.select("li > details > summary"):
            above = arrow.find_parent("li").find("a")  # type: ignore[union-attr]
            arrow["aria-label"] = f"Pages below {above.get_text(strip=True)}"  # type: ignore[union-attr]
        return made

    context["generate_toctree_html"] = named


def unlist(app: Sphinx, doctree: nodes.document) -> None:
    """Says of a page that stands in no contents that it is meant to."""
    if app.env.docname.startswith(UNLISTED):
        app.env.metadata[app.env.docname].update(orphan=True, nosearch=True)


def connect(app: Sphinx) -> None:
    app.connect("doctree-read", unlist)
    app.connect("html-page-context", shown, priority=400)  # before the theme asks for the contents
    app.connect("html-page-context", name_toggles, priority=900)  # after it
