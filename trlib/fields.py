"""The fields of a dataclass as a reader sees them: name, type, default, and the docstring under each in the source.

`keywords_of` makes them the keyword arguments of a function."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import partial, wraps
from inspect import Parameter
from itertools import zip_longest
from typing import Any, Concatenate, ParamSpec, TypeVar, get_type_hints

from trlib.other_names import hint

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
    kind: str  #: Its type, as the source writes it.
    default: Any
    text: str  #: The docstring under the field.


def settings(entry: Any) -> list[Setting]:
    """The fields of a dataclass, or of a preset of one (`functools.partial`), with their types, defaults and the
    docstrings under them."""
    kind, own = dataclass_of(entry), getattr(entry, "keywords", {})
    written = _written(kind)
    found = []
    for f in fields(kind):
        if f.init:
            default = f.default if f.default_factory is MISSING else f.default_factory()
            found.append(Setting(f.name, written[f.name][0], own.get(f.name, default), written[f.name][1]))
    return found


def dataclass_of(entry: Any) -> Any:
    """The dataclass of an entry: itself, or the one a preset (`functools.partial`) calls."""
    return entry if isinstance(entry, type) else entry.func


def _written(kind: type) -> dict[str, tuple[str, str]]:
    """The type of each field and the string under it, as in the source; a base class's string is inherited."""
    found: dict[str, tuple[str, str]] = {}
    for base in reversed([base for base in kind.__mro__ if is_dataclass(base)]):
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0].body  # type: ignore[attr-defined]
        for node, after in zip_longest(body, body[1:]):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                name, text = node.target.id, found.get(node.target.id, ("", ""))[1]
                if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                    text = inspect.cleandoc(str(after.value.value))
                found[name] = ast.unparse(node.annotation), text
    return found


def keywords_of(kind: Callable[P, S]) -> Callable[[Callable[[A, B, C, S], R]], Callable[Concatenate[A, B, C, P], R]]:
    """A decorator: `f(a, b, c, settings)` is called as `f(a, b, c, lr=.1)`, with the dataclass's fields as keywords.

    The signature lists the fields with their types and defaults, and the docstring explains each where the undecorated
    one has the argument `settings`.

    `kind` is a dataclass; its own checks run when the function is called."""
    make: Any = kind  # what a ParamSpec binds, mypy cannot call
    hints, options = get_type_hints(kind), settings(kind)

    def decorate(function: Callable[[A, B, C, S], R]) -> Callable[Concatenate[A, B, C, P], R]:
        run: Any = function
        written = inspect.signature(function, eval_str=True)
        *leading, last = written.parameters.values()
        defaults = {s.name: Parameter.empty if s.default is MISSING else s.default for s in options}
        named = [Parameter(n, Parameter.KEYWORD_ONLY, default=d, annotation=hints[n]) for n, d in defaults.items()]
        shown = written.replace(parameters=[*leading, *named])

        @wraps(function)
        def call(*args: Any, **keywords: Any) -> R:
            for name in keywords:
                if name not in shown.parameters:
                    raise TypeError(
                        f"{function.__name__}: no argument is called {name!r}{hint(name, shown.parameters)}"
                    )
            try:
                given = shown.bind(*args, **keywords).arguments
            except TypeError as error:
                raise TypeError(f"{function.__name__}: {error}") from None
            positional = [given.pop(p.name) for p in leading]
            return run(*positional, make(**given))

        call.__signature__ = shown  # type: ignore[attr-defined]
        annotations = {p.name: p.annotation for p in shown.parameters.values()}
        call.__annotations__ = {**annotations, "return": shown.return_annotation}
        call.__doc__ = _explained(function.__doc__ or "", last.name, options)
        return call

    return decorate


def _explained(doc: str, argument: str, options: list[Setting]) -> str:
    """A docstring whose line about `argument` is replaced with one entry for each setting."""
    lines = doc.splitlines()
    at = next(i for i, line in enumerate(lines) if line.strip().startswith(f"{argument}: "))
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    wrap = partial(textwrap.wrap, width=120, initial_indent=indent, subsequent_indent=f"{indent}    ")
    lines[at : at + 1] = [line for s in options for line in wrap(f"{s.name}: {' '.join(s.text.split())}")]
    return "\n".join(lines)
