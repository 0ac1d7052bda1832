"""Classes whose annotated names are settings: frozen dataclasses that need not say so."""

from __future__ import annotations

from dataclasses import MISSING, FrozenInstanceError, dataclass, fields
from typing import Any, ForwardRef, NoReturn, dataclass_transform


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Settings:
    """Every subclass is a frozen dataclass with keyword arguments alone.

    A name that is annotated is a setting. A name that a base has as a setting is one here too, annotated or not, so
    that `eps_high = 0.28` changes a default. Writing `@dataclass(frozen=True, kw_only=True)` all the same does no harm.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        inherited = {
            f.name: (f, base)
            for base in reversed(cls.__mro__[1:])
            if "__dataclass_fields__" in vars(base)
            for f in fields(base)
            if f.name in base.__annotations__
        }
        own = vars(cls).get("__annotations__", {})
        changed = {
            name: f.type if not isinstance(f.type, str) else ForwardRef(f.type, module=base.__module__)
            for name, (f, base) in inherited.items()
            if name in vars(cls) and name not in own
        }
        cls.__annotations__ = {**changed, **own}
        dataclass(frozen=True, kw_only=True)(cls)
        for f in fields(cls):  # type: ignore[arg-type]  # a decorator that stands there looks for it again
            if f.name in own and f.default_factory is not MISSING:
                setattr(cls, f.name, f)
        del cls.__setattr__, cls.__delattr__  # for those below: a decorator that stands there makes its own

    def __setattr__(self, name: str, value: object) -> NoReturn:
        self._fixed(name)

    def __delattr__(self, name: str) -> NoReturn:
        self._fixed(name)

    def _fixed(self, name: str) -> NoReturn:
        raise FrozenInstanceError(
            f"{name}: the settings of {type(self).__name__} are fixed; make another with "
            f"dataclasses.replace, or keep what changes in batch.memory"
        )
