"""`jupyter-book build .`, without `make html`: the book is whole all the same.

A chapter's results are those that `make html` has left in `_build/source`, else those that it is
stored with (`bookext.stored`), if its code is still the same; any other chapter is executed while
its page is read. `make html` does more: it runs every chapter, several at once, keeps each result,
names the cell that failed, and takes a warning for an error.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

from bookext import stored

LEFT = Path("_build", "source", "notebooks")
"""Where `make html` leaves the executed chapters, in the repository."""
COMPLETE = Path("_build", "complete.json")
"""What it takes for the mark of its own, complete pages."""
SECONDS = 900
LOGGER = logging.getLogger(__name__)


def results(path: Path, text: str | None = None) -> str | None:
    """A chapter with the results that `make html` left or that it is stored with, as text; None:
    there are none, or of other code.

    Args:
        path: the chapter, in the repository's `notebooks`.
        text: its content, if it has been read.
    """
    try:
        now = json.loads(path.read_text(encoding="utf-8") if text is None else text)
    except (OSError, ValueError):
        return None
    found = _left(path, now)
    if found is None and not any(stored.complaints(now)):
        found = now
    return json.dumps(found, ensure_ascii=False) if found else None


def _left(path: Path, now: dict[str, Any]) -> dict[str, Any] | None:
    """The chapter with the results that `make html` left."""
    kept = path.parents[1] / LEFT / path.name
    try:
        then = json.loads(kept.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if "execution_record" not in then["metadata"] or _code(now) != _code(then):
        return None
    ran = iter(cell for cell in then["cells"] if cell["cell_type"] == "code")
    cells = [
        {**cell, **_outputs(next(ran))} if cell["cell_type"] == "code" else cell
        for cell in now["cells"]
    ]
    record = {"execution_record": then["metadata"]["execution_record"]}
    return {**now, "cells": cells, "metadata": {**now["metadata"], **record}}


def _outputs(cell: dict[str, Any]) -> dict[str, Any]:
    return {name: cell[name] for name in ("outputs", "execution_count")}


def _code(notebook: Any) -> list[str]:
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def prepare(app: Sphinx, config: Any) -> None:
    """Lets myst-nb execute the chapters that have no results, and says what will take how long."""
    if config.prepared:
        return
    (Path(app.srcdir) / COMPLETE).unlink(missing_ok=True)
    chapters = sorted(Path(app.srcdir, "notebooks").glob("*.ipynb"))
    ready = [path for path in chapters if results(path)]
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
    """A chapter's results, where it is read."""
    path = Path(app.env.doc2path(docname))
    if not app.config.prepared and path.suffix == ".ipynb":
        notebook = json.loads(results(path, source[0]) or source[0])
        stored.live(notebook)
        source[0] = json.dumps(notebook, ensure_ascii=False)


def connect(app: Sphinx) -> None:
    app.add_config_value("prepared", False, "env")
    app.connect("config-inited", prepare)
    app.connect("source-read", fill_in, priority=50)
