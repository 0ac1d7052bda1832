"""What a reader calls a variant of a sweep: methods by the names that the book's cards have, and
not by their keys."""

from __future__ import annotations

import re

from trlab.drawing.figure import LOOKS, TABLE

NAMES: dict[str, str] = TABLE["names"]
"""From the key of a method that a sweep runs to its name, which explorables use too.
`book/trbook/cards` has the names; a test compares."""
SHORT = {"rl": "RL", "tv": "TV", "kl": "KL"}
"""Other short words of labels."""
WORD = re.compile(r"(?<![A-Za-z0-9])[a-z0-9_]+(?![A-Za-z0-9])")


KEYS = {name: key for key, name in NAMES.items()}


def key_of(name: str) -> str | None:
    """The key of `trlab.drawing.figure.LOOKS` that a variant's name means; None: it has no look of its
    own."""
    key = KEYS.get(name, name.lower().replace("-", "_"))
    return key if key in LOOKS else None


def called(label: str) -> str:
    """A variant's label with every key in it written as the method's name: `dppo-tv` is DPPO-TV."""
    known = NAMES | SHORT
    return WORD.sub(lambda word: known.get(word.group(), word.group()), label)
