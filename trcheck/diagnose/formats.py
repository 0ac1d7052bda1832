"""The kinds of files that hold a table: parquet, JSON lines, JSON, CSV, NPZ, `.pt`, prime-rl's and
slime's."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from trcheck.diagnose import prime, room, slime
from trcheck.diagnose.sampling import Sampling
from trlib.tasks.lines import numbered

SCALARS = ("logprobs", "temperature", "top_p")
"""How the completions were drawn, where a file of whole columns says so beside them."""
ROWS = 500
"""Of JSON lines that are read at once."""
LONGEST = 1 << 26
"""Bytes of a line that are looked at before it is clear whether a file is JSON lines."""
SEPARATORS = (",", "\t", ";")
"""Of CSV: the first that its head has."""
MISSING = ("", "nan", "NaN", "null", "None")
"""A cell of CSV that holds nothing."""
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
    files: np.ndarray | None = None
    """[rows] which file a row comes from; None: there is one file."""


def separator(text: str) -> str | None:
    head = text.splitlines()[0] if text else ""
    return next((mark for mark in SEPARATORS if mark in head), None)


def _of(path: Path, error: ValueError) -> str:
    """What is wrong, with the file's name, once."""
    text = str(error)
    return text if text.startswith(repr(str(path))) else f"{str(path)!r}: {text}"


def unreadable(path: Path) -> ValueError:
    return ValueError(
        f"{str(path)!r}: expected a parquet file or JSON lines, got {path.stat().st_size} bytes "
        "that are neither (JSON, CSV, NPZ and .pt are read as well)"
    )


def parquet(path: Path) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Arrow's threads must not hold a Python file at exit, which would abort a process that ends
        # in an error soon after.
        with pa.OSFile(str(path), "rb") as file:
            data = _unpacked(pq.ParquetFile(file), path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ValueError(
            f"{str(path)!r}: expected a parquet file, got {path.stat().st_size} bytes that are "
            f"none ({str(error).splitlines()[0].rstrip('.')})"
        ) from error
    notes = (data.schema.metadata or {}).get(NOTES)
    sampling = Sampling(**json.loads(notes), source="as the file says") if notes else Sampling()
    return Table(data.combine_chunks(), sampling=sampling)


def _unpacked(file: Any, path: Path) -> Any:
    """A parquet file's table, in parts: one text of its dictionary may stand in every row."""
    import pyarrow as pa

    try:
        needed = room.of_parquet(file.metadata)
    except ValueError as error:
        raise ValueError(_of(path, error)) from error
    room.check(path, needed)
    parts = []
    for part in file.iter_batches(ROWS):
        parts.append(part)
        room.check(path, part.nbytes)  # what is in memory already is no longer free
    return pa.Table.from_batches(parts, file.schema_arrow)


def json_text(path: Path, begin: bytes) -> Table:
    """JSON lines, or one JSON document: an array of rows, or an object of columns."""
    line, newline, _ = begin.partition(b"\n")
    if not newline:  # a long completion
        with path.open("rb") as file:
            line = file.readline(LONGEST)
            newline = line[-1:] if line.endswith(b"\n") else b""
    if begin.startswith(b"{") and newline and _parses(line):
        return _lines(path)
    room.check(path, room.TEXT * path.stat().st_size)
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        return _lines(path)  # which names the line that is wrong
    if isinstance(data, dict):
        return _whole(data, path) if _is_columns(data) else _rows([(1, data)], path)
    return _rows(list(enumerate(data, 1)), path)


def _parses(line: bytes) -> bool:
    try:
        json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return False
    return True


def _is_columns(data: Mapping[str, Any]) -> bool:
    """Whether an object holds whole columns, rather than one completion's row."""
    first = next((value[0] for value in data.values() if isinstance(value, list) and value), None)
    return isinstance(first, list) or isinstance(data.get("completion"), list)


def _lines(path: Path) -> Table:
    """In parts, so that Python's objects for a long file's numbers never stand side by side."""
    rows = numbered(path)
    parts: list[Table] = []
    while part := list(islice(rows, ROWS)):
        if not parts and isinstance(part[0][1], dict) and prime.is_export(part[0][1]):
            return _rows([*part, *rows], path)
        parts.append(_rows(part, path))
    return Table(stacked(parts, repr(str(path)))) if parts else _rows([], path)


def stacked(tables: Sequence[Table], where: str) -> Any:
    """The rows of all, as one pyarrow table."""
    import pyarrow as pa

    try:
        whole = pa.concat_tables([each.data for each in tables], promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ValueError(
            f"{where}: expected values of one type in every column, got several "
            f"({str(error).splitlines()[0]})"
        ) from error
    return whole.combine_chunks()


def _rows(rows: Sequence[tuple[int, Any]], path: Path) -> Table:
    for line, row in rows:
        if not isinstance(row, dict):
            raise ValueError(
                f"{str(path)!r}, line {line}: expected an object with a value for each column, "
                f"got {type(row).__name__}"
            )
    if rows and prime.is_export(rows[0][1]):
        columns, left = prime.columns(rows, str(path))
        return Table(_table(columns, str(path)), prime.NAMES, prime.SAMPLING, left)
    names = dict.fromkeys(name for _, row in rows for name in row)
    return Table(_table({name: [row.get(name) for _, row in rows] for name in names}, str(path)))


def _whole(data: Mapping[str, Any], path: Path) -> Table:
    """Whole columns, with what is known of the sampling beside them."""
    stated = {name: slime.plain(data[name]) for name in SCALARS if _is_scalar(data.get(name))}
    alone = (
        {name for name, value in data.items() if _is_scalar(value)}
        if any(map(_is_long, data.values()))
        else set()
    )
    columns = {
        str(name): _column(value) for name, value in data.items() if name not in alone | set(stated)
    }
    sizes = {name: len(values) for name, values in columns.items()}
    if len(set(sizes.values())) > 1:
        counts = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise ValueError(f"{str(path)!r}: expected as many values in every column, got {counts}")
    sampling = Sampling(**stated, source="as the file says") if stated else Sampling()
    # A step's number, say.
    left = tuple(str(name) for name in data if name in alone and name not in stated)
    return Table(_table(columns, str(path)), sampling=sampling, left=left)


def _is_long(value: Any) -> bool:
    return not _is_scalar(value) and value is not None and len(value) > 1


def _is_scalar(value: Any) -> bool:
    return (
        value is not None and not isinstance(value, list | dict) and getattr(value, "ndim", 0) == 0
    )


def _column(value: Any) -> list[Any]:
    """A tensor, an array or a list as one value, or one list, per row; [B, 1] is one value per
    row."""
    if getattr(value, "is_nested", False):
        return [row.tolist() for row in value.unbind()]
    if getattr(value, "ndim", 1) == 2 and value.shape[1] == 1:
        value = value.reshape(-1)
    value = slime.plain(value)
    return list(map(slime.plain, value)) if isinstance(value, list) else [value]


def zipped(path: Path) -> Table:
    """NPZ or what `torch.save` writes."""
    try:
        with zipfile.ZipFile(path) as archive:
            names, size = archive.namelist(), sum(each.file_size for each in archive.infolist())
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"{str(path)!r}: expected a whole NPZ or .pt file, got a damaged one ({error})"
        ) from error
    room.check(path, room.UNPACKED * size)
    if any(name.endswith("data.pkl") for name in names):
        return _saved(path)
    if not names or not all(name.endswith(".npy") for name in names):
        raise unreadable(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
    except (ValueError, SyntaxError, TypeError, EOFError) as error:
        objects = "Python objects, which are not read from a file"
        got = objects if "pickle" in str(error) else "a damaged array"
        raise ValueError(
            f"{str(path)!r}: expected arrays of numbers or texts, got {got}"
        ) from error
    return _whole(arrays, path)


def _saved(path: Path) -> Table:
    import pickle

    import torch

    try:
        with torch.serialization.safe_globals(_numbers_of_numpy()):
            data = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        what = re.search(r"GLOBAL ([\w.]+)", str(error))
        raise ValueError(
            f"{str(path)!r}: expected tensors, arrays, lists, numbers and texts, got "
            f"{what[1] if what else 'a damaged file'}, which torch.load(weights_only=True) refuses"
        ) from error
    try:
        room.check(path, room.of_values(data))
    except ValueError as error:
        raise ValueError(_of(path, error)) from error
    if slime.is_dump(data):
        columns, left = slime.columns(data, repr(str(path)))
        names = {ours: theirs for ours, theirs in slime.NAMES.items() if theirs in columns}
        return Table(_table(columns, str(path)), names, left=left)
    if isinstance(data, list):
        rows = [
            {k: slime.plain(v) for k, v in row.items()} if isinstance(row, dict) else row
            for row in data
        ]
        return _rows(list(enumerate(rows, 1)), path)
    if not isinstance(data, dict):
        raise ValueError(
            f"{str(path)!r}: expected a dictionary of columns or a list of rows, got "
            f"{type(data).__name__}"
        )
    return _whole(data, path)


def _numbers_of_numpy() -> list[Any]:
    """What numpy's numbers and arrays are pickled by: they hold data and run nothing."""
    scalar: Any
    rebuilt: Any
    scalar, rebuilt = np.float64(0).__reduce__()[0], np.zeros(0).__reduce__()[0]
    # As numpy 1 calls them.
    old = [(each, f"numpy.core.multiarray.{each.__name__}") for each in (scalar, rebuilt)]
    types = {type(np.dtype(name)) for name in "?bhilqBHILQefd"}
    return [scalar, rebuilt, *old, np.ndarray, np.dtype, *types]


def csv_text(path: Path) -> Table:
    """A head with the columns' names; a cell is a number, True or False, a text, or a list in
    square brackets."""
    room.check(path, room.TEXT * path.stat().st_size)
    csv.field_size_limit(1 << 30)
    with path.open(encoding="utf-8-sig", newline="") as file:
        mark = separator(file.readline())
        file.seek(0)
        reader = csv.reader(file, delimiter=mark or ",")
        names = next(reader)
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"column {twice!r}: expected once in {str(path)!r}, got it twice")
        cells: list[list[str]] = [[] for _ in names]
        for row in reader:
            if not row:
                continue
            if len(row) != len(names):
                raise ValueError(
                    f"{str(path)!r}, line {reader.line_num}: expected {len(names)} values, one a "
                    f"column, got {len(row)}"
                )
            for column, cell in zip(cells, row, strict=True):
                column.append(cell)
    return Table(
        _table(
            {name: _typed(name, column, path) for name, column in zip(names, cells, strict=True)},
            str(path),
        )
    )


def _typed(name: str, cells: list[str], path: Path) -> list[Any]:
    """The cells of a column, in the one type that all of them have."""
    there = [cell for cell in cells if cell not in MISSING]
    if there and all(cell.startswith("[") for cell in there):
        try:
            return [None if cell in MISSING else json.loads(_asjson_text(cell)) for cell in cells]
        except ValueError as error:
            raise ValueError(
                f"column {name!r}: expected lists in {str(path)!r}, got {there[0][:60]!r}"
            ) from error
    if all(cell.lower() in ("true", "false") for cell in there):
        return [None if cell in MISSING else cell.lower() == "true" for cell in cells]
    for kind in (int, float):
        try:
            return [None if cell in MISSING else kind(cell) for cell in cells]
        except ValueError:
            continue
    return list(cells)


def _asjson_text(cell: str) -> str:
    return (
        cell.replace("True", "true")
        .replace("False", "false")
        .replace("nan", "NaN")
        .replace("None", "null")
    )


def _table(columns: Mapping[str, Sequence[Any]], where: str) -> Any:
    import pyarrow as pa

    arrays = {}
    for name, values in columns.items():
        try:
            arrays[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError) as error:
            got = "a text that is none" if isinstance(error, UnicodeEncodeError) else "several"
            raise ValueError(
                f"column {name!r}: expected values of one type in {where!r}, got {got} "
                f"({str(error).splitlines()[0]})"
            ) from error
    return pa.table(arrays)
