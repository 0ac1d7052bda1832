"""Files of JSON lines (problems, rollouts), with line numbers for errors."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trlib.errors import DataError


def numbered(path: str | os.PathLike[str]) -> Iterator[tuple[int, Any]]:
    """Pairs of a line number, from 1, and the value on that line; empty lines are skipped.
    Raises DataError: the file cannot be read, or a line is not JSON."""
    where = f"path {str(path)!r}"
    try:
        lines = Path(path).expanduser().read_bytes().splitlines()
    except OSError as error:
        raise DataError(f"{where}: cannot read it: {error.strerror or error}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:  # broken JSON, broken UTF-8, nested too deep
                raise DataError(f"{where}, line {number}: expected JSON, got {line[:60]!r} ({error})") from error
