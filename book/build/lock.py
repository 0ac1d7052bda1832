"""One builder at a time in a folder, and nobody at work for a builder that is gone."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(folder: Path, waiting: Callable[[], object] | None = None) -> Iterator[None]:
    """Holds `folder` until the `with` block ends; another process that asks for it waits, and calls
    `waiting` first."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting:
                waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def end_with(parent: int) -> None:
    """Ends this process when its parent is gone, killed perhaps: the next build must find nobody
    writing."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
