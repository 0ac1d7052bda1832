"""The package beside the notebooks: a reader who runs a page on Colab downloads both from the book, and needs no copy
of the repository.

Made by the setuptools that torch brings."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from book.build.paths import ROOT

FOLDER = "notebooks"
PATTERN = "trust_region_book-*.whl"
MAKE = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def offer(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """The package in the list of downloads of every notebook's page."""
    if not page.startswith(f"{FOLDER}/") or app.config.first_pages:
        return
    for group in context.get("header_buttons", ()):
        if group.get("label") == "download-buttons":
            group["buttons"].append(
                {
                    "type": "link",
                    "url": context["pathto"](f"{FOLDER}/{name()}", 1),
                    "text": ".whl",
                    "tooltip": "Download the package, for Colab",
                    "icon": "fas fa-download",
                    "label": "download-wheel-button",
                }
            )


def name() -> str:
    """The file's name."""
    from trlib import __version__

    return PATTERN.replace("*", f"{__version__}-py3-none-any")


def finish(app: Sphinx, error: Exception | None) -> None:
    """Makes the package, away from the repository's own `build`, which may hold files that went, and puts it
    beside the notebooks in place of an older one."""
    if error is not None or app.builder.format != "html" or app.config.first_pages:
        return
    target = Path(app.outdir, FOLDER)
    for old in target.glob(PATTERN):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "settings.cfg")
        settings.write_text(
            f"[build]\nbuild_base={folder}/build\n[egg_info]\negg_base={folder}\n",
            encoding="utf-8",
        )
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", MAKE, target],
            cwd=ROOT,
            env={**os.environ, "DIST_EXTRA_CONFIG": str(settings)},
            capture_output=True,
            text=True,
            check=False,
        )
    if not Path(target, name()).exists():
        raise RuntimeError(f"expected the package {name()}, got:\n{done.stdout}{done.stderr}")


def connect(app: Sphinx) -> None:
    app.connect("html-page-context", offer, priority=950)
    app.connect("build-finished", finish)
