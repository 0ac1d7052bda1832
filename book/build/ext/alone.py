"""`jupyter-book build .`, without `make html`: the book is whole all the same.

A chapter's results are those that it is stored with (`book.build.ext.stored`), if its code is still the
same; any other chapter is executed while its page is read. `make html` does more: it runs every
chapter, several at once, keeps each result, names the cell that failed, and takes a warning for an
error.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

from book.build.ext import stored

COMPLETE = Path("_build", "complete.json")
"""What `make html` takes for the mark of its own, complete pages."""
SECONDS = 900
LOGGER = logging.getLogger(__name__)


def is_stored(text: str) -> bool:
    """Whether a notebook, as text, is stored with the results of its code."""
    return not any(stored.complaints(json.loads(text)))


def prepare(app: Sphinx, config: Any) -> None:
    """Lets myst-nb execute the chapters that have no results, and says what will take how long."""
    if config.prepared:
        return
    (Path(app.srcdir) / COMPLETE).unlink(missing_ok=True)
    chapters = sorted(Path(app.srcdir, "notebooks").glob("*.ipynb"))
    ready = [path for path in chapters if is_stored(path.read_text(encoding="utf-8"))]
    os.environ.setdefault("TRLIB_PROFILE", "cpu")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    config.nb_execution_mode = "force"
    config.nb_execution_excludepatterns = [f"notebooks/{path.name}" for path in ready]
    config.nb_execution_in_temp = True
    config.nb_execution_timeout = SECONDS
    rest = len(chapters) - len(ready)
    LOGGER.info(
        "%d chapters have results, %d are executed now, one after the other. `make html` runs "
        "every chapter, several at once, keeps what has run, and takes a warning for an error.",
        len(ready),
        rest,
    )


def fill_in(app: Sphinx, docname: str, source: list[str]) -> None:
    """Lets the explorables of a chapter live, where it is read."""
    if not app.config.prepared and app.env.doc2path(docname).endswith(".ipynb"):
        notebook = json.loads(source[0])
        stored.live(notebook)
        source[0] = json.dumps(notebook, ensure_ascii=False)


def connect(app: Sphinx) -> None:
    app.add_config_value("prepared", False, "env")
    app.connect("config-inited", prepare)
    app.connect("source-read", fill_in, priority=50)
