"""The journal of a sweep: one row per cell in one SQLite file, on the disk as soon as the cell has
ended.

Several processes may write to it, and each may be killed or meet a full disk: a cell is there whole
or not at all.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from trlab.files import DONE, History, Row
from trlib.errors import TrlibError
from trlib.model.folders import lock

NAME, ALL = "cells.sqlite", "cells*.sqlite"
"""The journal of a folder, and with it those of other machines that were copied beside it."""
FORMAT = 2
PATIENCE = 60.0
"""Seconds to wait for another process that writes."""
WRITE = f"""INSERT INTO cells VALUES (?, ?, ?, ?) ON CONFLICT (cell)
            DO UPDATE SET status = excluded.status, entry = excluded.entry, history = excluded.history
            WHERE status != '{DONE}' OR excluded.status = '{DONE}'"""


class RecordError(TrlibError):
    """A record that cannot be written, is damaged, or was made by another version."""


class Journal:
    """The journal of a folder, for the one process that runs a sweep into it, or a shard of one."""

    def __init__(
        self, folder: Path, sweep: str, defaults: dict[str, Any], shard: tuple[int, int] = (1, 1)
    ) -> None:
        """Check that it can be written, before any work is done.

        Raises:
            RecordError, CheckpointError: it cannot, or another process runs the same.
        """
        self.path, about = folder / NAME, {"format": FORMAT, "sweep": sweep, "defaults": defaults}
        with _telling(self.path):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock = lock(
            folder / ".lock-{}-of-{}".format(*shard),
            f"out: expected one process at a time to run this into {str(folder)!r} (wait for it, "
            "or give another --out or --shard), got a second one",
        )
        with _telling(self.path), closing(_open(self.path)) as file:
            file.execute(
                "CREATE TABLE IF NOT EXISTS cells (cell TEXT PRIMARY KEY, status TEXT, entry "
                "TEXT, history TEXT)"
            )
            file.execute(
                "CREATE TABLE IF NOT EXISTS about AS SELECT ? AS text", [json.dumps(about)]
            )

    def close(self) -> None:
        """Release the folder."""
        self._lock.release()


def put(path: Path, row: Row, history: History | None) -> None:
    """Add a cell, or replace what was there of it (a finished one only by another finished one),
    and wait for the disk.

    Raises:
        RecordError: it cannot be written (a full disk); the cells before it are intact.
    """
    with (
        _telling(
            path,
            "; the cells that were finished before are kept: make room and run the same command "
            "again",
        ),
        closing(_open(path)) as file,
    ):
        file.execute(WRITE, [row["cell"], row["status"], json.dumps(row), json.dumps(history)])


def read(path: Path) -> tuple[dict[str, Any] | None, list[tuple[Row, History | None]]]:
    """A journal's format, sweep and defaults (None: it is just being made), and its cells.

    Raises:
        sqlite3.Error, ValueError: it cannot be read, or is damaged.
    """
    with closing(_open(path)) as file:
        if not file.execute("SELECT * FROM sqlite_master WHERE name = 'about'").fetchall():
            return None, []
        rows = file.execute("SELECT entry, history FROM cells ORDER BY rowid").fetchall()
        return (
            json.loads(*file.execute("SELECT text FROM about").fetchone()),
            [(json.loads(row), json.loads(history)) for row, history in rows],
        )


def _open(path: Path) -> sqlite3.Connection:
    """Each statement is a transaction of its own. What a process had begun when it was killed is
    undone here."""
    return sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)


@contextmanager
def _telling(path: Path, more: str = "") -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise RecordError(
            f"out: cannot write to {str(path)!r}: {getattr(error, 'strerror', None) or error}{more}"
        ) from error
