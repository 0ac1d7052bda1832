"""Parity with installed libraries: their modules, and random data to compare on.

A library that is missing is a failure, never a skip: `make peers` installs them all.
"""

from importlib import import_module

import pytest
import torch

D = torch.float64


@pytest.fixture(scope="session")
def verl():
    """verl's module of losses."""
    return import_module("verl.trainer.ppo.core_algos")


@pytest.fixture(scope="session")
def trl():
    return import_module("trl")


@pytest.fixture(params=range(3))
def batch(request):
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
