"""Losses as libraries and papers write them: correct forms that pass, and slips that are named.

`test_mutants.py` has the slips that a line of a loss may hold; here are those that
belong to a whole form.

A form's arguments are those that its source would have: current, old, advantages and mask in that
order, or by our names where it needs more (the sampler's log-probs, a horizon).
"""

import pytest
import torch

from trcheck.conformance import functions, vectors
from trcheck.conformance.report import TRAINS_ALIKE

V = vectors.load()
RIGHT = {}


def right(loss, **options):
    """A form that trains as `loss` does."""

    def keep(function):
        RIGHT[function.__name__] = function, loss, options
        return function

    return keep


def masked_mean(values, mask, dim=None):
    return (values * mask).sum(dim) / mask.sum(dim).clamp(min=1)


def row_mean(values, mask):
    """[B, 1]"""
    return masked_mean(values, mask, -1).unsqueeze(-1)


# -- correct
# --------------------------------------------------------------------------------------------------


@right("ppo")
def ppo_as_a_mask_on_the_gradient(logp, old, advantages, mask):
    ratio = torch.exp(logp - old)
    silent = ((advantages > 0) & (ratio > 1.2)) | ((advantages < 0) & (ratio < 0.8))
    return -masked_mean(
        torch.where(silent, ratio.detach().clamp(0.8, 1.2), ratio) * advantages, mask
    )


@right("ppo", how="seq-mean-token-mean")
def grpo_as_in_its_paper(logp, old, advantages, mask):
    ratio = torch.exp(logp - old)
    each = torch.min(ratio * advantages, ratio.clamp(0.8, 1.2) * advantages)
    return -((each * mask).sum(-1) / mask.sum(-1).clamp(min=1)).mean()


@right("gspo")
def gspo_as_verl_writes_it(logp, old, advantages, mask):
    mean = masked_mean(logp - old, mask, -1)
    log_s = torch.clamp(logp - logp.detach() + mean.detach().unsqueeze(-1), max=10.0)
    s = torch.exp(log_s)
    each = torch.maximum(-advantages * s, -advantages * torch.clamp(s, 1 - 3e-4, 1 + 4e-4))
    return masked_mean(masked_mean(each, mask, -1), mask.any(-1))


@right("dppo_tv")
def dppo_as_a_filled_mask(logp, old, advantages, mask):
    ratio, moved = (logp - old).exp(), logp.exp() - old.exp()
    out = torch.where(advantages > 0, moved > 0.15, -moved > 0.15)
    return -(ratio * advantages).masked_fill(out, 0.0)


@right("dppo_tv")
def dppo_summed_over_its_horizon(logp, logp_rollout, advantages, mask, horizon):
    ratio, delta = torch.exp((logp - logp_rollout).clamp(max=20.0)), logp.exp() - logp_rollout.exp()
    out = (delta.abs() > 0.15) & (torch.sign(delta) == torch.sign(advantages))
    return -((ratio * advantages * (~out) * mask).sum(-1) / horizon).mean()


@right("dppo_tv_recomputed")
def dppo_around_the_learner(logp, logp_old, logp_rollout, advantages, mask):
    moved = (logp.exp() - logp_old.exp()).detach()
    out = (moved * advantages.sign() > 0.15).detach()
    return -(logp - logp_rollout).exp().detach() * logp * advantages * ~out


@right("cispo_upper")
def cispo_bounded_above_only(logp, old, advantages, mask):
    with torch.no_grad():
        weight = torch.exp(logp - old).clamp(max=1.28)
    return -(weight * advantages * logp * mask).sum() / mask.sum().clamp(min=1)


# -- wrong
# --------------------------------------------------------------------------------------------------


# -- the tables
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RIGHT)
def test_a_correct_form_passes(name):
    function, loss, options = RIGHT[name]
    (found,) = functions.hold(V, function, loss=loss, **options)
    assert found.status in TRAINS_ALIKE, f"{found.status}: {found.words}"
