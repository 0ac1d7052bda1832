"""Old addresses lead to the pages that took their place: `book/moved.yml` is the list.

A static host cannot send a redirect, so at each old address lies a small page that names the new
one to browsers, to search engines and to whoever reads it.
"""

from __future__ import annotations

import html
from pathlib import Path
from posixpath import dirname, relpath

import yaml
from sphinx.application import Sphinx

LIST = ("book", "moved.yml")
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta http-equiv="refresh" content="0; url={link}">
<link rel="canonical" href="{canonical}">
<title>Moved: {title}</title>
</head>
<body>
<main>
<h1>This page has moved</h1>
<p>It is now <a href="{link}">{title}</a>.</p>
</main>
</body>
</html>
"""


def moved(folder: Path) -> dict[str, str]:
    """Old pages and where they lead.

    Args:
        folder: the book's sources.
    """
    return yaml.safe_load(folder.joinpath(*LIST).read_text(encoding="utf-8"))


def page(old: str, new: str, title: str, base: str = "") -> str:
    """What lies at an old address.

    Args:
        old: the page that is gone, such as `book/taxonomy`.
        new: the page that took its place, perhaps with `#` and a place on it.
        title: of that page.
        base: the book's address with a slash at its end; empty: it has none.
    """
    name, mark, place = new.partition("#")
    link = f"{relpath(name, dirname(old))}.html"
    return PAGE.format(
        link=html.escape(f"{link}{mark}{place}"),
        canonical=html.escape(f"{base}{name}.html" if base else link),
        title=html.escape(title),
    )


def finish(app: Sphinx, error: Exception | None) -> None:
    """Writes a page at every old address.

    Raises:
        ValueError: an old address has a page again, or a new one has none.
    """
    if error is not None or app.builder.format != "html":
        return
    for old, new in moved(Path(app.srcdir)).items():
        name = new.partition("#")[0]
        if old in app.env.found_docs or name not in app.env.found_docs:
            raise ValueError(
                f"moved.yml: expected a page that is gone and one that is there, got {old}: {new}"
            )
        path = Path(app.outdir, f"{old}.html")
        path.parent.mkdir(parents=True, exist_ok=True)
        title = app.env.titles[name].astext()
        path.write_text(page(old, new, title, app.config.html_baseurl), encoding="utf-8")


def connect(app: Sphinx) -> None:
    app.connect(
        "build-finished", finish, priority=850
    )  # after old pages went, before all are sealed
