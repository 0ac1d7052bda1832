"""Mistakes in a method's settings that Python would accept in silence, refused with a message that
helps."""

import inspect
from dataclasses import MISSING, FrozenInstanceError, fields
from typing import Any, NoReturn

from trlib.other_names import error_suffix


class Settings:
    """The base of `Method`, whose subclasses are frozen dataclasses:
    `@dataclass(frozen=True, kw_only=True)`.

    A subclass that adds no setting and changes no default may do without the decorator."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        check_declared(cls)
        for name in kwargs:
            _check_known(cls, name)
        return super().__new__(cls)

    # A dataclass guards its own fields; these guard everything else, in subclasses without the
    # decorator too.
    def __setattr__(self, name: str, value: object) -> NoReturn:
        self._refuse_change(name)

    def __delattr__(self, name: str) -> NoReturn:
        self._refuse_change(name)

    def _refuse_change(self, name: str) -> NoReturn:
        raise FrozenInstanceError(
            f"{name}: the settings of {type(self).__name__} are fixed; make another with "
            "dataclasses.replace, or keep what changes in batch.memory"
        )


def _check_known(kind: type, name: str) -> None:
    _, *taken = inspect.signature(kind.__init__).parameters.values()  # type: ignore[misc]
    known = [one.name for one in taken]
    if name not in known and not any(one.kind is one.VAR_KEYWORD for one in taken):
        raise TypeError(
            f"{kind.__name__}: no setting is called {name!r}{error_suffix(name, known)}"
        )


def check_declared(kind: type) -> None:
    """Check that every annotated name and every changed default of a method's class is a setting.
    Raises TypeError: the decorator or an annotation is missing, so that Python would ignore a
    setting."""
    known: dict[str, Any] = getattr(kind, "__dataclass_fields__", {})
    bases = [base for base in kind.__mro__ if issubclass(base, Settings)]
    hints = [pair for base in bases for pair in inspect.get_annotations(base).items()]
    annotated = {name for name, hint in hints if "ClassVar" not in str(hint)}
    changed = {f.name for f in fields(kind) if getattr(kind, f.name, MISSING) is not f.default}
    lost = sorted((annotated - known.keys()) | changed)
    if lost:
        raise TypeError(
            f"{kind.__name__}: expected @dataclass(frozen=True, kw_only=True) above the class "
            "and a type after each of its settings, or Python ignores them; it would ignore "
            f"{', '.join(lost)}"
        )
