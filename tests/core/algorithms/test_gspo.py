"""GSPO against the completion's own surrogate, its cap, and advantages that differ by token."""

import math

import pytest
import torch

from tests.losses import D, close, slope, tensor
from trlib.aggregation import aggregate
from trlib.algorithms import gspo_loss

MASK = torch.tensor([[1, 1, 0], [1, 1, 1], [1, 0, 0]], dtype=torch.bool)
# Mean log-ratios: (.2 + .4)/2 = .3, (.1 - .4 + 0)/3 = -.1, and 0 (masked 5).
LOG_RATIO = tensor([[0.2, 0.4, 5.0], [0.1, -0.4, 0.0], [0.0, 5.0, 5.0]])
OLD = torch.full((3, 3), -2.0, dtype=D)
S = [math.exp(0.3), math.exp(-0.1), 1.0]


def row(values):
    return [v[m].tolist() for v, m in zip(values, MASK, strict=True)]


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("eps", [(3e-4, 4e-4), (0.5, 0.5)])
def test_the_token_form_has_the_completions_gradient(sign, eps):
    """With one advantage a completion: the gradient of mean_i -min(s A, clip(s) A), s
    differentiable."""
    advantages = tensor([1.5, -0.7, 0.3]) * sign
    logp = (OLD + LOG_RATIO).requires_grad_()
    token = gspo_loss(
        logp,
        OLD,
        advantages=advantages.unsqueeze(-1).expand(3, 3),
        mask=MASK,
        eps_low=eps[0],
        eps_high=eps[1],
    )
    total = aggregate(token.per_token, MASK, "seq-mean-token-mean")
    s = (((logp - OLD) * MASK).sum(-1) / MASK.sum(-1)).exp()
    whole = -torch.minimum(s * advantages, s.clamp(1 - eps[0], 1 + eps[1]) * advantages).mean()
    close(total, whole)
    close(token.diagnostics["sequence_ratio"].where(MASK, 0.0), tensor(S)[:, None] * MASK)
    torch.testing.assert_close(*(slope(x, logp) for x in (total, whole)))


def test_the_log_ratio_is_capped_and_still_pulls_back():
    far = gspo_loss(OLD, OLD - 40.0, advantages=-torch.ones_like(OLD), mask=MASK)
    close(far.diagnostics["weight"][MASK], [-math.exp(10)] * 6)
    close(far.per_token[MASK], [math.exp(10)] * 6)


def test_advantages_may_differ_by_token():
    advantages = tensor([[1.0, -1.0, 0.0]] * 3)
    result = gspo_loss(OLD + LOG_RATIO, OLD, advantages=advantages, mask=MASK)
    assert row(result.diagnostics["kept"])[:2] == [[False, True], [True, False, True]]
    assert row(result.diagnostics["weight"])[0] == pytest.approx([0.0, -S[0]])
