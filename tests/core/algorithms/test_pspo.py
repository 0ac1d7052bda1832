"""PSPO's gradient: 1-α times the unclipped one."""

import torch

from tests.losses import close, noise
from trlib.algorithms import pg_is_loss, pspo_loss


def test_the_weight_is_that_of_no_trust_region_times_one_minus_alpha():
    logp, old, advantages = noise(3, 4, 6)
    given = {"advantages": advantages, "mask": torch.ones(4, 6) > 0}
    for alpha in (0.0, 0.1, 0.9):
        smooth = pspo_loss(logp - 6, old - 6, **given, alpha=alpha)
        plain = pg_is_loss(logp - 6, old - 6, **given)
        close(smooth.diagnostics["weight"], (1 - alpha) * plain.diagnostics["weight"])
        close(smooth.per_token, (1 - alpha) * plain.per_token - alpha * advantages)
