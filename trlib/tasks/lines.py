"""Files of JSON lines (problems, rollouts), with line numbers for errors."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from trlib.errors import DataError

T = TypeVar("T")


def loaded(path: str | os.PathLike[str], read: Callable[[Any, str], T]) -> list[T]:
    """What `read(row, where)` makes of every row of a local file, which the library `datasets`
    loads.

    Nothing is downloaded. `datasets` names no line: if it or `read` fails, the file is read again
    line by line, and `where` says which line it is.
    Raises DataError: as `numbered`. Whatever else `read` raises."""
    from datasets import load_dataset
    from datasets.utils import logging

    where, file = f"path {str(path)!r}", Path(path).expanduser()
    if file.is_file():
        before = logging.get_verbosity()
        logging.set_verbosity(logging.CRITICAL)
        try:
            rows = load_dataset("json", data_files=str(file), split="train", streaming=True)
            return [read(row, where) for row in rows]
        # of any kind: the second reading finds the line, or that there is nothing to complain of
        except Exception:
            pass
        finally:
            logging.set_verbosity(before)
    return [read(row, f"{where}, line {line}") for line, row in numbered(path)]


def numbered(path: str | os.PathLike[str]) -> Iterator[tuple[int, Any]]:
    """Pairs of a line number, from 1, and the value on that line; empty lines are skipped.
    Raises DataError: the file cannot be read, or a line is not JSON."""
    where = f"path {str(path)!r}"
    for number, line in enumerate(_lines(path, where), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (
                ValueError,
                RecursionError,
            ) as error:  # broken JSON, broken UTF-8, nested too deep
                raise DataError(
                    f"{where}, line {number}: expected JSON, got {line[:60]!r} ({error})"
                ) from error


def _lines(path: str | os.PathLike[str], where: str) -> Iterator[bytes]:
    """One after the other, whatever ends them: a long file is never held as a whole."""
    try:
        with Path(path).expanduser().open("rb") as file:
            for piece in file:
                yield from piece.splitlines()
    except OSError as error:
        raise DataError(f"{where}: cannot read it: {error.strerror or error}") from error
