"""Parity with installed libraries: what they need, imported once per process, and random data to
compare on.

A library that is missing is a failure, never a skip: `make` installs them all.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError
from typing import Any

import pytest
import torch
from torch import Tensor

from trlab.conformance.libraries import INSTALL, unmet

D = torch.float64
HOW = {**INSTALL, "sb3_contrib": "pip install sb3-contrib==2.9.2"}


def needed(module: str) -> Any:
    """The module, or a failure of one line that says how to install it."""
    try:
        return import_module(module)
    except ImportError as error:
        library = module.split(".")[0]
        try:
            how = unmet(library) or HOW[library]
        except PackageNotFoundError:
            how = HOW[library]
        pytest.fail(f"{error}: parity needs it: {how}", pytrace=False)


@pytest.fixture(scope="session")
def verl() -> Any:
    """verl's module of losses."""
    return needed("verl.trainer.ppo.core_algos")


@pytest.fixture(scope="session")
def trl() -> Any:
    return needed("trl")


@pytest.fixture(scope="session")
def torchrl() -> Any:
    """torchrl's losses of language models."""
    return needed("torchrl.objectives.llm")


@pytest.fixture(scope="session", name="torch")
def _torch() -> Any:
    return torch


@pytest.fixture(scope="session")
def sb3() -> Any:
    """sb3-contrib's helpers."""
    return needed("sb3_contrib.common.utils")


@pytest.fixture(params=range(3))
def batch(request) -> dict[str, Tensor]:
    """Six completions of up to seven tokens, ragged, with a hole: ratios on both sides of every
    window, below e^5."""
    g = torch.Generator().manual_seed(request.param)
    logp = -0.02 - 2 * torch.randn(6, 7, generator=g, dtype=D).abs()
    old, rollout = (
        (logp + s * torch.randn(6, 7, generator=g, dtype=D)).clamp(max=-1e-3) for s in (0.5, 0.7)
    )
    mask = torch.arange(7) < torch.tensor([7, 5, 1, 6, 3, 4]).unsqueeze(-1)
    mask[3, 2] = False
    advantages = torch.randn(6, 1, generator=g, dtype=D).expand(6, 7).contiguous()
    advantages[5] = 0.0
    return {
        "logp": logp,
        "old": old,
        "rollout": rollout,
        "mask": mask,
        "advantages": advantages,
        "mixed": torch.randn(6, 7, generator=g, dtype=D),
    }
