"""Families of tests of which a few members run in `make test`, some more in `make test-all`, and all
of them in `make nightly`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def by_day(cases: Iterable[Any], *daily: Any, later: Iterable[Any] = (), reason: str) -> list[Any]:
    """`cases` for `parametrize`: the `daily` ones run every time, those of `later` in
    `make test-all`, the others in `make nightly`, for a `reason`.

    Raises:
        ValueError: a case of `daily` or of `later` is none of the cases.
    """
    cases, later = list(cases), list(later)
    for name, some in (("daily", daily), ("later", later)):
        unknown = [case for case in some if case not in cases]
        if unknown:
            raise ValueError(f"{name}: expected some of {cases}, got {unknown[0]!r}")
    nightly, test_all = pytest.mark.nightly(reason), pytest.mark.test_all(reason)
    several = [case if isinstance(case, tuple) else (case,) for case in cases]
    return [
        pytest.param(*values, marks=() if case in daily else test_all if case in later else nightly)
        for case, values in zip(cases, several, strict=True)
    ]
