"""torch's own Muon against the gallery's: the same rule but for three choices, and bfloat16 decides
how near."""

import pytest
import torch

from trlib.relatives.optimizers import Ball

D = torch.float64


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4)])
def test_muon_is_ours_to_the_digits_of_bfloat16(shape, nesterov):
    g = torch.Generator().manual_seed(0)
    start, *gradients = (torch.randn(*shape, generator=g, dtype=D) for _ in range(4))
    stretch = max(1.0, shape[0] / shape[1]) ** 0.5
    mine, its = start.clone().requires_grad_(), start.clone().requires_grad_()
    ours = Ball([mine], lr=0.02 * stretch, betas=(0.95,), nesterov=nesterov)
    theirs = torch.optim.Muon([its], lr=0.02, momentum=0.95, nesterov=nesterov, weight_decay=0.0)
    for gradient in gradients:
        for weights, optimizer in ((mine, ours), (its, theirs)):
            weights.grad = gradient.clone()
            optimizer.step()
    moved = (mine - start).detach()
    assert float((its - mine).detach().norm() / moved.norm()) < 0.03
