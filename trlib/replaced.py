"""Attributes of somebody else's object or module, replaced for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def replaced(owner: Any, **attributes: Any) -> Iterator[None]:
    """Inside a `with` block these attributes of `owner`, an object or a module, are others.

    Raises AttributeError: `owner` has no attribute of a name, as after a release that renamed
    it."""
    for name in attributes:
        getattr(owner, name)
    own = {name: vars(owner)[name] for name in attributes if name in vars(owner)}
    try:
        for name, value in attributes.items():
            setattr(owner, name, value)
        yield
    finally:
        for name in attributes:
            if name in own:
                setattr(owner, name, own[name])
            elif name in vars(owner):  # it hid one of the class
                delattr(owner, name)
