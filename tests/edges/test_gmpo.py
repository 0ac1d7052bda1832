"""GMPO against the completion's own loss, and what clipping a token does to its neighbours."""

import math

import torch

from tests.losses import slope
from trlib.algorithms import gmpo_loss


def test_advantages_that_cancel_beside_an_overflow_make_no_nan():
    """ρ ends at e^20 and the mean advantage is 0: nothing is to be learned from the sum of the row's
    losses."""
    logp = torch.full((1, 4), -0.5, requires_grad=True)
    for advantages in ([1.0, -1.0, 0.0, 0.0], [1.0, 0.0, 0.0, -1.0], [-1.0, 0.0, 1.0, 0.0]):
        result = gmpo_loss(
            logp,
            torch.full((1, 4), -4e3),
            advantages=torch.tensor([advantages]),
            mask=torch.ones(1, 4).bool(),
            eps_log=math.inf,
        )
        gradient = slope(result.per_token, logp)
        assert gradient.tolist() == result.diagnostics["weight"].tolist() == [[0.0] * 4]
        assert result.per_token[
            result.diagnostics["weight"] * 0 + torch.tensor([advantages]) == 0
        ].tolist() == [0, 0]
