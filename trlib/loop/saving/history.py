"""A run's `history.jsonl`: one line of JSON for each batch, appended when the batch has ended.

A checkpoint does not repeat what stands in it, so it costs the same after ten batches and after ten
thousand. A line is `{"batch": 0, "row": {...}, "prompts": [{...}, ...]}`: the batch's number from 0,
its columns of the history, and a row of `Run.prompts` for each of its prompts. Text is UTF-8.
Numbers have all their digits, and NaN and Infinity are written as Python does it.

`read` takes the whole lines. A process that is killed may leave a part of one, and lines of batches
that no checkpoint has. A checkpoint holds how many bytes of the file belong to it, and their
checksum; a resumed run cuts the file there."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trlib.errors import CheckpointError
from trlib.model.folders import failing_to_write

NAME = "history.jsonl"
Rows = list[dict[str, Any]]


def read(folder: Path) -> tuple[Rows, Rows]:
    """Every batch that has a whole line in a run's folder: a row for each, and one for each of
    their prompts. Without the file there are none.
    Raises CheckpointError: the file is not a run's history, or is damaged."""
    path = folder / NAME
    data = path.read_bytes() if path.exists() else b""
    return _parsed(path, data[: data.rfind(b"\n") + 1])


def is_one(folder: Path) -> bool:
    """Whether the file of this name in a folder was written by a run."""
    begins = b'{"batch": 0, "row": '
    with open(folder / NAME, "rb") as file:
        return begins.startswith(file.read(len(begins)))


class History:
    """The file of a run in progress."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.size = 0
        """Bytes that are written."""
        self.digest = hashlib.blake2b(digest_size=16)

    def append(self, batch: int, row: dict[str, Any], prompts: Sequence[dict[str, Any]]) -> None:
        """Write a batch's line.
        Raises CheckpointError: it cannot be written; the lines before it are intact."""
        line = json.dumps({"batch": batch, "row": row, "prompts": prompts}, ensure_ascii=False)
        # Half a surrogate pair is no UTF-8; with a backslash it is what JSON has for it.
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        with failing_to_write(self.path), open(self.path, "r+b" if self.size else "wb") as file:
            file.seek(self.size)
            file.write(data)
            file.truncate()
        self.size += len(data)
        self.digest.update(data)

    def mark(self) -> dict[str, Any]:
        """What a checkpoint holds of the file, which is on the disk from now on.
        Raises CheckpointError: it cannot be written."""
        if self.size:
            with failing_to_write(self.path), open(self.path, "rb") as file:
                os.fsync(file.fileno())
        return {"bytes": self.size, "checksum": self.digest.hexdigest()}

    def resume(self, mark: dict[str, Any]) -> tuple[Rows, Rows]:
        """What `read` would return at the time of a checkpoint, whose mark this is.
        Raises CheckpointError: the file has changed since."""
        data = b""
        if self.path.exists():
            with open(self.path, "rb") as file:
                data = file.read(mark["bytes"])
        self.size, self.digest = len(data), hashlib.blake2b(data, digest_size=16)
        if {"bytes": self.size, "checksum": self.digest.hexdigest()} != mark:
            raise CheckpointError(
                f"out: expected the {mark['bytes']} bytes at {str(self.path)!r} that the checkpoint "
                f"beside it was written with, got {self.size or 'none'}"
                f"{', which have changed' * (self.size == mark['bytes'])}"
            )
        return _parsed(self.path, data)

    def cut(self) -> None:
        """Forget what stands behind the checkpoint.
        Raises CheckpointError: the file cannot be written."""
        if self.path.exists():
            with failing_to_write(self.path):
                os.truncate(self.path, self.size)


def _parsed(path: Path, data: bytes) -> tuple[Rows, Rows]:
    rows: Rows = []
    prompts: Rows = []
    for number, line in enumerate(data.splitlines()):
        try:
            one = json.loads(line)
            rows.append(dict(one["row"]))
            prompts.extend(map(dict, one["prompts"]))
            if one["batch"] != number:
                raise ValueError(f"batch {one['batch']}")
        except (ValueError, TypeError, KeyError) as error:
            raise CheckpointError(
                f"out: expected batch {number} of a run in line {number + 1} of {str(path)!r}, got "
                f"{line[:40]!r} ({error})"
            ) from error
    return rows, prompts
