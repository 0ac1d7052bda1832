"""Under a notebook's title, how to run it; at its foot, when it was executed, which opens to show where,
in which profile and with which versions, here and on a GPU.

`book.build.refresh` stores these facts in the notebook's metadata, under the key `execution_record`;
`book.build.gpu` keeps those of a GPU in book/gpu_execution.json. What the notebook says under its
title to whoever meets it outside of the book makes room for this line.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from sphinx.application import Sphinx

from book.build.ext import address

KEY = "execution_record"
HOW = "book/run"
"""The page that says how to run one."""
GPU = ("book", "gpu_execution.json")
LARGER = re.compile(r"\bgpu=(?!False\b)")
"""How a chapter's code names a size of its own for a GPU."""
NEVER = "Not yet executed on a GPU, where `make gpu` gives it larger sizes."


def short(record: dict[str, Any]) -> str:
    """What of the facts is always in sight."""
    when = datetime.fromisoformat(record["when"])
    return f"Executed {when.day} {when:%B %Y} in {record['seconds']:.0f} s"


def sentence(record: dict[str, Any]) -> str:
    """The facts as a reader wants them, on one line."""
    where = record["hardware"]
    if "gpu" in record:
        where += f" beside {record['gpu']} ({record['memory']}, CUDA {record['cuda']})"
    versions = "".join(f" · {name} {number}" for name, number in record["versions"].items())
    return f"{short(record)}, profile {record['profile']}, on {where}{versions}"


def facts(record: dict[str, Any], on_gpu: dict[str, Any] | None, *, larger: bool) -> str:
    """The line at a page's foot, as HTML.

    Args:
        record: of the run that the page shows.
        on_gpu: of the chapter's last run on a GPU; None: it never ran there.
        larger: whether it has a size of its own for a GPU.
    """
    lines = [sentence(record)]
    if on_gpu:
        other = on_gpu["text"] != record["text"]
        lines.append(sentence(on_gpu) + ", with other code than this page has now" * other)
    elif larger:
        lines.append(NEVER)
    listed = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    return (
        f'<div class="executed"><details><summary>{short(record)}</summary>{listed}</details></div>'
    )


def ways(links: Mapping[str, str]) -> str:
    """Addresses by their words, as HTML; an empty one is left out."""
    shown = "".join(
        f'<a href="{html.escape(address)}">{words}</a>'
        for words, address in links.items()
        if address
    )
    return f'<div class="executed">{shown}</div>'


def dateline(app: Sphinx, doctree: nodes.document) -> None:
    """Puts the ways to run it below the title, and the facts at the page's foot."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    links = {
        "Run it yourself": app.builder.get_relative_uri(app.env.docname, HOW),
        "Open in Colab": address.of(app.config).colab(f"notebooks/{path.name}"),
    }
    title = next(iter(doctree.findall(nodes.title)), None)
    if title is not None and title.parent is not None:
        how = nodes.raw("", ways(links), format="html")
        title.parent.insert(title.parent.index(title) + 1, how)
    file = Path(app.srcdir, *GPU)
    app.env.note_dependency(str(file))
    notebook = nbformat.read(path, as_version=4)
    if KEY in notebook["metadata"]:
        on_gpu = json.loads(file.read_text(encoding="utf-8"))["chapters"].get(path.stem)
        executed = facts(notebook["metadata"][KEY], on_gpu, larger=runs_larger(notebook))
        whole = next(iter(doctree.findall(nodes.section)), doctree)
        whole += nodes.raw("", executed, format="html")


def runs_larger(notebook: dict[str, Any]) -> bool:
    """Whether a notebook names a size of its own for a GPU."""
    cells = notebook["cells"]
    return any(LARGER.search(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def connect(app: Sphinx) -> None:
    app.connect("doctree-read", dateline)
