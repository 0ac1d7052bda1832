"""The branch asynchrony: golden values by hand, weights against autograd, and the authors' formulas
written out anew.

What TRL and verl have of it is compared with them in `tests/instruments/parity/test_asynchrony.py`."""

import math

import pytest
import torch

from tests.losses import D, at, batch, data, named, refused, tensor
from trlib.algorithms import ppo_loss
from trlib.corrections import sequence_ess
from trlib.relatives.asynchrony.masks import (
    SAO,
    clip_cov_mask,
    covariance,
    dis_mask,
)
from trlib.relatives.asynchrony.penalties import (
    TPO,
)
from trlib.relatives.asynchrony.weights import (
    VCPO,
)

# Weights


def test_dis_keeps_an_open_window_and_sao_has_no_other():
    edge = at([0.69, 0.71, 5.99, 6.01], 1.0)
    logps, mask = (edge["logp"], edge["logp_old"]), edge["mask"]
    assert dis_mask(*logps, mask=mask).tolist() == [[False, True, True, False]]
    assert torch.equal(dis_mask(*logps, mask=mask, eps_low=1.0, eps_high=math.inf), mask)
    refused("dual_clip: expected None", SAO, dual_clip=3.0)
    refused("eps_low: expected .* 1", dis_mask, *logps, mask=mask, eps_low=1.5)


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


def test_clip_cov_draws_its_share_and_only_among_candidates():
    b = data()
    arguments = {"advantages": b["advantages"], "mask": b["mask"]}
    found = covariance(b["logp"], b["advantages"], b["mask"])
    inside = ppo_loss(b["logp"], b["logp_old"], **arguments).diagnostics["kept"]
    candidates = inside & (found > 0.1) & (found < 5)
    seen = torch.zeros_like(b["mask"])
    for seed in range(60):
        draw = torch.Generator().manual_seed(seed)
        keep = clip_cov_mask(b["logp"], b["logp_old"], **arguments, share=0.1, low=0.1, draw=draw)
        out = b["mask"] & ~keep
        assert (
            int(out.sum()) == max(int(0.1 * int(b["mask"].sum())), 1)
            and not (out & ~candidates).any()
        )
        seen |= out
    assert torch.equal(seen, candidates), "each of them is drawn in some batch"
    none = clip_cov_mask(b["logp"], b["logp_old"], **arguments, low=99.0, high=100.0)
    assert torch.equal(none, b["mask"])
    two = {"logp": b["logp"], "logp_old": b["logp_old"]}
    named(clip_cov_mask, arguments | two, share=(0, 1.1), low=(math.nan,), high=(1,))


# As methods


def test_tpo_compares_completions_of_a_prompt():
    refused(r"group \(TPO compares completions of a prompt\)", TPO().plan, 1, 0)
