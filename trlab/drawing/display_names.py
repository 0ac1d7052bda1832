"""What a reader calls a variant of a sweep: methods by the names that the book's cards have, and
not by their keys."""

from __future__ import annotations

import json
import re
from pathlib import Path

from trlab.drawing.looks import LOOKS, TABLE

METHODS: dict[str, dict[str, str]] = json.loads(
    (Path(__file__).parents[1] / "methods.json").read_text(encoding="utf-8")
)
"""The one list of methods, which `book.build.methods` writes."""
NAMES: dict[str, str] = {
    **{key: one["title"] for key, one in METHODS.items() if "title" in one},
    **TABLE["names"],
}
"""From the key of a method to its name in figures, which explorables use too: that of its card, or a
shorter one."""
SHORT = {"rl": "RL", "tv": "TV", "kl": "KL"}
"""Other short words of labels."""
WORD = re.compile(r"(?<![A-Za-z0-9])[a-z0-9_]+(?![A-Za-z0-9])")


KEYS = {name: key for key, name in NAMES.items()}


def key_of(name: str) -> str | None:
    """The key of `trlab.drawing.looks.LOOKS` that a variant's name means; None: it has no look of its
    own."""
    key = KEYS.get(name, name.lower().replace("-", "_"))
    return key if key in LOOKS else None


def display_name(label: str) -> str:
    """A variant's label with every key in it written as the method's name: `dppo-tv` is DPPO-TV."""
    known = NAMES | SHORT
    return WORD.sub(lambda word: known.get(word.group(), word.group()), label)
