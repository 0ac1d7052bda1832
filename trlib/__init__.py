"""Trust regions for language models: every method as a pure loss, and one loop that runs them all.

Importing this package imports no torch: the names below are loaded when they are first used."""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

if sys.version_info < (3, 11):  # noqa: UP036 - before anything that an older Python cannot read
    found = f"Python {sys.version.split()[0]} ({sys.executable})"
    raise ImportError(f"trlib: expected Python 3.11 or newer, got {found}")

from trlib.name_clash import beside

__version__ = "1.0.0rc2"
_HOME = {
    "load_task": "trlib.tasks",
    "load_policy": "trlib.model.policy",
    "sample": "trlib.model.rollout",
    "train": "trlib.loop.train",
    "load_run": "trlib.loop.saving.compare",
    "compare": "trlib.loop.saving.compare",
    "evaluate": "trlib.evaluation",
    "packed": "trlib.layout",
    "value_checks": "trlib.checks",
}
_MODULES = ("advantages", "aggregation", "algorithms", "corrections", "divergences", "tasks")
__all__ = ["__version__", *_MODULES, *_HOME]

if also := beside():
    warnings.warn(also, stacklevel=2)

if TYPE_CHECKING:
    from trlib import advantages, aggregation, algorithms, corrections, divergences, tasks
    from trlib.checks import value_checks
    from trlib.evaluation import evaluate
    from trlib.layout import packed
    from trlib.loop.saving.compare import compare, load_run
    from trlib.loop.train import train
    from trlib.model.policy import load_policy
    from trlib.model.rollout import sample
    from trlib.tasks import load_task


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
    elif name in _MODULES:
        value = import_module(f"trlib.{name}")
    else:
        raise AttributeError(f"module 'trlib' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
