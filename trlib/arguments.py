"""Checks of plain arguments: numbers, whole numbers, words. They return plain Python values and
need no torch.

`trlib.checks` offers them too, beside those for tensors."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, field, fields, is_dataclass
from functools import cache, partial
from numbers import Integral, Real
from operator import ge, gt, le, lt
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

#: Bounds of many settings: `number("beta", beta, **POSITIVE)`, `setting(0.1, **SHARE)`.
POSITIVE: dict[str, Any] = {"above": 0, "below": math.inf}
NOT_NEGATIVE: dict[str, Any] = {"least": 0, "below": math.inf}
SHARE: dict[str, Any] = {"least": 0, "most": 1}
LARGEST = 2**63 - 1  #: The largest whole number in a tensor, and so in a setting.


def number(
    name: str,
    value: object,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> float:
    """`value` as a Python float, after checking that it is a number inside the bounds (NaN never
    is).

    Python's and numpy's numbers both pass; compute with what comes back. A tensor does not, not
    even one that holds a single number: it has a device and may have a gradient, which a setting
    would lose; pass its `.item()`."""
    result = _real(name, value, "a number")
    bounds = [
        ("above", above, gt),
        ("at least", least, ge),
        ("below", below, lt),
        ("at most", most, le),
    ]
    stated = [(word, bound, holds) for word, bound, holds in bounds if bound is not None]
    if math.isnan(result) or not all(holds(result, bound) for _, bound, holds in stated):
        wanted = " and ".join(f"{word} {bound:g}" for word, bound, _ in stated) or "that is not NaN"
        raise ValueError(f"{name}: expected a number {wanted}, got {value}")
    return result


def whole(name: str, value: object, *, least: int, most: int | None = None) -> int:
    """`value` as a Python int, after checking that it is a whole number (2.0 is not) inside the
    bounds, and never beyond what an int64 tensor holds."""
    _real(name, value, "a whole number")
    if not isinstance(value, Integral):
        raise ValueError(f"{name}: expected a whole number, got {value}")
    result, largest = int(value), LARGEST if most is None else most
    if not least <= result <= largest:
        wanted = (
            f"of at least {least}"
            if most is None and result < least
            else f"from {least} to {largest}"
        )
        raise ValueError(f"{name}: expected a whole number {wanted}, got {value}")
    return result


def plain(value: Any) -> Any:
    """`value` with its numbers, alone or in a tuple, list or dict, as Python's: JSON does not know
    numpy's."""
    if type(value) in (tuple, list):
        return type(value)(plain(item) for item in value)
    if type(value) is dict:
        return {key: plain(item) for key, item in value.items()}
    if type(value) in (bool, int, float) or not isinstance(value, Real):
        return value
    return int(value) if isinstance(value, Integral) else float(value)


def setting(default: Any = MISSING, **bounds: Any) -> Any:
    """A field of a dataclass that `validate` checks by its type:
    `eps: float = setting(0.2, least=0, most=1)`.

    A float is a `number` and an int `whole` inside the bounds, a bool a `flag`, a Literal a
    `choice` of its words and a str one of those in `among`. None passes where the type says so. A
    subclass may change the default alone."""
    return field(default=default, metadata={"bounds": bounds})


def validate(settings: Any) -> None:
    """Turn the numbers of a frozen dataclass into Python's (`plain`), in place, and check what
    `setting` declares: the first line of a `__post_init__`."""
    for one in fields(settings):
        object.__setattr__(settings, one.name, plain(getattr(settings, one.name)))
    kind: Any = type(settings)
    for name, check in _declared(kind).items():
        check(name, getattr(settings, name))


@cache
def _declared(kind: type) -> dict[str, Callable[[str, Any], object]]:
    """The check of each field that `setting` declares, base classes first."""
    checks: dict[str, Callable[[str, Any], object]] = {}
    for base in reversed(kind.__mro__):
        own = vars(base).get("__dataclass_fields__", {})
        for name in inspect.get_annotations(base):
            if name in own and "bounds" in own[name].metadata:
                checks[name] = _check_of(get_type_hints(base)[name], **own[name].metadata["bounds"])
    return checks


def _check_of(
    kind: Any, *, among: tuple[str, ...] = (), **bounds: Any
) -> Callable[[str, Any], object]:
    """The check for a value of this type, inside these bounds."""
    if get_origin(kind) in (Union, UnionType):
        (one,) = (member for member in get_args(kind) if member is not NoneType)
        check = _check_of(one, among=among, **bounds)
        return lambda name, value: None if value is None else check(name, value)
    if kind is bool:
        return flag
    if kind is str or get_origin(kind) is Literal:
        return partial(choice, options=among or get_args(kind))
    return partial(whole if kind is int else number, **bounds)


def _refuse(value: object) -> Any:
    raise TypeError(f"a {type(value).__name__}")


def as_json(value: Any, otherwise: Callable[[Any], Any] = _refuse) -> Any:
    """`value` in JSON's types, the same however it was written: dataclasses and mappings as dicts,
    tuples and ranges as lists, numpy's numbers as Python's.

    `otherwise` converts anything else.
    Raises TypeError: a value that JSON cannot hold, if `otherwise` is not given; the message names
    its type."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_json(getattr(value, f.name), otherwise) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(item, otherwise) for key, item in value.items()}
    if isinstance(value, list | tuple | range):
        return [as_json(item, otherwise) for item in value]
    value = plain(value)
    return (
        value if value is None or isinstance(value, bool | int | float | str) else otherwise(value)
    )


def flag(name: str, value: object) -> bool:
    """`value` after checking that it is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name}: expected True or False, got {type(value).__name__}")
    return value


def choice(name: str, value: object, options: tuple[str, ...]) -> str:
    """`value` after checking that it is one of `options`."""
    if not isinstance(value, str):
        raise TypeError(
            f"{name}: expected one of {', '.join(map(repr, options))}, got {type(value).__name__}"
        )
    if value not in options:
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, options))}, got {value!r}")
    return value


def _real(name: str, value: object, wanted: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name}: expected {wanted}, got {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(
            f"{name}: expected {wanted} that a float can hold, got one beyond 1e308"
        ) from None
