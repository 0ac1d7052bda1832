"""What a command says while a reader waits for it."""

from __future__ import annotations

import sys
import threading
import time

AFTER = 5.0
"""Seconds after which a command says what it is at."""


class Stage:
    """Says on a terminal, or wherever `show` has it, what a command is doing, once that has taken
    `AFTER` seconds."""

    def __init__(self, what: str, after: float | None = None, show: bool | None = None) -> None:
        self.what, self.begun = what, time.monotonic()
        self.show = sys.stderr.isatty() if show is None else show
        self.said = False
        self.timer = threading.Timer(AFTER if after is None else after, self._say)
        self.timer.daemon = True
        self.timer.start()

    def _say(self) -> None:
        self.said = True
        if self.show:
            print(f"trlib: {time.monotonic() - self.begun:.0f} s: {self.what}", file=sys.stderr)

    def now(self, what: str) -> None:
        self.what = what
        if self.said:
            self._say()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self.timer.cancel()
