"""The fields of a dataclass as a reader sees them: name, type, default, and the docstring under each in the source."""

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import MISSING, dataclass, fields, is_dataclass
from itertools import pairwise
from typing import Any


@dataclass(frozen=True)
class Setting:
    """One field of a dataclass, as `settings` lists it."""

    name: str
    kind: str
    """Its type, as the source writes it."""
    default: Any
    text: str
    """The docstring under the field."""


def settings(entry: Any) -> list[Setting]:
    """The fields of a dataclass, or of a preset of one (`functools.partial`), with their types, defaults and the
    docstrings under them."""
    kind, own = dataclass_of(entry), getattr(entry, "keywords", {})
    texts = _texts(kind)
    return [
        Setting(f.name, _written(f.type), own.get(f.name, _default(f)), texts.get(f.name, ""))
        for f in fields(kind)
        if f.init
    ]


def dataclass_of(entry: Any) -> Any:
    """The dataclass of an entry: itself, or the one a preset (`functools.partial`) calls."""
    return entry if isinstance(entry, type) else entry.func


def _written(kind: Any) -> str:
    """A type as its source writes it."""
    return kind.__name__ if isinstance(kind, type) else getattr(kind, "__forward_arg__", str(kind))


def _default(f: Any) -> Any:
    if f.default is not MISSING:
        return f.default
    return f.default_factory() if f.default_factory is not MISSING else MISSING


def _texts(kind: type) -> dict[str, str]:
    """The string that stands under each field in the source, base classes first."""
    found: dict[str, str] = {}
    for base in reversed([base for base in kind.__mro__ if is_dataclass(base)]):
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0].body  # type: ignore[attr-defined]
        for node, after in pairwise(body):
            documented = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and documented:
                found[node.target.id] = inspect.cleandoc(str(after.value.value))
    return found
