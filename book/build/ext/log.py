"""The place on the page of questions where a reader pastes a training log: `_static/log.js`, with the
rules of `trlib/log_rules.json` as data beside it, because a page opened from a disk reads no file."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

PAGE = "book/questions"
RULES = ("trlib", "log_rules.json")
RUNS = ("trcheck", "diagnose", "reference")


def place(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Puts the rules and the script on the page."""
    if pagename != PAGE:
        return
    rules = Path(app.srcdir, *RULES).read_text(encoding="utf-8")
    data = {"rules": rules, "runs": json.dumps(runs(Path(app.srcdir)), separators=(",", ":"))}
    for name, text in data.items():
        safe = text.replace("<", "\\u003c")
        context["body"] += f'<script type="application/json" id="log-{name}">{safe}</script>'
    app.add_js_file("log.js", loading_method="defer")


def runs(root: Path) -> list[dict[str, Any]]:
    """The recorded runs that the page draws, by the rules' names of the keys that are compared."""
    rules = json.loads(root.joinpath(*RULES).read_text(encoding="utf-8"))
    made = []
    for file in sorted(root.joinpath(*RUNS).rglob("*.jsonl")):
        about, *rows = map(json.loads, file.read_text(encoding="utf-8").splitlines())
        series = {
            name: [
                float(f"{row[key]:.4g}") if math.isfinite(row[key]) else None
                for row in rows
                if row.get(key) is not None
            ]
            for name in rules["words"]
            for key in rules["series"][name]
            if rows and key in rows[0]
        }
        made.append(
            {"cause": about["cause"], "healthy": about["kind"] == "healthy", "series": series}
        )
    return made


def read(app: Sphinx, docname: str, source: list[str]) -> None:
    """Another rule writes the page again."""
    if docname == PAGE:
        for path in (Path(app.srcdir, *RULES), *Path(app.srcdir, *RUNS).rglob("*.jsonl")):
            app.env.note_dependency(str(path))


def connect(app: Sphinx) -> None:
    app.connect("source-read", read)
    app.connect("html-page-context", place)
