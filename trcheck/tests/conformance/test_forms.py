"""Losses as libraries and papers write them, which pass: called with current, old, advantages and mask
in that order, or by our names where they need more."""

import pytest
import torch

from trcheck.conformance import functions, vectors
from trcheck.conformance.report import TRAINS_ALIKE

V = vectors.load()


def masked_mean(values, mask, dim=None):
    return (values * mask).sum(dim) / mask.sum(dim).clamp(min=1)


def ppo_as_a_mask_on_the_gradient(logp, old, advantages, mask):
    ratio = torch.exp(logp - old)
    silent = ((advantages > 0) & (ratio > 1.2)) | ((advantages < 0) & (ratio < 0.8))
    return -masked_mean(
        torch.where(silent, ratio.detach().clamp(0.8, 1.2), ratio) * advantages, mask
    )


def gspo_as_verl_writes_it(logp, old, advantages, mask):
    mean = masked_mean(logp - old, mask, -1)
    log_s = torch.clamp(logp - logp.detach() + mean.detach().unsqueeze(-1), max=10.0)
    s = torch.exp(log_s)
    each = torch.maximum(-advantages * s, -advantages * torch.clamp(s, 1 - 3e-4, 1 + 4e-4))
    return masked_mean(masked_mean(each, mask, -1), mask.any(-1))


def dppo_summed_over_its_horizon(logp, logp_rollout, advantages, mask, horizon):
    ratio, delta = torch.exp((logp - logp_rollout).clamp(max=20.0)), logp.exp() - logp_rollout.exp()
    out = (delta.abs() > 0.15) & (torch.sign(delta) == torch.sign(advantages))
    return -((ratio * advantages * (~out) * mask).sum(-1) / horizon).mean()


def cispo_bounded_above_only(logp, old, advantages, mask):
    with torch.no_grad():
        weight = torch.exp(logp - old).clamp(max=1.28)
    return -(weight * advantages * logp * mask).sum() / mask.sum().clamp(min=1)


RIGHT = {
    ppo_as_a_mask_on_the_gradient: "ppo",
    gspo_as_verl_writes_it: "gspo",
    dppo_summed_over_its_horizon: "dppo_tv",
    cispo_bounded_above_only: "cispo_upper",
}


@pytest.mark.parametrize("function", RIGHT)
def test_a_correct_form_passes(function):
    (found,) = functions.hold(V, function, loss=RIGHT[function])
    assert found.status in TRAINS_ALIKE, f"{found.status}: {found.words}"
