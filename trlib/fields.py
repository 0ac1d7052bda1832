"""The fields of a dataclass as a reader sees them: name, type, default, and the docstring under each in the source.

`keywords_of` makes them the keyword arguments of a function."""

from __future__ import annotations

import ast
import difflib
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import partial, wraps
from inspect import Parameter
from itertools import pairwise
from typing import Any, Concatenate, ParamSpec, TypeVar, get_type_hints

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
S = TypeVar("S")
R = TypeVar("R")
P = ParamSpec("P")


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
    written = {f.name: f.type.__name__ if isinstance(f.type, type) else str(f.type) for f in fields(kind)}
    return [
        Setting(f.name, written[f.name], own.get(f.name, _default(f)), texts.get(f.name, ""))
        for f in fields(kind)
        if f.init
    ]


def dataclass_of(entry: Any) -> Any:
    """The dataclass of an entry: itself, or the one a preset (`functools.partial`) calls."""
    return entry if isinstance(entry, type) else entry.func


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


def keywords_of(kind: Callable[P, S]) -> Callable[[Callable[[A, B, C, S], R]], Callable[Concatenate[A, B, C, P], R]]:
    """A decorator: `f(a, b, c, settings)` is called as `f(a, b, c, lr=.1)`, with the dataclass's fields as keywords.

    The signature lists the fields with their types and defaults, and the docstring explains each where the undecorated
    one has the argument `settings`.

    Args:
        kind: a dataclass; its own checks run when the function is called."""
    make: Any = kind  # what a ParamSpec binds, mypy cannot call
    hints, options = get_type_hints(kind), settings(kind)

    def decorate(function: Callable[[A, B, C, S], R]) -> Callable[Concatenate[A, B, C, P], R]:
        run: Any = function
        written = inspect.signature(function, eval_str=True)
        *leading, last = written.parameters.values()
        shown = written.replace(parameters=[*leading, *(_keyword(s, hints[s.name]) for s in options)])

        @wraps(function)
        def call(*args: Any, **keywords: Any) -> R:
            for name in keywords:
                if name not in shown.parameters:
                    near = difflib.get_close_matches(name, shown.parameters, n=1, cutoff=0.5)
                    hint = f"; did you mean {near[0]!r}?" if near else ""
                    raise TypeError(f"{function.__name__}: no argument is called {name!r}{hint}")
            try:
                given = shown.bind(*args, **keywords).arguments
            except TypeError as error:
                raise TypeError(f"{function.__name__}: {error}") from None
            positional = [given.pop(p.name) for p in leading]
            return run(*positional, make(**given))

        call.__signature__ = shown  # type: ignore[attr-defined]
        call.__annotations__ = {p.name: p.annotation for p in shown.parameters.values()} | {
            "return": shown.return_annotation
        }
        call.__doc__ = _explained(function.__doc__ or "", last.name, options)
        return call

    return decorate


def _keyword(setting: Setting, kind: Any) -> Parameter:
    default = Parameter.empty if setting.default is MISSING else setting.default
    return Parameter(setting.name, Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def _explained(doc: str, argument: str, options: list[Setting]) -> str:
    """A docstring whose line about `argument` has become one entry for each setting."""
    lines = doc.splitlines()
    at = next(i for i, line in enumerate(lines) if line.strip().startswith(f"{argument}: "))
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    wrap = partial(textwrap.wrap, width=120, initial_indent=indent, subsequent_indent=f"{indent}    ")
    lines[at : at + 1] = [line for s in options for line in wrap(f"{s.name}: {' '.join(s.text.split())}")]
    return "\n".join(lines)
