"""Calls a user's method and reports its errors with file and line."""

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import FrozenInstanceError, dataclass, fields
from typing import Any

import torch

from trlib.algorithms.method import Anchor, Method
from trlib.algorithms.needs import Needs
from trlib.arguments import as_json
from trlib.errors import MethodError, TrlibError, line_of, warn
from trlib.loop.settings import FilledSettings


@contextmanager
def wrap_user_errors(author: object, name: str) -> Iterator[None]:
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
        if isinstance(error, FrozenInstanceError) and "batch.memory" not in message:
            message += "; a method is frozen: keep what changes in batch.memory"
        raise MethodError(
            f"{type(author).__name__}.{name} ({_place(author, name, error)}): {message}"
        ) from error


@dataclass(frozen=True)
class ResolvedNeeds(Needs):
    """A method's needs, and what follows from them."""

    early: bool = False  #: Whether `Batch.logp_old` must be there before `prepare`.


def needs_of(method: Method, anchor: Anchor) -> ResolvedNeeds:
    """What the method declares, and what follows from it.
    Raises MethodError: `needs` raises an error, or returns something else."""
    with wrap_user_errors(method, "needs"):
        declared = method.needs(anchor)
        if not isinstance(declared, Needs):
            raise TypeError(f"needs: expected Needs(...), got {type(declared).__name__}")
    early = declared.old is True or method.correction is not None
    old = anchor == "recomputed" if declared.old is None else declared.old
    reference = declared.reference or method.reference is not None
    return ResolvedNeeds(**{**vars(declared), "old": old, "early": early, "reference": reference})


def check_anchor(method: Method, settings: FilledSettings) -> None:
    """Refuse a run that needs log-probs which the sampler does not report, and warn of a method
    that would correct for the sampler twice.
    Raises ValueError: `sampler_logp` is off, and the anchor, a correction or a reference needs
    it."""
    around_sampler, corrected = settings.anchor == "rollout", method.correction is not None
    asking = {"anchor": around_sampler, "correction": corrected, "reference": method.reference}
    if not settings.sampler_logp and any(asking.values()):
        name = next(name for name, asks in asking.items() if asks)
        raise ValueError(
            f"{name}: expected {'recomputed' if around_sampler else None!r} where the sampler "
            "reports no log-probs (sampler_logp=False): there is nothing to compare the learner's "
            "or the reference's with"
        )
    if around_sampler and corrected:
        warn(
            "correction: with anchor='rollout' the ratio already corrects for the sampler, and a "
            "correction would do so twice; use anchor='recomputed', or no correction"
        )


def check_vocabulary(method: Method, needs: Needs, size: int) -> None:
    """Refuse a method that asks for more of the anchor's tokens than the vocabulary has, and name
    its setting.
    Raises ValueError: `needs.topk_anchor` above `size`."""
    if (k := needs.topk_anchor) > size:
        setting = next(
            (f.name for f in fields(method) if getattr(method, f.name) == k), "topk_anchor"
        )
        raise ValueError(
            f"{setting}: expected at most {size}, the number of tokens in the vocabulary, got {k}"
        )


def settings_of(method: Method) -> dict[str, Any]:
    """A method's name and settings, as JSON values.
    Raises TypeError: a setting that could not be saved with the run."""
    settings: dict[str, Any] = {"name": type(method).__name__}
    for f in fields(method):
        try:
            settings[f.name] = as_json(getattr(method, f.name))
        except TypeError as error:
            raise TypeError(
                f"{f.name}: expected a setting that can be saved with the run (a number, a string, "
                f"a list, None), got {error} in {type(method).__name__} ({_defined(method)})"
            ) from None
    return settings


def _place(author: object, name: str, error: Exception) -> str:
    """FILE:LINE of the error's innermost frame in the author's file; else where the box is
    defined."""
    code = getattr(inspect.unwrap(getattr(author, name)), "__code__", None)
    if code is None:
        return _defined(author)
    return f"{_near(code.co_filename)}:{line_of(code, error)}"


def _defined(author: object) -> str:
    try:
        return f"{_near(inspect.getfile(type(author)))}:{inspect.getsourcelines(type(author))[1]}"
    except (OSError, TypeError):  # a class that was typed into an interpreter has no file
        return type(author).__module__


def _near(file: str) -> str:
    """The path relative to the working folder, if the file is inside it."""
    short = os.path.relpath(file) if os.path.isabs(file) else file
    return file if short.startswith("..") else short
