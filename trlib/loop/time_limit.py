"""A limit on the time that somebody else's function takes."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from trlib.errors import MethodError

T = TypeVar("T")


def within(seconds: float, what: str, call: Callable[[], T]) -> T:
    """What a call returns, or the error that it raises.

    It runs in a thread of its own, which cannot be ended: after the limit it is left behind
    and does not keep the process alive.
    Raises MethodError: it takes longer."""
    done: list[Any] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(call())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not done:
        raise MethodError(f"reward_timeout: {what} has taken more than {seconds:g} seconds")
    return done[0]
