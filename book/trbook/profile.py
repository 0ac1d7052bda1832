"""The size a notebook runs in: `smoke` (the tests: seconds), `cpu` (a minute on two cores), `gpu` (minutes).

`TRLIB_PROFILE` decides; without it a machine with a GPU runs `gpu` and any other `cpu`.
"""

from __future__ import annotations

import os
from typing import TypeVar

from trlib.errors import Brief, unknown

PROFILES = ("smoke", "cpu", "gpu")
T = TypeVar("T")


class ProfileError(Brief, ValueError):
    """An unknown profile (the size that notebooks run in), or one that this machine cannot run."""


def profile() -> str:
    """The size in force.

    Raises:
        ProfileError: `TRLIB_PROFILE` names none of `smoke`, `cpu`, `gpu` (the nearest is suggested), or asks for a GPU
            that is not there.
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
            "TRLIB_PROFILE: expected a machine with a GPU for 'gpu', and torch finds none; 'cpu' runs "
            "the same chapter smaller"
        )
    return "gpu" if present else "cpu"


def size(*, smoke: T, cpu: T, gpu: T | None = None) -> T:
    """The value for the size in force; `gpu` falls back on `cpu`."""
    return {"smoke": smoke, "cpu": cpu, "gpu": cpu if gpu is None else gpu}[profile()]
