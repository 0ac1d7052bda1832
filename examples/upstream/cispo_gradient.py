"""A gradient test for CISPO (arXiv 2506.13585), for torchrl's `CISPOLoss`: torch only.

CISPO bounds the importance weight, detaches it, and differentiates the log-prob:

    L = -sg[clip(r, 1 - eps_low, 1 + eps_high)] A log pi,    so that    -dL/dlog pi = clip(r) A

Outside the window every token keeps a gradient, on either side and for either sign of A. That is
what sets CISPO apart from PPO's clip. A loss that differentiates the bounded weight has a gradient
of 0 in all four corners: its value is finite, it trains on the tokens inside, and a test of values
or of attributes does not see it.

    python cispo_gradient.py        # checks the two losses below, in a second

To test an implementation, call `check_cispo_gradient(lambda log_weight, advantage: loss)` with its
loss of each token, or copy it into a test.
Source: the repository of trust-region-book
"""

from collections.abc import Callable

import torch
from torch import Tensor

EPS_LOW, EPS_HIGH = 0.2, 0.2


def check_cispo_gradient(
    loss: Callable[[Tensor, Tensor], Tensor], eps_low: float = EPS_LOW, eps_high: float = EPS_HIGH
) -> None:
    """Assert that -dL/dlog pi is clip(r) A inside the window and in its four corners.

    Args:
        loss: of (log_weight [6], advantage [6]), the log-ratio log pi/mu with gradient: [6].
    """
    ratio = torch.tensor([0.5, 0.5, 1.0, 1.0, 2.0, 2.0], dtype=torch.float64)
    advantage = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0], dtype=torch.float64)
    log_weight = ratio.log().requires_grad_()
    (slope,) = torch.autograd.grad(loss(log_weight, advantage).sum(), log_weight)
    expected = ratio.clamp(1 - eps_low, 1 + eps_high) * advantage
    corners = torch.stack([ratio, advantage], 1)
    silent = [tuple(corner) for corner in corners[slope == 0].tolist()]
    assert not silent, f"no gradient at (ratio, advantage) {silent}"
    torch.testing.assert_close(-slope, expected)


def cispo(log_weight: Tensor, advantage: Tensor) -> Tensor:
    """As the paper has it. log pi and log r differ by a constant, so either may stand here."""
    weight = log_weight.exp().clamp(1 - EPS_LOW, 1 + EPS_HIGH).detach()
    return -weight * advantage * log_weight


def without_stop_gradient(log_weight: Tensor, advantage: Tensor) -> Tensor:
    """The slip: the bounded weight itself is differentiated."""
    return -log_weight.exp().clamp(1 - EPS_LOW, 1 + EPS_HIGH) * advantage


if __name__ == "__main__":
    check_cispo_gradient(cispo)
    try:
        check_cispo_gradient(without_stop_gradient)
    except AssertionError as error:
        print(f"CISPO passes; without the stop-gradient: {error}")
    else:
        raise SystemExit("the slip was not noticed")
