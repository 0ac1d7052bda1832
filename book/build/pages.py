"""A few pages of the book by themselves: `python -m book.build.pages OUT PAGE ...`, as in
`python -m book.build.pages _build/one book/report`.

Tests look at a page of each kind. The book itself is
`jupyter-book build .`, which has no such option. Of all other pages only the title is read
(`book.build.ext.preview`). In a process of its own, because Sphinx reads the package's docstrings from
the modules that it imports.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from book.build.paths import ROOT, source


class BuildFailed(Exception):
    """Sphinx found an error; the message is what it said."""


def build(out: Path, pages: Sequence[str]) -> Path:
    """The folder of the built pages.

    Raises:
        BuildFailed: Sphinx found an error.
    """
    command = [sys.executable, "-m", "book.build.pages", str(out), *pages]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        raise BuildFailed((done.stdout + done.stderr)[-6000:])
    return out / "html"


def main() -> int:
    from jupyter_book.sphinx import build_sphinx

    parser = argparse.ArgumentParser(description="Build a few pages by themselves.")
    parser.add_argument("out", type=Path)
    parser.add_argument("pages", nargs="+", metavar="PAGE")
    arguments = parser.parse_args()
    try:
        files = [str(source(page)) for page in arguments.pages]
    except FileNotFoundError as error:
        parser.error(str(error))
    result = build_sphinx(
        ROOT,
        arguments.out / "html",
        noconfig=True,
        path_config=ROOT / "_config.yml",
        confoverrides={
            "external_toc_path": (ROOT / "_toc.yml").as_posix(),
            "latex_individualpages": False,
            "first_pages": arguments.pages,
        },
        doctreedir=arguments.out / ".doctrees",
        filenames=files,
    )
    return int(bool(result))


if __name__ == "__main__":
    sys.exit(main())
