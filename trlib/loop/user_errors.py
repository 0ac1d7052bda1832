"""Errors in a method's or a task's own code, reported with its file and line."""

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import FrozenInstanceError

import torch

from trlib.errors import MethodError, TrlibError, line_of
from trlib.other_names import near


@contextmanager
def user_errors(author: object, name: str) -> Iterator[None]:
    """Inside a `with` block an error that a method or a task raises becomes an error of the run,
    which carries what is already trained.
    Raises MethodError: an error that is not trlib's own, with the place in the author's file."""
    try:
        yield
    except (TrlibError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        message = (
            str(error)
            if isinstance(error, ValueError | TypeError)
            else f"{type(error).__name__}: {error}"
        )
        if isinstance(error, AttributeError) and error.obj is not None:
            message += near(error.name, [n for n in dir(error.obj) if not n.startswith("_")])
        if isinstance(error, FrozenInstanceError) and "batch.memory" not in message:
            message += "; a method is frozen: keep what changes in batch.memory"
        raise MethodError(
            f"{type(author).__name__}.{name} ({_place(author, name, error)}): {message}"
        ) from error


def _place(author: object, name: str, error: Exception) -> str:
    """FILE:LINE of the error's innermost frame in the author's file; else where the
    function is defined."""
    code = getattr(inspect.unwrap(getattr(author, name)), "__code__", None)
    if code is None:
        return defined_in(author)
    return f"{_near(code.co_filename)}:{line_of(code, error)}"


def defined_in(author: object) -> str:
    """FILE:LINE of an object's class."""
    try:
        return f"{_near(inspect.getfile(type(author)))}:{inspect.getsourcelines(type(author))[1]}"
    except (OSError, TypeError):  # a class that was typed into an interpreter has no file
        return type(author).__module__


def _near(file: str) -> str:
    """The path relative to the working folder, if the file is inside it."""
    short = os.path.relpath(file) if os.path.isabs(file) else file
    return file if short.startswith("..") else short
