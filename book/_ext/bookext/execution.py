"""The lines under a notebook's title: when, where and with which versions it was executed, here and on a GPU.

`tools.execute` leaves these facts in the executed copy's metadata, under the key `execution_record`; `tools.gpu` keeps
those of a GPU in book/gpu_execution.json.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

KEY = "execution_record"
PENDING = "execution_pending"
"""Where `tools.html` says why a copy was not executed."""
REFRESH = '\n<meta http-equiv="refresh" content="30">'
GPU = ("book", "gpu_execution.json")
NEVER = "Not yet executed on a GPU."


def sentence(record: dict[str, Any]) -> str:
    """The facts as a reader wants them, on one line."""
    when = datetime.fromisoformat(record["when"])
    versions = " · ".join(f"{name} {number}" for name, number in record["versions"].items())
    return (
        f"Executed {when.day} {when:%B %Y} in {record['seconds']:.0f} s, profile {record['profile']}, "
        f"on {record['hardware']} · {versions}"
    )


def on_a_gpu(entry: dict[str, Any] | None, text: str | None) -> str:
    """The same of a chapter's entry in the record of a GPU; `text` stands for what the page's text is now."""
    if entry is None:
        return NEVER
    when = datetime.fromisoformat(entry["when"])
    then = "" if entry["text"] == text else ", an earlier text of this page"
    versions = " · ".join(f"{name} {number}" for name, number in entry["versions"].items())
    return (
        f"On a GPU: {when.day} {when:%B %Y} in {entry['minutes']:.1f} min, profile {entry['profile']}, beside "
        f"{entry['gpu']} ({entry['memory']}, driver {entry['driver']}, CUDA {entry['cuda']}){then} · {versions}"
    )


def dateline(app: Sphinx, doctree: nodes.document) -> None:
    """Puts the lines under the page's title."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    file = Path(app.srcdir, *GPU)
    app.env.note_dependency(str(file))
    metadata = json.loads(path.read_text(encoding="utf-8"))["metadata"]
    record = metadata.get(KEY)
    entry = json.loads(file.read_text(encoding="utf-8"))["chapters"].get(path.stem)
    here = sentence(record) if record else metadata.get(PENDING, {}).get("reason", "Not executed yet.")
    lines = [here, on_a_gpu(entry, record and record.get("text"))]
    title = next(iter(doctree.findall(nodes.title)), None)
    if title is not None and title.parent is not None:
        place = title.parent.index(title) + 1
        title.parent[place:place] = [nodes.paragraph("", line, classes=["executed"]) for line in lines]


def refresh(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """A page whose notebook is being executed looks for its successor."""
    path = Path(app.env.doc2path(pagename)) if pagename in app.env.found_docs else Path()
    if path.suffix == ".ipynb":
        pending = json.loads(path.read_text(encoding="utf-8"))["metadata"].get(PENDING, {})
        if pending.get("refresh"):
            context["metatags"] = context.get("metatags", "") + REFRESH


def connect(app: Sphinx) -> None:
    app.connect("html-page-context", refresh)
    app.connect("doctree-read", dateline)
