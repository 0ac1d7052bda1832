"""The tables of the book's page of settings, from `settings.json`: `python -m
trcheck.conformance.settings_page`.

An entry of the record says under `does`, by the headings of the page, what its setting does. One
whose `link` stands there was not read as a file of settings, and is not read again.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from trcheck.conformance import libraries
from trcheck.conformance.settings import PATH, Setting

PAGE = Path(__file__).parents[2] / "book" / "check" / "settings.md"
WHEELS = {"verl": "volcengine/verl", "trl": "huggingface/trl", "torchrl": "pytorch/rl"}
"""The repositories of what is installed."""
HEAD = "| library | setting | default | what it does | source of |\n|---|---|---|---|---|\n"
TABLE = re.compile(rf"^## ([^\n]+)\n((?:(?!^## ).*\n)*?){re.escape(HEAD)}(?:\|.*\n)*", re.MULTILINE)


def row(entry: dict[str, Any], does: str) -> str:
    """A line of a table."""
    link, shown, day = (entry.get(name) for name in ("link", "shown", "date"))
    if "file" in entry:
        setting = Setting.of(entry)
        shown, day = setting.printed, setting.dated
        if link is None:
            library = setting.library
            if library in WHEELS:
                at = f"{WHEELS[library]}/blob/v{libraries.WRITTEN_FOR[library]}"
            else:
                held = libraries.read_in(library)
                at = f"{held.repository}/blob/{held.commit}"
            link = f"https://github.com/{at}/{setting.file}#L{setting.line}"
    title = libraries.NAMES.get(entry["library"], entry["library"])
    return f"| {title} | [`{entry['key']}`]({link}) | `{shown}` | {does} | {day} |\n"


def written(text: str) -> str:
    """The page with its tables as the record has them."""
    entries = json.loads(PATH.read_text(encoding="utf-8"))

    def table(found: re.Match[str]) -> str:
        heading, between = found.groups()
        rows = [row(e, e["does"][heading]) for e in entries if heading in e["does"]]
        return f"## {heading}\n{between}{HEAD}{''.join(rows)}"

    return TABLE.sub(table, text)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
