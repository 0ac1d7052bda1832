"""What the sidebar shows and which page comes next.

The table of contents nests a chapter's companions below it. The sidebar shows those of the page that
is open, so that it has forty links and not a hundred and fifty; the pages of a folder of its own, cards
and modules of the interface, it leaves to the page above them, which it then marks as the open one. *Next* leads along the chapters: a companion is a
detour that its chapter offers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.application import Sphinx
from sphinx_external_toc.api import SiteMap

FOLDERS = ("book/methods", "book/interface", "book/questions")
"""Their pages are reached from the page above them."""
UNLISTED = "trlab/records/"
"""Its pages are reached from the sentences that rest on them: they stand in no contents, in no
search and in no list of pages."""
CHAPTER = re.compile(r"\d+ · ")
"""How the contents call a numbered chapter. What stands below it is its companions."""


def sidebar(pagename: str, html: str) -> str:
    """The contents as a page's sidebar shows them.

    Args:
        pagename: the page that links are relative to.
        html: the contents, to the depth of companions.
    """
    soup = BeautifulSoup(html, "html.parser")
    here = PurePosixPath(pagename).parent
    for item in soup.select("li.toctree-l2"):
        link = item.find("a")
        target = normpath(str(here / str(link["href"]))) if link else ""
        if target.rpartition("/")[0] in FOLDERS and not target.endswith("/index.html"):
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

    found = beside(["", *main, ""])
    for chapter, names in below.items():
        found |= beside([chapter, *names, found[chapter][1]])
    return found


def companions(contents: SiteMap) -> dict[str, list[str]]:
    """For each numbered chapter that has some, the pages that `_toc.yml` lists below it."""
    chapters = (page for page in contents.values() if CHAPTER.match(page.title or ""))
    return {page.docname: page.child_files() for page in chapters if page.child_files()}


def shown(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Gives a page its sidebar, and the pages before and after it."""
    whole = context.get("toctree")
    if whole is None:
        return
    context["toctree"] = lambda **options: sidebar(pagename, whole(**options))
    order = list(app.builder.relations)  # type: ignore[attr-defined]
    walk = steps(order, companions(app.env.external_site_map))  # type: ignore[attr-defined]
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
