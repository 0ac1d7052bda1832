"""What a library's source says of its losses beside their arithmetic: inputs, defaults, and what it
logs.

atlas.json is the record, read at the commits and versions of record.json.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

PATH = Path(__file__).with_name("atlas.json")


@dataclass(frozen=True)
class Logged:
    """What no probe shows."""

    library: str
    subject: str
    reads: str
    """The log-probs that stand in the ratio's denominator by default."""
    fraction: str
    """What its log calls clip fraction, or the like."""
    defaults: str


_DOCUMENT = json.loads(PATH.read_text(encoding="utf-8"))
LOGS = {(row["library"], row["subject"]): Logged(**row) for row in _DOCUMENT["logs"]}
"""By library and subject."""
SHIPPED_BESIDE: dict[tuple[str, str], str] = {
    (row["library"], row["subject"]): row["is"] for row in _DOCUMENT["beside"]
}
"""Losses that have no reference among the vectors: read, not placed."""
