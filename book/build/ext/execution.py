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


def sentence(record: dict[str, Any]) -> str:
    """The facts as a reader wants them, on one line."""
    return (
        f"{short(record)}, profile {record['profile']}, on {record['hardware']}{_versions(record)}"
    )


def on_a_gpu(entry: dict[str, Any] | None, text: str | None) -> str:
    """The same for a chapter's entry in the record of a GPU; `text` stands for the page's code as
    it is now."""
    if entry is None:
        return NEVER
    then = "" if entry["text"] == text else ", with other code than this page has now"
    return (
        f"On a GPU: {_day(entry)} in {entry['minutes']:.1f} min, profile "
        f"{entry['profile']}, beside {entry['gpu']} ({entry['memory']}, driver {entry['driver']}, "
        f"CUDA {entry['cuda']}){then}{_versions(entry)}"
    )


def short(record: dict[str, Any]) -> str:
    """What of the facts is always in sight."""
    return f"Executed {_day(record)} in {record['seconds']:.0f} s"


def _day(record: dict[str, Any]) -> str:
    when = datetime.fromisoformat(record["when"])
    return f"{when.day} {when:%B %Y}"


def _versions(record: dict[str, Any]) -> str:
    return "".join(f" · {name} {number}" for name, number in record["versions"].items())


def stamp(summary: str, lines: list[str], links: Mapping[str, str]) -> str:
    """The line's HTML.

    Args:
        summary: what is always in sight.
        lines: what it opens to show.
        links: addresses by their words; an empty one is left out.
    """
    whole = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    facts = (
        f"<details><summary>{html.escape(summary)}</summary>{whole}</details>"
        if whole
        else html.escape(summary)
    )
    shown = "".join(
        f'<a href="{html.escape(address)}">{words}</a>'
        for words, address in links.items()
        if address
    )
    return f'<div class="executed">{facts}{shown}</div>'


def dateline(app: Sphinx, doctree: nodes.document) -> None:
    """Puts the ways to run it below the title, and the facts at the page's foot."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    file = Path(app.srcdir, *GPU)
    app.env.note_dependency(str(file))
    text = path.read_text(encoding="utf-8")
    metadata = json.loads(text)["metadata"]
    record = metadata.get(KEY)
    entry = json.loads(file.read_text(encoding="utf-8"))["chapters"].get(path.stem)
    if record:
        summary, lines = short(record), [sentence(record)]
        if entry or runs_larger(text):
            lines.append(on_a_gpu(entry, record.get("text")))
    else:
        summary, lines = "Not executed yet.", []
    links = {
        "Run it yourself": app.builder.get_relative_uri(app.env.docname, HOW),
        "Open in Colab": address.of(app.config).colab(f"notebooks/{path.name}"),
    }
    title = next(iter(doctree.findall(nodes.title)), None)
    if title is not None and title.parent is not None:
        how = nodes.raw("", stamp("", [], links), format="html")
        title.parent.insert(title.parent.index(title) + 1, how)
    whole = next(iter(doctree.findall(nodes.section)), doctree)
    whole += nodes.raw("", stamp(summary, lines, {}), format="html")


def runs_larger(notebook: str) -> bool:
    """Whether a notebook, as text, names a size of its own for a GPU."""
    cells = json.loads(notebook)["cells"]
    return any(
        LARGER.search("".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"
    )


def connect(app: Sphinx) -> None:
    app.connect("doctree-read", dateline)
