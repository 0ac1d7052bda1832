"""The package's own errors, and the message for an unknown name."""

import sys
import traceback
import warnings
from collections.abc import Callable, Iterable
from types import CodeType
from typing import Any

from trlib.other_names import near


class TrlibError(Exception):
    """The base of this package's own errors; the command line prints them without a traceback."""


class Brief(Exception):
    """An error that a notebook shows as one line, without a traceback, which would not help."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class MissingExtra(Brief, ImportError):
    """An optional package that is not installed; the message says which `pip install` installs
    it."""


class CheckpointError(TrlibError):
    """A file or folder that should hold a saved run or model holds none, is damaged, or cannot be
    written."""


class RunError(TrlibError):
    """An error that stops a run in the middle.

    `run` holds the history up to the last finished batch. The policy may have taken some of the
    broken batch's updates; the last checkpoint in the run's folder has none of them."""

    def __init__(self, message: str, run: Any = None) -> None:
        super().__init__(message)
        self.run = run


class DataError(TrlibError):
    """A data set that cannot be reached or read."""


class NonFiniteError(RunError, FloatingPointError):
    """NaN or inf in a loss or a gradient."""


class MethodError(RunError, ValueError, TypeError):
    """An error in a method's own code or a task's verifier, with its file and line."""


class DemonstrationError(RunError, ValueError):
    """An expert's answer that is missing, wrong, or too long."""


def first_line(error: BaseException) -> str:
    """The first line of another library's error, or the error's name where it has none."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def line_of(code: CodeType, error: BaseException) -> int:
    """The line of an error's innermost frame in a function's file, or else where the function
    begins."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    inside = (frame.lineno for frame in frames if frame.filename == code.co_filename)
    return next(inside, None) or code.co_firstlineno


def unknown(
    argument: str,
    name: object,
    known: Iterable[str],
    suffix: Callable[[object, Iterable[str]], str] = near,
) -> ValueError:
    """The error for a name that is not one of `known`; `suffix` suggests one:
    `trlib.other_names.error_suffix` for a setting."""
    names = sorted(known)
    return ValueError(
        f"{argument}: expected one of {', '.join(names)}, got {name!r}{suffix(name, names)}"
    )


def warn(message: str) -> None:
    """Warn, and give the first line outside this package as the place: that is the line a reader
    can change."""
    level, frame = 1, sys._getframe()
    while (
        frame.f_back is not None
        and frame.f_globals.get("__name__", "").split(".")[0] == __name__.split(".")[0]
    ):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)
