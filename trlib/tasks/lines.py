"""Files of JSON lines (problems, rollouts), with line numbers for errors."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trlib.errors import DataError


def numbered(path: str | os.PathLike[str]) -> Iterator[tuple[int, Any]]:
    """Pairs of a line number, from 1, and the value on that line; empty lines are skipped.

    Raises:
        DataError: the file cannot be read; a line is not JSON, or has an object with the same key twice.
    """
    where = f"path {str(path)!r}"
    try:
        lines = Path(path).expanduser().read_bytes().splitlines()
    except OSError as error:
        raise DataError(f"{where}: cannot read it: {error.strerror or error}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield number, json.loads(line, object_pairs_hook=_once)
            except _Twice as error:
                raise DataError(
                    f"{where}, line {number}: expected every key once, got {error.args[0]!r} twice"
                ) from error
            except (ValueError, RecursionError) as error:  # broken JSON, broken UTF-8, nested too deep
                raise DataError(f"{where}, line {number}: expected JSON, got {line[:60]!r} ({error})") from error


class _Twice(Exception):
    """A key that comes twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _Twice(next(key for key in keys if keys.count(key) > 1))
    return found
