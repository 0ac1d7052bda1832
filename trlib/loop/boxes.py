"""A method's boxes as the loop calls them: what goes wrong in one is told with the method's file and line."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import torch

from trlib.algorithms.method import Anchor, Method
from trlib.algorithms.needs import Needs
from trlib.arguments import as_json
from trlib.errors import MethodError, TrlibError


@contextmanager
def box(author: object, name: str) -> Iterator[None]:
    """Inside a `with` block an error of the method's, or the task's, is one of the run, so that nothing already trained
    is lost.

    Raises:
        MethodError: for any other error, with the place in the author's file.
    """
    try:
        yield
    except (TrlibError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        said = str(error) if isinstance(error, ValueError | TypeError) else f"{type(error).__name__}: {error}"
        raise MethodError(f"{type(author).__name__}.{name} ({_place(author, name, error)}): {said}") from error


@dataclass(frozen=True)
class Asked(Needs):
    """A method's needs with what follows from them."""

    early: bool = False
    """`Batch.logp_old` for `prepare` already."""


def needs_of(method: Method, anchor: Anchor) -> Asked:
    """What the method declares, and what follows from it.

    Raises:
        MethodError: `needs` raises an error, or returns something else.
    """
    with box(method, "needs"):
        declared = method.needs(anchor)
        if not isinstance(declared, Needs):
            raise TypeError(f"needs: expected Needs(...), got {type(declared).__name__}")
    early = declared.old is True or method.correction is not None
    old = anchor == "recomputed" if declared.old is None else declared.old
    return Asked(**{**vars(declared), "old": old, "early": early})


def settings_of(method: Method) -> dict[str, Any]:
    """A method's name and settings, as JSON holds them.

    Raises:
        TypeError: a setting that could not be saved with the run.
    """
    found: dict[str, Any] = {"name": type(method).__name__}
    for f in fields(method):
        try:
            found[f.name] = as_json(getattr(method, f.name))
        except TypeError as error:
            raise TypeError(
                f"{f.name}: expected a setting that can be saved with the run (a number, a text, a list, "
                f"None), got {error} in {type(method).__name__} ({_defined(method)})"
            ) from None
    return found


def _place(author: object, name: str, error: Exception) -> str:
    """FILE:LINE, the innermost of the author's own in the error's traceback; else where the box is written."""
    code = getattr(inspect.unwrap(getattr(author, name)), "__code__", None)
    if code is None:
        return _defined(author)
    found, trace = code.co_firstlineno, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == code.co_filename:
            found = trace.tb_lineno
        trace = trace.tb_next
    return f"{_near(code.co_filename)}:{found}"


def _defined(author: object) -> str:
    try:
        return f"{_near(inspect.getfile(type(author)))}:{inspect.getsourcelines(type(author))[1]}"
    except (OSError, TypeError):  # a class that was typed in
        return type(author).__module__


def _near(file: str) -> str:
    """A path as short as it is clear: from the working folder, where it lies below it."""
    short = os.path.relpath(file) if os.path.isabs(file) else file
    return file if short.startswith("..") else short
