from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import pytest

from tests.losses import refused
from trlib.algorithms import PPO
from trlib.cli.settings import assignments


@dataclass(frozen=True)
class Inner:
    cap: float = 2.0
    """How much."""
    level: Literal["token", "sequence"] = "token"


@dataclass(frozen=True)
class Base:
    shared: ClassVar[int] = 3
    size: int = 4
    """The base's word."""


@dataclass(frozen=True)
class Outer(Base):
    delta: float | tuple[float, float] | None = None
    """First line,
    second line."""
    quick: bool = False
    name: str | None = None
    many: tuple[int, ...] = (1,)
    inner: Inner | None = None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("delta=.25", {"delta": 0.25}),
        ("delta=.1,.2", {"delta": (0.1, 0.2)}),
        ("delta=(.1, .2)", {"delta": (0.1, 0.2)}),
        ("delta=none", {"delta": None}),
        ("size=7", {"size": 7}),
        ("quick=yes", {"quick": True}),
        ("quick=off", {"quick": False}),
        ("name=none", {"name": None}),
        ("name=a=b", {"name": "a=b"}),
        ("many=3,1,2", {"many": (3, 1, 2)}),
        ("inner=on", {"inner": Inner()}),
        ("inner=none", {"inner": None}),
        ("inner.level=sequence", {"inner": Inner(level="sequence")}),
    ],
)
def test_a_text_becomes_the_field_s_type(text, expected):
    found = assignments(Outer, [text], what="it")
    assert found == expected
    (name,) = expected
    assert type(found[name]) is type(expected[name])


def test_fields_of_one_inner_dataclass_come_together_and_the_last_of_two_holds():
    assert assignments(
        Outer, ["inner.cap=3", "size=1", "inner.level=sequence", "size=2"], what="it"
    ) == {
        "inner": Inner(3.0, "sequence"),
        "size": 2,
    }


def test_a_type_that_only_the_type_checker_knows_is_told():
    class Hidden(PPO):
        later: Nowhere | None = None  # noqa: F821

    refused(
        r"hidden: expected settings whose types can be looked up .* 'Nowhere' is",
        assignments,
        Hidden,
        ["eps_high=.3"],
        what="hidden",
    )
