"""Hands the browser's diagnosis what it shares with `trlib diagnose`:
`python -m book.build.pack.diagnose_page`, `npm run build`.

Sentences, the scale of mismatches and the page's style are Python's, written once; this
writes them to `book/trbook/explorables/js/diagnose/shared.json`, and the book's example of a dump
as JSON lines to `book/trbook/explorables/built/diagnose.data.json`. A test compares both files with
what they are made from. How a dump is judged, `trcheck/diagnose/judgement.json`, both sides read.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from book.build.paths import ROOT
from trbook.explorables.files import BUILT, SOURCES
from trcheck.diagnose import (
    Limits,
    answer,
    formats,
    formatting,
    names,
    prime,
    report,
    scale,
    token_table,
)
from trcheck.diagnose.messages import JUDGEMENT, TEXTS
from trcheck.diagnose.page import GENERATOR, SCRIPT

SHARED, SAMPLE = SOURCES / "diagnose" / "shared.json", BUILT / "diagnose.data.json"
EXAMPLE = ROOT / "book" / "_static" / "diagnose" / "rollouts.parquet"
DIGITS = 5
"""Decimals of a log-prob in the sample."""


def constants() -> dict[str, Any]:
    """What both sides compute with, by the names that Python gives them."""
    modules = {
        report: ("QUANTILES", "CLASSES", "BINS", "POINTS", "TOP"),
        token_table: ("ROWS", "EACH", "BEFORE", "AFTER"),
        names: ("REQUIRED", "OPTIONAL", "ALIASES", "AREAL", "BY_TOKEN", "BY_COMPLETION"),
        formats: ("SCALARS", "MISSING", "SEPARATORS"),
        formatting: ("NOUNS",),
    }
    every = {name: getattr(module, name) for module, own in modules.items() for name in own}
    return {
        "SAME": answer.SAME,
        "PRIME": prime.NAMES,
        "PRIME_SAMPLING": asdict(prime.SAMPLING),
        **every,
    }


def shared() -> str:
    """The file that the JavaScript side is bundled with."""
    table = {
        "model": scale.MODEL,
        "command": scale.COMMAND,
        "rows": [asdict(row) for row in scale.recorded()],
    }
    value = {
        "texts": {name: text for name, text in TEXTS.items() if name not in JUDGEMENT["words"]},
        "limits": asdict(Limits()),
        "constants": constants(),
        "scale": table,
        "generator": GENERATOR,
        "css": Path(report.__file__).with_name("page.css").read_text(encoding="utf-8"),
        "script": SCRIPT,
        "digest": base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode(),
    }
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def sample() -> str:
    """The book's example, rounded, as JSON lines with how it was drawn."""
    table = pq.read_table(EXAMPLE)
    rows = table.to_pylist()
    lines = [json.dumps(_short(row), ensure_ascii=False, separators=(",", ":")) for row in rows]
    stated = json.loads(table.schema.metadata[formats.NOTES])
    return json.dumps(
        {"name": "sample.jsonl", "sampling": stated, "text": "\n".join(lines) + "\n"},
        ensure_ascii=False,
    )


def _short(row: dict[str, Any]) -> dict[str, Any]:
    """A completion without its padding, its numbers as short as they may be."""
    length = max(i for i, counts in enumerate(row["mask"]) if counts) + 1
    made: dict[str, Any] = {}
    for name, value in row.items():
        if name == "advantage":
            made[name] = round(value[0], DIGITS)
        elif name == "mask":
            made[name] = [int(x) for x in value[:length]]
        elif isinstance(value, list):
            made[name] = [round(x, DIGITS) if isinstance(x, float) else x for x in value[:length]]
        else:
            made[name] = value
    return made


def main() -> int:
    SHARED.write_text(shared(), encoding="utf-8")
    SAMPLE.write_text(sample() + "\n", encoding="utf-8")
    print(
        f"{SHARED.name}: {SHARED.stat().st_size} bytes; {SAMPLE.name}: {SAMPLE.stat().st_size} "
        "bytes"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
