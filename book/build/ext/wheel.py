"""The package beside the notebooks: a reader who runs a page on Colab downloads both from the book, and needs no copy
of the repository.

Made by the setuptools that torch brings, while the pages are built."""

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


def begin(app: Any) -> None:
    """Starts the package's build, away from the repository's own `build`, which may hold files that went."""
    if app.builder.format != "html" or app.config.first_pages:
        return
    app.wheel_folder = folder = tempfile.TemporaryDirectory()
    settings = Path(folder.name, "settings.cfg")
    settings.write_text(
        f"[build]\nbuild_base={folder.name}/build\n[egg_info]\negg_base={folder.name}\n",
        encoding="utf-8",
    )
    app.wheel = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", MAKE, folder.name],
        cwd=ROOT,
        env={**os.environ, "DIST_EXTRA_CONFIG": str(settings)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def offer(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """The package in the list of downloads of every notebook's page."""
    if not page.startswith(f"{FOLDER}/") or not hasattr(app, "wheel"):
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


def finish(app: Any, error: Exception | None) -> None:
    """Puts the package beside the notebooks, in place of an older one."""
    if not hasattr(app, "wheel"):
        return
    said, _ = app.wheel.communicate()
    made = Path(app.wheel_folder.name, name())
    if error is None:
        if not made.exists():
            raise RuntimeError(f"expected the package {made.name}, got:\n{said}")
        target = Path(app.outdir, FOLDER)
        for old in target.glob(PATTERN):
            old.unlink()
        (target / made.name).write_bytes(made.read_bytes())
    app.wheel_folder.cleanup()


def connect(app: Sphinx) -> None:
    app.connect("builder-inited", begin)
    app.connect("html-page-context", offer, priority=950)
    app.connect("build-finished", finish)
