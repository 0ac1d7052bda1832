"""Families of tests of which a few members run in `make test` and all of them in `make nightly`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def by_day(cases: Iterable[Any], *daily: Any, reason: str) -> list[Any]:
    """`cases` for `parametrize`: the `daily` ones run every time, the others are nightly, for a
    `reason`.

    Raises:
        ValueError: a daily case is none of the cases.
    """
    cases = list(cases)
    unknown = [case for case in daily if case not in cases]
    if unknown:
        raise ValueError(f"daily: expected some of {cases}, got {unknown[0]!r}")
    nightly = pytest.mark.nightly(reason)
    several = [case if isinstance(case, tuple) else (case,) for case in cases]
    return [
        pytest.param(*values, marks=() if case in daily else nightly)
        for case, values in zip(cases, several, strict=True)
    ]
