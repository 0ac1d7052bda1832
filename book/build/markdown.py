"""Markdown that code writes into pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def escape(text: str) -> str:
    """Plain text as MyST Markdown that says the same."""
    return re.sub(r"([*_|<>$\[\]\\])", r"\\\1", text)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(' '.join(cell.split()) for cell in line)} |" for line in lines)


def folded(text: str, summary: str) -> str:
    """Markdown that opens on demand."""
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"
