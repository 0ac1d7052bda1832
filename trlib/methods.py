"""Every method by its name: on the command line, in a sweep, in a file of your own."""

import inspect
from typing import Any

from trlib.algorithms import ALGORITHMS, Method
from trlib.algorithms.settings import check_declared
from trlib.relatives import RELATIVES
from trlib.relatives.optimizers import RELATIVES as OPTIMIZERS
from trlib.user_files import is_own, named


def is_objective(entry: Any) -> bool:
    """Whether an entry is a method, or a preset of one."""
    kind = getattr(entry, "func", entry)
    return isinstance(kind, type) and issubclass(kind, Method)


OBJECTIVES: dict[str, Any] = ALGORITHMS | {
    name: entry for name, entry in RELATIVES.items() if is_objective(entry)
}
"""Everything that the loop can train with: the book's methods, and those relatives that are
objectives."""


def method_kind(name: str) -> Any:
    """The class or preset of a method's name, or of FILE.py:NAME.
    Raises ValueError: an unknown name (the nearest is suggested), a relative that is not an
    objective, or a file without it; TypeError: a class whose settings Python would ignore, because
    its decorator is missing."""
    if not is_own(name) and name in RELATIVES and name not in OBJECTIVES:
        if name in OPTIMIZERS:
            raise ValueError(
                f"method: {name} is an optimiser: expected it as optimizer={name!r}, beside a "
                "method"
            )
        entry = RELATIVES[name]
        raise ValueError(
            f"method: {name} is not an objective: expected it called as "
            f"{entry.__module__}.{entry.__qualname__}{inspect.signature(entry)}"
        )
    kind = named("method", name, OBJECTIVES, is_objective)
    check_declared(getattr(kind, "func", kind))
    return kind
