"""The book's conformance page, from a recorded run.

python -m trlab.conformance.page > book/conformance.md         the page from the record as it is
python -m trlab.conformance.page --run > book/conformance.md   after running every library and renewing the record
"""

from __future__ import annotations

import json
import platform
import sys
import warnings
from pathlib import Path
from typing import Any

from trlab.conformance import libraries
from trlab.conformance.report import AGREES, Finding
from trlab.conformance.vectors import load

PATH = Path(__file__).with_name("record.json")
NAMES = {"verl": "verl", "trl": "TRL", "torchrl": "torchrl", "torch": "torch"}

TEMPLATE = Path(__file__).with_name("page.md")
"""The page around the tables."""


def record() -> dict[str, Any]:
    """Run every library and keep what was found."""
    vectors = load()
    libraries_held = []
    for library in libraries.WRITTEN_FOR:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            findings = [f.as_dict() for f in libraries.hold(vectors, library)]
        libraries_held.append({"library": library, "version": libraries.installed(library), "findings": findings})
    return {"vectors": vectors.version, "python": platform.python_version(), "libraries": libraries_held}


def page(document: dict[str, Any]) -> str:
    """The page as MyST markdown."""
    held = document["libraries"]
    named = [f"{NAMES[entry['library']]} {entry['version']}" for entry in held]
    versions = f"{', '.join(named)} and Python {document['python']}, on a CPU"
    tables = [
        f"## {name}\n\n{_table([Finding.from_dict(f) for f in entry['findings']])}"
        for name, entry in zip(named, held, strict=True)
    ]
    listed = f"{', '.join(named[:-1])} and {named[-1]}"
    filled = {"<libraries>": listed, "<versions>": versions, "<tables>\n": "\n".join(tables) + "\n"}
    text = TEMPLATE.read_text()
    for place, words in filled.items():
        text = text.replace(place, words)
    return text


def _table(findings: list[Finding]) -> str:
    rows = ["| function | held against | finding |", "|---|---|---|"]
    for finding in findings:
        status = "agrees" if finding.status == AGREES else f"**{finding.status}**"
        words = finding.words.replace("|", "\\|")
        join = ("; " if finding.status == AGREES else ": ") if words else ""
        rows.append(f"| `{finding.subject}` | `{finding.reference}` | {status}{join}{words} |")
    return "\n".join(rows) + "\n"


def main(arguments: list[str]) -> None:
    """Write the page to standard output."""
    if "--run" in arguments:
        PATH.write_text(json.dumps(record(), indent=1, ensure_ascii=False) + "\n")
    sys.stdout.write(page(json.loads(PATH.read_text())))


if __name__ == "__main__":
    main(sys.argv[1:])
