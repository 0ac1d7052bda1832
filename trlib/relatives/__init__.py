"""The gallery: every relative of the book's methods, one file a branch.

    from trlib.relatives import RELATIVES
    trlib.train(policy, task, RELATIVES["r2vpo"]())

A relative is what it is in its paper: an objective (a `Method`, trained like those of `trlib.algorithms`), an optimiser
(`trlib.train(..., optimizer="muon")`), or a function with a small problem of its own.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

from trlib.algorithms import ALGORITHMS, Method
from trlib.own import is_own, named

BRANCHES = {
    branch: import_module(f"trlib.relatives.{branch}")
    for branch in (
        "ratios",
        "constraints",
        "regression",
        "preferences",
        "transport",
        "values",
        "optimizers",
        "finetuning",
        "classical",
    )
}
"""The branches of the family, in the order of the book."""
RELATIVES: dict[str, Any] = {name: entry for branch in BRANCHES.values() for name, entry in branch.RELATIVES.items()}
"""From name to class, preset, optimiser or function."""


def is_objective(entry: Any) -> bool:
    """Whether an entry is a method, or a preset of one."""
    kind = getattr(entry, "func", entry)
    return isinstance(kind, type) and issubclass(kind, Method)


OBJECTIVES: dict[str, Any] = ALGORITHMS | {name: entry for name, entry in RELATIVES.items() if is_objective(entry)}
"""Everything that the loop can train by: the book's methods, and those relatives that are objectives."""


def method_kind(name: str) -> Any:
    """The class or preset of a method's name, or of FILE.py:NAME.

    Raises:
        ValueError: an unknown name (the nearest is suggested), a relative that is no objective, or a file without it.
    """
    if not is_own(name) and name in RELATIVES and name not in OBJECTIVES:
        entry, optimisers = RELATIVES[name], BRANCHES["optimizers"].RELATIVES
        use = (
            f"an optimiser: expected it as optimizer={name!r}, beside a method"
            if name in optimisers
            else f"no objective: expected it called as {entry.__module__}.{entry.__qualname__}"
            f"{inspect.signature(entry)}"
        )
        raise ValueError(f"method: {name} is {use}")
    return named("method", name, OBJECTIVES, is_objective)


__all__ = ["BRANCHES", "OBJECTIVES", "RELATIVES", "is_objective", "method_kind"]
