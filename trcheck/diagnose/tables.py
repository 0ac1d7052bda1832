"""Files of rollouts as one table, whatever kind each is (`trcheck.diagnose.formats`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trcheck.diagnose.formats import (
    Table,
    csv_text,
    json_text,
    parquet,
    separator,
    stacked,
    unreadable,
    zipped,
)

NEEDS = (
    "diagnose: needs pyarrow to read rollouts; pip install 'trust-region-book[diagnose]' brings it"
)
MAGIC, ZIP = b"PAR1", b"PK\x03\x04"
"""What a parquet file begins with, and what NPZ and `.pt` do."""
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""What a text in UTF-16 begins with."""
ENDINGS = (".parquet", ".jsonl", ".json", ".csv", ".npz", ".pt", ".pth")
"""Which files of a folder are read."""


def files(paths: Sequence[Path]) -> list[Path]:
    """The files to read: a folder stands for the dumps in it, in the order of their numbers.

    Raises:
        ValueError: a folder without a dump.
    """
    every = []
    for path in paths:
        if not path.is_dir():
            every.append(path)
            continue
        inside = [
            p
            for p in path.iterdir()
            if p.suffix in ENDINGS and p.is_file() and not p.name.startswith(".")
        ]
        if not inside:
            raise ValueError(
                f"{str(path)!r}: expected a parquet file or JSON lines, or a folder of such files, "
                f"got a folder without any (these are read: {', '.join(ENDINGS)})"
            )
        every += sorted(
            inside,
            key=lambda p: [(not x.isdigit(), int(x) if x.isdigit() else 0, x) for x in _parts(p)],
        )
    return every


def _parts(path: Path) -> list[str]:
    return [part for part in re.split(r"(\d+)", path.name) if part]


def joined(paths: Sequence[Path]) -> Table:
    """The tables of several ranks' files, as one table.

    Raises: as `table`; ValueError: files whose columns, types or sampling differ.
    """
    tables = [table(path) for path in paths]
    if len(tables) == 1:
        return tables[0]
    first = tables[0]
    for path, more in zip(paths[1:], tables[1:], strict=True):
        if more.names != first.names or set(more.data.column_names) != set(first.data.column_names):
            raise ValueError(
                f"{str(path)!r}: expected the columns of {str(paths[0])!r}, "
                f"{', '.join(first.data.column_names)}, got {', '.join(more.data.column_names)}"
            )
        if more.sampling != first.sampling:
            raise ValueError(
                f"{str(path)!r}: expected completions drawn as in "
                f"{str(paths[0])!r}{first.sampling.details}, got others{more.sampling.details}"
            )
    whole = stacked(tables, f"{str(paths[0])!r} and {len(paths) - 1} more")
    rows = np.repeat(np.arange(len(tables)), [each.data.num_rows for each in tables])
    left = tuple(dict.fromkeys(name for each in tables for name in each.left))
    return Table(whole, first.names, first.sampling, left, rows)


def table(path: Path) -> Table:
    """The table in a file; what it begins with says what it is, not its name.

    Raises:
        ImportError: pyarrow is missing.
        OSError: there is no such file.
        ValueError: a file of another kind; no rows; a column of two types.
        DataError: a line that is not JSON, or has a key twice.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise ImportError(NEEDS) from error
    with path.open("rb") as file:
        begin = file.read(1 << 16)
    text = begin.removeprefix(b"\xef\xbb\xbf").lstrip()
    if begin.startswith(MAGIC):
        result = parquet(path)
    elif begin.startswith(ZIP):
        result = zipped(path)
    elif text.startswith((b"{", b"[")):
        result = json_text(path, text)
    elif b"\0" not in begin and separator(text.decode("utf-8", "replace")):
        result = csv_text(path)
    elif begin.startswith(UTF_16):
        raise ValueError(f"{str(path)!r}: expected text in UTF-8, got UTF-16: save it as UTF-8")
    else:
        raise unreadable(path)
    if result.data.num_rows == 0:
        raise ValueError(
            f"{str(path)!r}: expected at least one completion, got a table without rows"
        )
    return result
