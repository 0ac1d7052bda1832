"""A dataclass's settings as text: `eps_high=.28` checked against the field's type."""

import ast
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from trlib.errors import unknown
from trlib.other_names import error_suffix

WORDS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(
    ("false", "no", "off", "0"), False
)
"""How a yes or no may be written."""


def assignments(kind: type, texts: Sequence[str], *, what: str) -> dict[str, Any]:
    """Keyword arguments for the dataclass `kind` from texts like `eps_high=.28`.

    Numbers, yes or no, words, pairs (`delta_tv=.1,.2`) and `none` are read by the field's type. A
    field that is itself a dataclass takes `on` (its defaults), `none`, or its own fields after a
    dot: `correction.cap=3`.

    Args:
        kind: a dataclass.
        texts: NAME=VALUE each; if two have the same name, the last holds.
        what: what is being set, for the errors.
    Raises ValueError: no `=`, an unknown name (the nearest is suggested), a value of another
    type."""
    try:
        hints = get_type_hints(kind)
    except NameError as error:  # imported only for the type checker
        raise ValueError(
            f"{what}: expected settings whose types can be looked up when it runs, got {error}"
        ) from error
    known = [f.name for f in fields(kind) if f.init]
    values: dict[str, Any] = {}
    inner: dict[str, list[str]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name, dot, rest = name.strip().partition(".")
        if not equals or not name:
            raise ValueError(f"{what}: expected NAME=VALUE, got {text!r}")
        if name not in known:
            raise unknown(f"a setting of {what}", name, known, error_suffix)
        if dot:
            inner.setdefault(name, []).append(f"{rest}={value}")
        else:
            try:
                values[name] = convert(value.strip(), hints[name])
            except ValueError as error:
                raise ValueError(f"{what}: {name}: {error}") from None
    for name, parts in inner.items():
        nested = _dataclass(hints[name])
        if nested is None:
            raise ValueError(
                f"{what}: {name} is one value; expected {name}=VALUE, got {name}.{parts[0]}"
            )
        values[name] = nested(**assignments(nested, parts, what=f"{what}: {name}"))
    return values


def convert(text: str, hint: Any) -> Any:
    """`text` as a value of the type `hint`.
    Raises ValueError: it is not one; the error says what was expected."""
    for option in _options(hint):
        try:
            return _convert(text, option)
        except (ValueError, SyntaxError):
            continue
    raise ValueError(f"expected {' or '.join(map(_word, _options(hint)))}, got {text!r}")


def _convert(text: str, hint: Any) -> Any:
    origin = get_origin(hint)
    if hint is NoneType:
        return {"none": None}[text.lower()] if text.lower() == "none" else _refuse(text)
    if hint is bool:
        return WORDS[text.lower()] if text.lower() in WORDS else _refuse(text)
    if hint in (int, float, str):
        return hint(text)
    if origin is Literal:
        known = {str(value): value for value in get_args(hint)}
        return known[text] if text in known else _refuse(text)
    if origin in (tuple, Sequence):
        kinds, parts = get_args(hint), text.strip("()[] ").split(",")
        kinds = kinds[:1] * len(parts) if origin is Sequence or kinds[1:] == (...,) else kinds
        if len(kinds) != len(parts):
            _refuse(text)
        return tuple(_convert(part.strip(), one) for part, one in zip(parts, kinds, strict=True))
    if is_dataclass(hint) and isinstance(hint, type):
        return hint() if text.lower() == "on" else _refuse(text)
    return ast.literal_eval(text)


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _options(hint: Any) -> tuple[Any, ...]:
    """What a text may be: a union's members, None first (a string would swallow the word), but not
    a function."""
    if get_origin(hint) in (Union, UnionType):
        members = [member for member in get_args(hint) if get_origin(member) is not Callable]
        return tuple(sorted(members, key=lambda member: member is not NoneType))
    return (hint,)


def _dataclass(hint: Any) -> type | None:
    return next(
        (option for option in _options(hint) if isinstance(option, type) and is_dataclass(option)),
        None,
    )


def _word(hint: Any) -> str:
    simple = {
        NoneType: "none",
        bool: "yes or no",
        int: "a whole number",
        float: "a number",
        str: "a word",
    }
    if hint in simple:
        return simple[hint]
    if get_origin(hint) is Literal:
        return " or ".join(map(repr, get_args(hint)))
    if get_origin(hint) is Sequence or get_args(hint)[1:] == (...,):
        return f"{_words(hint)} with commas between"
    if get_origin(hint) is tuple:
        return f"{len(get_args(hint))} {_words(hint)} with a comma between"
    return "on" if is_dataclass(hint) else "a Python value"


def _words(hint: Any) -> str:
    """What a list holds, by its first."""
    several = {int: "whole numbers", float: "numbers", str: "words"}
    return several.get((*get_args(hint), None)[0], "values")
