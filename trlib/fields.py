"""The fields of a dataclass as a reader sees them: name, type, default, and the docstring under
each in the source."""

import ast
import inspect
import textwrap
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from itertools import zip_longest
from typing import Any


@dataclass(frozen=True)
class Setting:
    """One field of a dataclass, as `settings` lists it."""

    name: str
    kind: str  #: Its type, as the source writes it.
    default: Any
    text: str  #: The docstring under the field.


def settings(entry: Any) -> list[Setting]:
    """The fields of a dataclass, or of a preset of one (`functools.partial`), with their types,
    defaults and the docstrings under them."""
    kind, own = dataclass_of(entry), getattr(entry, "keywords", {})
    written = _written(kind)
    rows = []
    for f in fields(kind):
        if f.init:
            default = f.default if f.default_factory is MISSING else f.default_factory()
            rows.append(
                Setting(f.name, written[f.name][0], own.get(f.name, default), written[f.name][1])
            )
    return rows


def dataclass_of(entry: Any) -> Any:
    """The dataclass of an entry: itself, or the one a preset (`functools.partial`) calls."""
    return entry if isinstance(entry, type) else entry.func


@cache
def _written(kind: type) -> dict[str, tuple[str, str]]:
    """The type of each field and the string under it, as in the source; a base class's string is
    inherited."""
    declared: dict[str, tuple[str, str]] = {}
    for base in reversed([base for base in kind.__mro__ if is_dataclass(base)]):
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0].body  # type: ignore[attr-defined]
        for node, after in zip_longest(body, body[1:]):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                name, text = node.target.id, declared.get(node.target.id, ("", ""))[1]
                if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                    text = inspect.cleandoc(str(after.value.value))
                declared[name] = ast.unparse(node.annotation), text
    return declared
