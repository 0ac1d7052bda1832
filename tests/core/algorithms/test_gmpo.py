"""GMPO against the completion's own loss, and what clipping a token does to its neighbours."""

import math

import pytest
import torch

from tests.losses import D, close, slope, tensor
from trlib.aggregation import aggregate
from trlib.algorithms import gmpo_loss

MASK = torch.tensor([[1, 1, 0], [1, 1, 1]], dtype=torch.bool)
LOG_RATIO = tensor([[0.9, 0.1, 5.0], [0.3, -0.7, 0.1]])
OLD = torch.full((2, 3), -2.0, dtype=D)


def loss(advantages, **settings):
    rows = tensor(advantages).unsqueeze(-1).expand(2, 3)
    return gmpo_loss(OLD + LOG_RATIO, OLD, advantages=rows, mask=MASK, **settings)


@pytest.mark.parametrize("advantages", [[2.0, -1.0], [-2.0, 1.0], [0.0, 3.0]])
def test_under_its_aggregation_it_is_the_papers_loss(advantages):
    """mean_i -A exp(mean_t l_t), written with min and sign; the weight is that of |y| times a
    completion's share."""
    a = tensor(advantages)
    logp = (OLD + LOG_RATIO).requires_grad_()
    result = gmpo_loss(logp, OLD, advantages=a.unsqueeze(-1).expand(2, 3), mask=MASK)
    total = aggregate(result.per_token, MASK, "seq-mean-token-mean")
    sign, r = a.sign().unsqueeze(-1), logp - OLD
    clipped = sign * torch.minimum(sign * r, sign * r.clamp(-0.4, 0.4))
    paper = (-a * ((clipped * MASK).sum(-1) / MASK.sum(-1)).exp()).mean()
    close(total, paper)
    pushed = MASK & (sign != 0)
    assert torch.equal(result.diagnostics["kept"] & pushed, (clipped == sign.abs() * r) & pushed)
    grad, expected = (slope(x, logp) for x in (total, paper))
    close(grad, expected)
    close(grad, -result.diagnostics["weight"] / MASK.sum(-1, keepdim=True) / 2)


def test_a_token_without_advantage_enters_as_ratio_one():
    advantages = tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    result = gmpo_loss(OLD + LOG_RATIO, OLD, advantages=advantages, mask=MASK)
    close(result.diagnostics["sequence_ratio"][0, 0], math.exp((0.4 + 0) / 2))
    assert result.diagnostics["weight"][0].tolist() == [0.0, 0.0, 0.0]
    close(result.per_token[0], [-math.exp(0.2), 0.0, 0.0])


def test_advantages_that_cancel_beside_an_overflow_make_no_nan():
    """ρ is inf and the mean advantage 0: nothing is to be learned from the sum of the row's
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
