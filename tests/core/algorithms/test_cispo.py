"""CISPO by hand: the weight is clipped, the token is not."""

import torch

from tests.losses import close, tensor
from trlib.algorithms import cispo_loss

RATIOS = tensor([[0.1, 0.5, 0.9, 1.0, 1.1, 1.5, 50.0]])
LOGP = tensor([[-2.5, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0]])
MASK = torch.ones(1, 7, dtype=torch.bool)


def test_by_hand():
    for how, clipped in (
        ({}, [0.8, 0.8, 0.9, 1.0, 1.1, 1.2, 1.2]),
        ({"eps_low": None}, [0.1, 0.5, 0.9, 1.0, 1.1, 1.2, 1.2]),
        ({"eps_low": None, "eps_high": 4.0}, [0.1, 0.5, 0.9, 1.0, 1.1, 1.5, 5.0]),
        ({"eps_low": 0.6, "eps_high": 0.0}, [0.4, 0.5, 0.9, 1.0, 1.0, 1.0, 1.0]),
    ):
        for advantage in (2.0, -0.5):
            advantages, weight = torch.full_like(LOGP, advantage), advantage * tensor([clipped])
            found = cispo_loss(LOGP, LOGP - RATIOS.log(), advantages=advantages, mask=MASK, **how)
            close(found.diagnostics["weight"], weight)
            close(found.per_token, -weight * LOGP)
            assert found.diagnostics["kept"].all()
