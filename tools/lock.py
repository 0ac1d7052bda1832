"""One builder at a time in a folder: two test workers, or a test and a `make html`, wait for each other."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(folder: Path, waiting: Callable[[], object] | None = None) -> Iterator[None]:
    """Holds `folder` until the `with` block ends; another process that asks for it waits, and calls `waiting` first."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting:
                waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
