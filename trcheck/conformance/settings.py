"""The tables of the book's page of settings, from `settings.json`: `python -m
trcheck.conformance.settings`.

An entry says under `does`, by the headings of the page, what its setting does.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

PATH = Path(__file__).with_name("settings.json")
PAGE = Path(__file__).parents[2] / "book" / "check" / "settings.md"
HEAD = "| library | setting | default | what it does | source of |\n|---|---|---|---|---|\n"
TABLE = re.compile(rf"^## ([^\n]+)\n((?:(?!^## ).*\n)*?){re.escape(HEAD)}(?:\|.*\n)*", re.MULTILINE)
ROW = "| {library} | [`{key}`]({link}) | `{default}` | {words} | {source of} |\n"


def written(text: str) -> str:
    """The page with its tables as the record has them."""
    entries = json.loads(PATH.read_text(encoding="utf-8"))

    def table(match: re.Match[str]) -> str:
        heading, between = match.groups()
        here = (e | {"words": e["does"][heading]} for e in entries if heading in e["does"])
        return f"## {heading}\n{between}{HEAD}" + "".join(ROW.format_map(e) for e in here)

    return TABLE.sub(table, text)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
