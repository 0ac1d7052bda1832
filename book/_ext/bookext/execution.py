"""The line under a notebook's title: when, where and with which versions it was executed.

`tools.execute` leaves these facts in the executed copy's metadata, under the key `execution_record`.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

KEY = "execution_record"


def sentence(record: dict[str, Any]) -> str:
    """The facts as a reader wants them, on one line."""
    when = datetime.fromisoformat(record["when"])
    versions = " · ".join(f"{name} {number}" for name, number in record["versions"].items())
    return (f"Executed {when.day} {when:%B %Y} in {record['seconds']:.0f} s, profile {record['profile']}, "
            f"on {record['hardware']} · {versions}")


def dateline(app: Sphinx, doctree: nodes.document) -> None:
    """Puts the line under the page's title."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    record = json.loads(path.read_text(encoding="utf-8"))["metadata"].get(KEY)
    text = sentence(record) if record else "Not executed yet."
    title = next(iter(doctree.findall(nodes.title)), None)
    if title is not None and title.parent is not None:
        title.parent.insert(title.parent.index(title) + 1, nodes.paragraph("", text, classes=["executed"]))


def connect(app: Sphinx) -> None:
    app.connect("doctree-read", dateline)
