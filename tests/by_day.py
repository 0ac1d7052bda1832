"""Families of tests of which a few members run in `make test`, some more in `make test-all`, and all
of them in `make nightly`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def by_day(cases: Iterable[Any], *daily: Any, later: Iterable[Any] = (), reason: str) -> list[Any]:
    """`cases` for `parametrize`: the `daily` ones run every time, those of `later` in
    `make test-all`, the others in `make nightly`, for a `reason`."""
    cases, later = list(cases), list(later)
    assert all(case in cases for case in (*daily, *later)), f"expected some of {cases}"
    nightly, test_all = pytest.mark.nightly(reason), pytest.mark.test_all(reason)
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            marks=() if case in daily else test_all if case in later else nightly,
        )
        for case in cases
    ]
