"""Regression to the optimum: losses and weights by hand, and what each fit rests at."""

import math

import pytest
import torch

from tests.losses import (
    D,
    batch,
    close,
    distributions,
    named,
    noise,
    refused,
    sampled,
    slope,
    spread,
    tensor,
)
from trlib.aggregation import aggregate
from trlib.algorithms import Scores
from trlib.relatives.regression import REBEL, lco_loss, rover_loss

KINDS = ("kld", "mse", "lch")


def given_batch(logp_old, rewards, group, mask=None):
    """As the loop would hand it over, with rewards for advantages."""
    mask = torch.ones(logp_old.shape, dtype=torch.bool) if mask is None else mask
    rewards = torch.as_tensor(rewards, dtype=D)
    return batch(
        mask,
        rewards=rewards,
        group=torch.as_tensor(group),
        logp_rollout=logp_old,
        advantages=rewards.unsqueeze(-1).expand(mask.shape),
    )


def rebel(logp, held, **how):
    return REBEL(**how).objective(Scores(logp), held)


# REBEL


@pytest.mark.parametrize("seed", range(3))
def test_rebels_weight_is_autograds_and_padding_stays_out(seed):
    old, mask = -1 - noise(6, 4, seed=seed).abs(), torch.ones(6, 4, dtype=torch.bool)
    mask[1, 2:], mask[4] = False, False
    moved = (old + 0.3 * noise(6, 4, seed=seed + 9)).clamp(max=-0.01)
    logp = moved.masked_fill(~mask, math.nan).requires_grad_()
    dirty = old.masked_fill(~mask, math.inf)
    found = rebel(logp, given_batch(dirty, noise(6, seed=5), [0, 0, 0, 1, 1, 2], mask))
    # The fifth completion has no token and the sixth no partner: three pairs are left, all of the
    # first prompt.
    assert len(found.per_token) == 3
    gradient = slope(found.per_token, logp)
    close(gradient, -found.diagnostics["weight"], 1e-12)
    assert found.diagnostics["kept"].any(-1).tolist() == [True, True, True, False, False, False]
    assert (gradient[3:] == 0).all() and (gradient[1, 2:] == 0).all()


# LCO


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("loss", "how"),
    [*((lco_loss, {"kind": kind, "beta": 0.7}) for kind in KINDS), (rover_loss, {"rho": 0.5})],
)
def test_the_weight_is_autograds_and_padding_stays_out(loss, how, seed):
    new, old, rest = distributions(4, 3, 5, seed=seed)
    mask, ids = rest["mask"], rest["tokens"]
    gone = ~mask.unsqueeze(-1)
    logp_y = sampled(new, ids).requires_grad_()
    full = spread(logp_y, new, ids)
    if loss is rover_loss:  # its targets are constants
        full = torch.where(torch.nn.functional.one_hot(ids, 5).bool(), full, full.detach())
    spoilt = {
        "tokens": ids.masked_fill(~mask, 99),
        "advantages": rest["advantages"].masked_fill(~mask, math.inf),
        "mask": mask,
    }
    dirty = full.masked_fill(gone, math.nan), old.masked_fill(gone, -math.inf)
    found = loss(*dirty, **spoilt, **how)
    close(slope(found.per_token, logp_y), -found.diagnostics["weight"], 1e-10)
    assert (found.per_token[~mask] == 0).all() and (found.diagnostics["ratio"][~mask] == 1).all()
    assert torch.equal(found.diagnostics["kept"], mask)
    assert aggregate(found.per_token, torch.zeros_like(mask), "token-mean") == 0


# All of them


@pytest.mark.parametrize("loss", [lco_loss, rover_loss])
def test_bad_tensors_are_named(loss):
    new, old, rest = distributions(2, 3, 5)
    one = torch.ones(2, 3)
    given = {"logp": new, "logp_old": old, **rest, "mask": one > 0}
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


# KLPO
