"""Whether a dump fits into memory, from what its file says of itself: a file of some megabytes can
unpack to any size, and the system ends a process that takes too much without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

NUMBER = 32
"""Bytes of a number as Python holds it in a list: NPZ, `.pt`, JSON and CSV are read as lists."""
UNPACKED = NUMBER // 8
"""Bytes in memory for a byte of float64 in NPZ or `.pt`."""
TEXT = 4
"""Bytes in memory for a byte of JSON or CSV that is read as a whole: a number of eight characters."""
MOST = 50_000_000
"""Tokens of a dump: a file of a few bytes may repeat a value a billion times."""
ARROW = 16
"""Bytes for a number of a parquet file: in the table, and as float64 beside it."""


def check(path: Path, needed: int) -> None:
    """Refuse a file that takes more memory than is free.

    Raises:
        ValueError: `needed` bytes are more than that.
    """
    import torch

    from trlib.model import memory

    free = memory.free(torch.device("cpu"))
    if free is not None and needed > free:
        raise ValueError(
            f"{str(path)!r}: expected a dump that fits into memory, got a file of "
            f"{_bytes(path.stat().st_size)} that takes at least {_bytes(needed)} when it is read, "
            f"and {_bytes(free)} are free; a part of its completions shows the same causes"
        )


def of_parquet(metadata: Any) -> int:
    """Bytes that a parquet file takes: what it says of every column, unpacked, and at least its
    number of values, which may be packed to nothing."""
    groups = (metadata.row_group(i) for i in range(metadata.num_row_groups))
    columns = [group.column(i) for group in groups for i in range(group.num_columns)]
    counts: dict[str, int] = {}
    for column in columns:
        counts[column.path_in_schema] = counts.get(column.path_in_schema, 0) + column.num_values
    most = max(counts.values(), default=0)
    if most > MOST:
        raise ValueError(
            f"expected at most {MOST:,} tokens in a part of a dump, got {most:,}; a part of its "
            "completions shows the same causes"
        )
    return sum(max(c.total_uncompressed_size, ARROW * c.num_values) for c in columns)


def of_values(data: Any) -> int:
    """Bytes that the values of nested lists, dictionaries and tensors take as Python's numbers. A
    tensor may show one number many times over, and so may a list that holds another twice."""
    known: dict[int, int] = {}

    def count(value: Any) -> int:
        if value is None or isinstance(value, bool | int | float | str):
            return 1
        if not isinstance(value, list | tuple | dict):
            return _size(value)
        if id(value) not in known:
            known[id(value)] = -1  # while it is looked at
            inside = value.values() if isinstance(value, dict) else value
            known[id(value)] = sum(map(count, inside))
        if known[id(value)] < 0:
            raise ValueError("expected rows of numbers and texts, got a list that holds itself")
        return known[id(value)]

    return NUMBER * count(data)


def _size(value: Any) -> int:
    """The numbers of a tensor or an array; 1 of anything else."""
    if getattr(value, "is_meta", False) or getattr(value, "is_quantized", False):
        raise ValueError(
            "expected tensors of numbers, got one that is quantised or has no values (meta)"
        )
    if getattr(value, "is_nested", False):
        return sum(row.numel() for row in value.unbind())
    return int(value.numel() if hasattr(value, "numel") else getattr(value, "size", 1))


def _bytes(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e8 else f"{number / 1e6:.1f} MB"
