"""A file of rollouts as a table, whatever it is: parquet, JSON lines, or prime-rl's token export."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trlab.diagnose import prime
from trlab.diagnose.sampling import Sampling
from trlib.tasks.lines import numbered

MAGIC = b"PAR1"
"""What a parquet file begins with."""
NOTES = b"trlib"
"""The key of a parquet file's metadata under which `dump` says how the completions were drawn."""


@dataclass(frozen=True)
class Table:
    """A pyarrow table, and what the file says beside it."""

    data: Any
    names: dict[str, str] = field(default_factory=dict)
    """Our name of a column -> the table's, where the kind of file decides it."""
    sampling: Sampling = field(default_factory=Sampling)
    left: tuple[str, ...] = ()
    """Columns of the file that are not in the table."""


def table(path: Path) -> Table:
    """The table in a file; what it begins with says what it is, not its name.

    Raises:
        ImportError: pyarrow is missing.
        OSError: there is no such file.
        ValueError: neither parquet nor JSON lines; no rows; a column of two types.
        DataError: a line that is no JSON, or has a key twice.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise ImportError("diagnose: needs pyarrow to read rollouts; `pip install pyarrow` brings it") from error
    if path.is_dir():
        raise ValueError(f"{str(path)!r}: expected a parquet file or JSON lines, got a folder")
    with path.open("rb") as file:
        begin = file.read(64)
    if begin.startswith(MAGIC):
        result = _parquet(path)
    elif begin.lstrip().startswith(b"{"):
        result = _lines(path)
    else:
        raise ValueError(
            f"{str(path)!r}: expected a parquet file or JSON lines, got {path.stat().st_size} bytes that are neither"
        )
    if result.data.num_rows == 0:
        raise ValueError(f"{str(path)!r}: expected at least one completion, got a table without rows")
    return result


def _parquet(path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Arrow's threads must not hold a Python file at exit, which would abort a process that ends in an error soon
        # after.
        with pa.OSFile(str(path), "rb") as file:
            data = pq.ParquetFile(file).read()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ValueError(
            f"{str(path)!r}: expected a parquet file, got {path.stat().st_size} bytes that are none "
            f"({str(error).splitlines()[0].rstrip('.')})"
        ) from error
    notes = (data.schema.metadata or {}).get(NOTES)
    sampling = Sampling(**json.loads(notes), source="as the file says") if notes else Sampling()
    return Table(data.combine_chunks(), sampling=sampling)


def _lines(path: Path) -> Table:
    rows = list(numbered(path))
    for line, row in rows:
        if not isinstance(row, dict):
            raise ValueError(
                f"{str(path)!r}, line {line}: expected an object with a value for each column, got {type(row).__name__}"
            )
    if prime.is_export(rows[0][1]):
        columns, left = prime.columns(rows, str(path))
        return Table(_table(columns, str(path)), prime.NAMES, prime.SAMPLING, left)
    names = dict.fromkeys(name for _, row in rows for name in row)
    return Table(_table({name: [row.get(name) for _, row in rows] for name in names}, str(path)))


def _table(columns: Mapping[str, Sequence[Any]], where: str) -> Any:
    import pyarrow as pa

    arrays = {}
    for name, values in columns.items():
        try:
            arrays[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
            raise ValueError(
                f"column {name!r}: expected values of one type in {where!r}, got several ({str(error).splitlines()[0]})"
            ) from error
    return pa.table(arrays)
