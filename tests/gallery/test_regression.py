"""Regression to the optimum: what its losses refuse, and whose gradient they have."""

import math

import pytest
import torch

from tests.losses import (
    distributions,
    named,
    noise,
    refused,
    tensor,
)
from trlib.relatives.regression import lco_loss, rover_loss


@pytest.mark.parametrize("loss", [lco_loss, rover_loss])
def test_bad_tensors_are_named(loss):
    new, old, rest = distributions(2, 3, 5)
    one = torch.ones(2, 3)
    old.requires_grad_()
    given = {"logp": new, "logp_old": old, **rest, "mask": one > 0}
    assert not loss(**given).per_token.requires_grad, "the target is a constant"
    sure = tensor([1.0, 0, 0, 0, 0]).log().expand(2, 3, 5)
    named(
        loss,
        given,
        {"logp": ([[0.0]],), "tokens": (one,), "mask": (one,)},
        logp=(sure,),
        logp_old=(noise(2, 3, 4),),
        tokens=(5 * one.long(),),
        advantages=(one * math.nan,),
    )
    refused("logp_old: expected normalised", loss, **given | {"logp_old": torch.zeros(2, 3, 5)})
