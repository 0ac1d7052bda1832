"""What is computed on methods' pages. Nobody commits it: a page's source has a line `<!--made runs-->`,
and a build puts what `blocks` makes in its place (`book.build.ext.cards`).

It is made once, on every core, and kept below `_build` until the code, the records or a page change.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from filelock import FileLock

from book.build import numbers
from book.build.cards import CARDS, blocks
from book.build.cards.draw import OUT, drawn, owner, small
from book.build.paths import ROOT
from trbook.figures import drawing
from trlab.provenance import cores

KEPT = OUT / "blocks.json"
MARK = re.compile(r"^<!--made (\S+)-->$", re.MULTILINE)
"""A block's place on a method's page."""
SOURCES = ("trlib", "trlab", "book/build", "book/trbook", "book/methods", "examples")
"""What the blocks are made from, beside `claims.md`."""
WEIGHTS = "weights"
ROW = re.compile(r"^\| (?=\[[^\]]+\]\((\w+)\.md\))", re.MULTILINE)
"""The beginning of a method's row, and the name of its page."""


def filled(name: str) -> str:
    """The source of a method's page with its blocks, as the book shows it.

    Raises:
        ValueError: a block of another name, or one that a method cannot have.
    """
    return MARK.sub(lambda match: _all()[name][match[1]], CARDS[name].text)


def with_curves(table: str) -> str:
    """The table of methods with each method's curve beside its name."""

    def beside(row: re.Match[str]) -> str:
        curve = OUT / f"{row[1]}.small"
        return f"| {curve.read_text(encoding='utf-8')} " if curve.is_file() else row[0]

    return ROW.sub(beside, table)


def prepare() -> None:
    """Makes what is not there yet."""
    _all()


@cache
def _all() -> dict[str, dict[str, str]]:
    """By method and block, its Markdown; the curves' pictures lie beside it."""
    OUT.mkdir(parents=True, exist_ok=True)
    key = _key()
    with FileLock(OUT / "lock"):
        if KEPT.is_file():
            kept = json.loads(KEPT.read_text(encoding="utf-8"))
            if kept["key"] == key:
                return kept["blocks"]
        asked = list(_asked())
        # The curves train methods, the other blocks read records: about as much of each.
        parts = [[one for one in asked if (one[1] == WEIGHTS) is own] for own in (True, False)]
        by_method: dict[str, dict[str, str]] = {name: {} for name in CARDS}
        with ProcessPoolExecutor(min(cores(), len(parts)), get_context("spawn")) as pool:
            for part, texts in zip(parts, pool.map(_made, parts), strict=True):
                for (name, block), text in zip(part, texts, strict=True):
                    by_method[name][block] = text
        KEPT.write_text(json.dumps({"key": key, "blocks": by_method}), encoding="utf-8")
    return by_method


def _asked() -> Iterator[tuple[str, str]]:
    """The blocks of all pages.

    Raises:
        ValueError: there is no block of that name.
    """
    for name, card in CARDS.items():
        for match in MARK.finditer(card.text):
            if match[1] not in blocks.BLOCKS:
                raise ValueError(
                    f"{name}.md: expected <!--made ...--> with one of {', '.join(blocks.BLOCKS)}, "
                    f"got {match[1]}"
                )
            yield name, match[1]


def _made(asked: list[tuple[str, str]]) -> list[str]:
    """The Markdown of some blocks, with the numbers of the records; draws the curves."""
    texts = ["\n".join(blocks.BLOCKS[block](CARDS[name])).strip() for name, block in asked]
    for name, block in asked:
        if block == WEIGHTS:
            _draw(name)
    # One record after the other: only a few of them are remembered.
    wanted = sorted({match[1] for text in texts for match in numbers.ROLE.finditer(text)})
    filled = {number: numbers.commented(number) for number in wanted}
    return [numbers.ROLE.sub(lambda match: filled[match[1]], text) for text in texts]


def _draw(name: str) -> None:
    """Draws a method's curve, if no other page shows the same, and in any case the small one."""
    (OUT / f"{name}.small").write_text(small(name), encoding="utf-8")
    if owner(name) == name:
        for file, text in drawing(drawn(CARDS[name])).files(OUT / f"{name}.svg").items():
            file.write_text(text, encoding="utf-8")


def _key() -> str:
    """What changes whenever a file changes from which blocks are made."""
    files = [ROOT / "book/claims.md"]
    for folder in SOURCES:
        files += [path for path in (ROOT / folder).rglob("*") if _counts(path)]
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(files):
        digest.update(f"{path.relative_to(ROOT)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _counts(path: Path) -> bool:
    return path.suffix in {".py", ".md", ".json", ".xz", ".mplstyle", ".sh"} and (
        "node_modules" not in path.parts
    )
