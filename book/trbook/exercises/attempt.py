"""The check of a function that the reader built: it is run, and the result decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trbook.exercises.verdict import Check, NotYet, Verdict, kind, raised, returned


@dataclass(frozen=True, repr=False)
class OfFunction(Check):
    """Called with a function, it returns a `Verdict` and never raises an error."""

    asks: str
    """The question, in a sentence."""

    def _check(self, answer: Any) -> Verdict:
        if not callable(answer):
            raise NotYet(f"expected a function here, but this is {kind(answer)}.")
        return Verdict(True, self._tried(answer))

    def _tried(self, answer: Callable[..., Any]) -> str:
        """Runs the function; returns what to notice, or raises `NotYet` with a hint."""
        raise NotImplementedError


@dataclass(frozen=True, repr=False)
class Attempt(OfFunction):
    """Checks a function by handing it to another one that runs it."""

    tried: Callable[[Callable[..., Any]], str]
    """Runs the function; returns what to notice, or raises `NotYet` with a hint."""

    def _tried(self, answer: Callable[..., Any]) -> str:
        return self.tried(answer)


def asked(answer: Callable[..., Any], *arguments: Any, told: str = "") -> Any:
    """What the reader's function returns; what it raises becomes a hint that names the reader's own
    line.

    Args:
        told: what the hint says of the arguments.

    Raises:
        NotYet: it raised an error.
    """
    try:
        return answer(*arguments)
    except Exception as error:
        with_them = f" It was called with {told}." if told else ""
        raise NotYet(f"{raised(error, answer)}.{with_them}") from error


def call(answer: Callable[..., Any], *arguments: Any, told: str = "") -> Any:
    """What the reader's function returns, which must not be `None`.

    Raises:
        NotYet: it raised an error, or returned nothing.
    """
    return returned(asked(answer, *arguments, told=told))
