"""PSPO by hand, and the two claims: the gradient is (1-α) times the unclipped one, total variation
contracts alike."""

import pytest
import torch

from tests.losses import close, tensor
from trlib.algorithms import pg_is_loss, pspo_loss
from trlib.divergences import tv

D = torch.float64


def test_by_hand():
    old = torch.full((1, 3), -2.0, dtype=D)
    logp = old + tensor([[0.5, 1.0, 3.0]]).log()
    result = pspo_loss(
        logp,
        old,
        advantages=tensor([[1.0, -2.0, 2.0]]),
        mask=torch.ones(1, 3).bool(),
        alpha=0.2,
    )
    close(result.per_token[0], [-0.6, 2.0, -5.2])
    close(result.diagnostics["weight"][0], [0.4, -1.6, 4.8])
    close(result.diagnostics["ratio"][0], [0.5, 1.0, 3.0])


@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.9])
def test_the_weight_is_that_of_no_trust_region_times_one_minus_alpha(alpha):
    logp, old, advantages = torch.randn(
        3, 4, 6, generator=torch.Generator().manual_seed(0), dtype=D
    )
    logp, old, mask = logp - 6, old - 6, torch.ones(4, 6, dtype=torch.bool)
    smooth = pspo_loss(logp, old, advantages=advantages, mask=mask, alpha=alpha)
    plain = pg_is_loss(logp, old, advantages=advantages, mask=mask)
    close(smooth.diagnostics["weight"], (1 - alpha) * plain.diagnostics["weight"])
    close(smooth.per_token, (1 - alpha) * plain.per_token - alpha * advantages)


@pytest.mark.parametrize("alpha", [0.1, 0.5])
def test_the_mixture_contracts_total_variation(alpha):
    new, old = torch.randn(
        2, 50, 7, generator=torch.Generator().manual_seed(1), dtype=D
    ).log_softmax(-1)
    mixture = ((1 - alpha) * new.exp() + alpha * old.exp()).log()
    close(tv(mixture, old), (1 - alpha) * tv(new, old))
    # The smoothed ratio that the loss uses is the mixture's own.
    result = pspo_loss(
        new, old, advantages=torch.ones_like(new), mask=torch.ones(50, 7).bool(), alpha=alpha
    )
    close(-result.per_token, (mixture - old).exp())
