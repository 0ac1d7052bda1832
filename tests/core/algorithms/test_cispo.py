"""CISPO by hand: the weight is clipped, the token is not."""

import math

import pytest
import torch

from tests.losses import close, tensor
from trlib.algorithms import cispo_loss

D = torch.float64
RATIOS = tensor([[0.1, 0.5, 0.9, 1.0, 1.1, 1.5, 50.0]])
LOGP = tensor([[-2.5, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0]])
MASK = torch.ones(1, 7, dtype=torch.bool)


@pytest.mark.parametrize(
    ("settings", "clipped"),
    [
        ({}, [0.8, 0.8, 0.9, 1.0, 1.1, 1.2, 1.2]),
        ({"eps_low": None}, [0.1, 0.5, 0.9, 1.0, 1.1, 1.2, 1.2]),
        ({"eps_low": None, "eps_high": 4.0}, [0.1, 0.5, 0.9, 1.0, 1.1, 1.5, 5.0]),
        ({"eps_low": 0.6, "eps_high": 0.0}, [0.4, 0.5, 0.9, 1.0, 1.0, 1.0, 1.0]),
    ],
)
@pytest.mark.parametrize("advantage", [2.0, -0.5])
def test_by_hand(settings, clipped, advantage):
    result = cispo_loss(
        LOGP,
        LOGP - RATIOS.log(),
        advantages=torch.full_like(LOGP, advantage),
        mask=MASK,
        **settings,
    )
    close(result.diagnostics["weight"][0], [advantage * c for c in clipped])
    close(
        result.per_token[0],
        [-advantage * c * x for c, x in zip(clipped, LOGP[0].tolist(), strict=True)],
    )
    assert result.diagnostics["kept"].all()


def test_an_overflowing_ratio_is_the_bound():
    result = cispo_loss(
        torch.full((1, 7), -1.0), torch.full((1, 7), -500.0), advantages=torch.ones(1, 7), mask=MASK
    )
    close(result.diagnostics["weight"][0], [1.2] * 7)
    assert result.diagnostics["ratio"][0, 0].item() == math.inf
