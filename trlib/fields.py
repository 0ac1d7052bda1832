"""The fields of a dataclass as a reader sees them: name, type, default, and the docstring under
each in the source."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache, wraps
from itertools import zip_longest
from typing import Any, Concatenate, ParamSpec, TypeVar, get_type_hints

Function = TypeVar("Function", bound=Callable[..., Any])
Fields = ParamSpec("Fields")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
Made = TypeVar("Made")
Result = TypeVar("Result")


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
    found = []
    for f in fields(kind):
        if f.init:
            default = f.default if f.default_factory is MISSING else f.default_factory()
            found.append(
                Setting(f.name, written[f.name][0], own.get(f.name, default), written[f.name][1])
            )
    return found


def documents(kind: type) -> Callable[[Function], Function]:
    """A decorator for a function whose keyword arguments are the fields of a dataclass: what the
    fields' docstrings say takes the place of the line `...:` in the function's, so that it is
    written once and `help` shows it."""

    def fill(function: Function) -> Function:
        # From Python 3.13 on a docstring comes without its indentation.
        before, mark, after = inspect.cleandoc(function.__doc__ or "").partition("...:")
        if mark:  # `python -OO` keeps no docstring
            indent = " " * (len(before) - len(before.rstrip(" ")))
            rest = after.splitlines(keepends=True)[1:]
            while rest and rest[0].startswith(indent + " "):  # the line's continuation
                del rest[0]
            told = "\n".join(
                textwrap.fill(
                    f"{one.name}: {' '.join(one.text.split())}",
                    width=96,
                    initial_indent=indent,
                    subsequent_indent=indent + "    ",
                    break_on_hyphens=False,
                )
                for one in settings(kind)
            )
            function.__doc__ = f"{before.rstrip(' ')}{told}\n{''.join(rest)}"
        return function

    return fill


def takes_fields(
    kind: Callable[Fields, Made],
) -> Callable[[Callable[[A, B, C, Made], Result]], Callable[Concatenate[A, B, C, Fields], Result]]:
    """A decorator for a function of three arguments and a dataclass: its callers pass the fields of
    the dataclass by name instead.

    So they are written once, at the dataclass: type checkers read their names, types and defaults
    there, and `inspect.signature` and `help` show them as the function's own."""

    def unfold(
        function: Callable[[A, B, C, Made], Result],
    ) -> Callable[Concatenate[A, B, C, Fields], Result]:
        types: Any = get_type_hints(kind)
        own, fields_of = inspect.signature(function), inspect.signature(kind)
        given = list(own.parameters.values())[:-1]
        keywords = [
            p.replace(kind=p.KEYWORD_ONLY, annotation=types[p.name])
            for p in fields_of.parameters.values()
        ]
        shown = own.replace(parameters=[*given, *keywords])

        @wraps(function)
        def call(*args: Any, **arguments: Any) -> Result:
            try:
                bound = shown.bind(*args, **arguments).arguments
            except TypeError as error:
                raise TypeError(f"{function.__name__}: {error}") from None
            before: Any = [bound.pop(p.name) for p in given]
            return function(*before, kind(**bound))  # type: ignore[call-arg]

        call.__signature__ = shown  # type: ignore[attr-defined]
        return call

    return unfold


def dataclass_of(entry: Any) -> Any:
    """The dataclass of an entry: itself, or the one a preset (`functools.partial`) calls."""
    return entry if isinstance(entry, type) else entry.func


@cache
def _written(kind: type) -> dict[str, tuple[str, str]]:
    """The type of each field and the string under it, as in the source; a base class's string is
    inherited."""
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
