"""PSPO by hand, and the two claims: the gradient is (1-α) times the unclipped one, total variation
contracts alike."""

import torch

from tests.losses import at, close, noise
from trlib.algorithms import pg_is_loss, pspo_loss
from trlib.divergences import tv


def test_by_hand():
    found = pspo_loss(**at([0.5, 1.0, 3.0], [1.0, -2.0, 2.0]), alpha=0.2)
    close(found.per_token[0], [-0.6, 2.0, -5.2])
    close(found.diagnostics["weight"][0], [0.4, -1.6, 4.8])
    close(found.diagnostics["ratio"][0], [0.5, 1.0, 3.0])


def test_the_weight_is_that_of_no_trust_region_times_one_minus_alpha():
    logp, old, advantages = noise(3, 4, 6)
    given = {"advantages": advantages, "mask": torch.ones(4, 6) > 0}
    for alpha in (0.0, 0.1, 0.9):
        smooth = pspo_loss(logp - 6, old - 6, **given, alpha=alpha)
        plain = pg_is_loss(logp - 6, old - 6, **given)
        close(smooth.diagnostics["weight"], (1 - alpha) * plain.diagnostics["weight"])
        close(smooth.per_token, (1 - alpha) * plain.per_token - alpha * advantages)


def test_the_mixture_contracts_total_variation():
    new, old = noise(2, 50, 7, seed=1).log_softmax(-1)
    given = {"advantages": torch.ones_like(new), "mask": new < 0}
    for alpha in (0.1, 0.5):
        mixture = ((1 - alpha) * new.exp() + alpha * old.exp()).log()
        close(tv(mixture, old), (1 - alpha) * tv(new, old))
        # The smoothed ratio that the loss uses is the mixture's own.
        close(-pspo_loss(new, old, **given, alpha=alpha).per_token, (mixture - old).exp())
