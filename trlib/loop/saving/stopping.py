"""Ctrl-C and SIGTERM: the first ends what is running where it can be resumed, the second ends it at
once."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

STOPS = (signal.SIGINT, signal.SIGTERM)
"""What asks to stop: Ctrl-C, and what `kill`, a batch system or a container sends before it
kills."""


class Stop(threading.Event):
    """Set once the process is asked to stop."""

    signal: int | None = None  #: The signal that asked; None: none has.

    @property
    def status(self) -> int:
        """The exit status that says so: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + (self.signal or signal.SIGINT)


@contextmanager
def stoppable(tell: Callable[[], None] = lambda: None) -> Iterator[Stop]:
    """An event that the first Ctrl-C or SIGTERM inside a `with` block sets; a second one has its
    usual effect.

    Only the main thread can listen. A signal that was ignored stays ignored: a sweep's workers
    leave stopping to the sweep. A handler that was there before is called too: a sweep may run a
    cell in its own process.

    `tell` is called when the event is set."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def first(number: int, frame: Any) -> None:
        stop.signal = number
        stop.set()
        as_before()
        tell()
        handler = before[signal.Signals(number)]
        if callable(handler) and handler is not signal.default_int_handler:
            handler(number, frame)

    def as_before() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.getsignal(number) for number in STOPS}
    # None: a handler that is not Python's, and could not be put back.
    before = {
        number: handler
        for number, handler in before.items()
        if handler not in (signal.SIG_IGN, None)
    }
    for number in before:
        signal.signal(number, first)
    try:
        yield stop
    finally:
        if not stop.is_set():
            as_before()
