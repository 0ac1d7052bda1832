"""The size a notebook runs in: `smoke` (the tests: seconds), `cpu` (a minute on two cores), `gpu`
(minutes).

`TRLIB_PROFILE` decides; without it a machine with a GPU runs `gpu`, and says so once, and any other
`cpu`.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TypeVar

from trlib.errors import Brief, unknown

PROFILES = ("smoke", "cpu", "gpu")
T = TypeVar("T")


class ProfileError(Brief, ValueError):
    """An unknown profile (the size that notebooks run in), or one that this machine cannot run."""


def profile() -> str:
    """The size in force.

    Raises:
        ProfileError: `TRLIB_PROFILE` names none of `smoke`, `cpu`, `gpu` (the nearest is
            suggested), or asks for a GPU that is not there.
    """
    named = os.environ.get("TRLIB_PROFILE", "")
    if named and named not in PROFILES:
        raise ProfileError(str(unknown("TRLIB_PROFILE", named, PROFILES)))
    if named in ("smoke", "cpu"):
        return named
    import torch

    present = torch.cuda.is_available()
    if named == "gpu" and not present:
        raise ProfileError(
            "TRLIB_PROFILE: expected a machine with a GPU for 'gpu', and torch finds none; 'cpu' "
            "runs the same chapter smaller"
        )
    if present and not named:
        _tell()
    return "gpu" if present else "cpu"


@cache
def _tell() -> None:
    """Say, once, why this machine runs longer than the page says."""
    print(
        "This notebook runs in its profile `gpu`, because torch finds a GPU: it may train longer "
        "than the page says. For the page's own size set TRLIB_PROFILE=cpu before Jupyter starts."
    )


def size(*, smoke: T, cpu: T, gpu: T | None = None) -> T:
    """The value for the size in force; `gpu` falls back on `cpu`."""
    return {"smoke": smoke, "cpu": cpu, "gpu": cpu if gpu is None else gpu}[profile()]
