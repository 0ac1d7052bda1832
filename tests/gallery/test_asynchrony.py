"""The branch asynchrony: golden values by hand, weights against autograd, and the authors' formulas
written out anew.

What TRL and verl have of it is compared with them in `tests/instruments/parity/test_parity_asynchrony.py`."""

import math

import pytest
import torch

from tests.losses import D, at, batch, tensor
from trlib.corrections import sequence_ess
from trlib.relatives.asynchrony.masks import (
    SAO,
    dis_mask,
)
from trlib.relatives.asynchrony.weights import (
    VCPO,
)

# Weights


def test_dis_keeps_an_open_window_and_sao_has_no_other():
    edge = at([0.69, 0.71, 5.99, 6.01], 1.0)
    logps, mask = (edge["logp"], edge["logp_old"]), edge["mask"]
    for window in ({}, {"eps_low": SAO().eps_low, "eps_high": SAO().eps_high}):
        assert dis_mask(*logps, mask=mask, **window).tolist() == [[False, True, True, False]]
    assert torch.equal(dis_mask(*logps, mask=mask, eps_low=1.0, eps_high=math.inf), mask)


class Counting:
    """A step of two minibatches that remembers how it descended."""

    def __init__(self, batch):
        self.batch, self.speeds = batch, []

    def minibatches(self):
        yield self
        yield self

    def loss(self):
        return torch.zeros(())

    def descend(self, loss, *, lr_scale=1.0):
        self.speeds.append(lr_scale)


def test_vcpo_s_step_is_as_long_as_the_data_are_worth():
    """Three completions of weights 1, 2 and 5: ESS / B = 64 / (3 · 30), and the step its root."""
    weights = tensor([[1.0, 1.0], [4.0, 0.5], [5.0, 9.0]])
    mask = torch.tensor([[True, True], [True, True], [True, False]])
    nine = torch.full((3, 2), -9.0, dtype=D)
    given = batch(mask, logp_rollout=nine - weights.log(), logp_old=nine)
    nothing = batch(~mask & mask, logp_old=nine)
    worth = 64 / 90
    for method, some, speed in (
        (VCPO(), given, math.sqrt(worth)),
        (VCPO(power=0.0), given, 1.0),
        (VCPO(), nothing, 1.0),
    ):
        step = Counting(some)
        method.update(step)
        assert step.speeds == pytest.approx([speed] * 2)
    assert given.memory["ess_step"] == pytest.approx(worth)
    assert sequence_ess(given.logp_old, given.logp_rollout, mask) == pytest.approx(worth)


# Masks


# As methods
