"""The size a notebook runs in: `smoke` (the tests: seconds), `cpu` (a minute on two cores), `gpu` (minutes).

`TRLIB_PROFILE` decides; without it a machine with a GPU runs `gpu` and any other `cpu`.
"""

from __future__ import annotations

import os
from typing import TypeVar

from trlib import checks

PROFILES = ("smoke", "cpu", "gpu")
T = TypeVar("T")


def profile() -> str:
    """The size in force.

    Raises:
        ValueError: `TRLIB_PROFILE` names none of `smoke`, `cpu`, `gpu`.
    """
    named = os.environ.get("TRLIB_PROFILE", "")
    if named:
        return checks.choice("TRLIB_PROFILE", named, PROFILES)
    import torch

    return "gpu" if torch.cuda.is_available() else "cpu"


def size(*, smoke: T, cpu: T, gpu: T | None = None) -> T:
    """The value for the size in force; `gpu` falls back on `cpu`."""
    return {"smoke": smoke, "cpu": cpu, "gpu": cpu if gpu is None else gpu}[profile()]
