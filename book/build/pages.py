"""One pass of Jupyter Book over prepared sources: `python -m book.build.pages SOURCE HTML DOCTREES
[--first PAGE ...]`.

In a process of its own, because Sphinx reads the package's docstrings from the modules it imports,
and on every core, which Jupyter Book's own command does not offer.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path

from jupyter_book.sphinx import build_sphinx

from book.build.execute import cores
from book.build.lock import end_with

SUFFIXES = (".md", ".ipynb")
"""Of the files that are pages: other files lie beside them, and a module's name holds dots of its
own."""


def main() -> int:
    end_with(os.getppid())
    parser = argparse.ArgumentParser(description="Build pages from prepared sources.")
    parser.add_argument("source", type=Path)
    parser.add_argument("html", type=Path)
    parser.add_argument("doctrees", type=Path)
    parser.add_argument("--strict", action="store_true", help="a warning is an error")
    parser.add_argument("--all", action="store_true", help="write every page")
    parser.add_argument(
        "--first", nargs="+", default=[], metavar="PAGE", help="write these pages only"
    )
    arguments = parser.parse_args()
    source: Path = arguments.source
    settings = {
        "external_toc_path": (source / "_toc.yml").as_posix(),
        "latex_individualpages": False,
        "nitpicky": True,
        "first_pages": arguments.first,
        "prepared": True,  # notebooks with their results; nothing is executed here
    }
    # A book is millions of objects that stay. Looking through them for garbage again and again
    # takes a fifth of a pass.
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)
    # The first pages are few and quote the same records: one process that remembers them is as soon
    # done as several.
    result = build_sphinx(
        source,
        arguments.html,
        noconfig=True,
        path_config=source / "_config.yml",
        confoverrides=settings,
        doctreedir=arguments.doctrees,
        filenames=[str(_file(source, page)) for page in arguments.first],
        force_all=arguments.all,
        warningiserror=arguments.strict,
        keep_going=arguments.strict,
        jobs=1 if arguments.first else cores(),
    )
    return int(bool(result))


def _file(source: Path, page: str) -> Path:
    """Where a page is written. One that is made from a module or a card comes later: an empty file
    holds its place."""
    written = [path for suffix in SUFFIXES if (path := source / f"{page}{suffix}").exists()]
    path = written[0] if written else source / f"{page}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


if __name__ == "__main__":
    sys.exit(main())
