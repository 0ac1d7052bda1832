"""Losses as libraries and papers write them: correct forms that pass, and slips that are named.

`test_mutants.py` has the slips that a line of a loss may hold; here are those that
belong to a whole form.

A form's arguments are those that its source would have: current, old, advantages and mask in that
order, or by our names where it needs more (the sampler's log-probs, a horizon).
"""

import pytest
import torch
import torch.nn.functional as F

from trcheck.conformance import functions, vectors
from trcheck.conformance.report import TRAINS_ALIKE

V = vectors.load()
RIGHT = {}
WRONG = {}


def right(loss, **options):
    """A form that trains as `loss` does."""

    def keep(function):
        RIGHT[function.__name__] = function, loss, options
        return function

    return keep


def wrong(loss, words, **options):
    """A slip in `loss`, and what is to be said of it."""

    def keep(function):
        WRONG[function.__name__] = function, loss, words, options
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


def ppo_of(ratio, advantages, low=0.2, high=0.2):
    return -torch.min(ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages)


@wrong("ppo", "takes the clipped ratio without the minimum")
def clip_alone(logp, old, advantages, mask):
    return masked_mean(-(logp - old).exp().clamp(0.8, 1.2) * advantages, mask)


@wrong("ppo", "takes the ratio to the policy that sampled")
def the_samplers_ratio(logp, logp_rollout, advantages, mask):
    return masked_mean(ppo_of((logp - logp_rollout).exp(), advantages), mask)


@wrong("cispo", "takes epsilon for the upper bound itself")
def cispo_bounded_at_epsilon(logp, old, advantages, mask):
    return -masked_mean((logp - old).exp().clamp(0.8, max=0.2).detach() * advantages * logp, mask)


@wrong("dppo_tv", "silences a token on its way back, and lets one past the threshold go further")
def dppo_of_the_wrong_side(logp, old, advantages, mask):
    moved = logp.exp() - old.exp()
    out = torch.where(advantages > 0, -moved > 0.15, moved > 0.15)
    return -(logp - old).exp() * advantages * ~out


def dppo_of_a_kl(log_p, old, advantages, mask, swapped=False, epsilon=0.0):
    """DPPO around a binary KL by hand."""
    pair = [(x, torch.log1p(epsilon - x.exp())) for x in (old, log_p.detach())]
    (first, rest), (second, other) = pair[::-1] if swapped else pair
    kl = first.exp() * (first - second) + -torch.expm1(first) * (rest - other)
    out = (kl > 0.05) & torch.where(advantages > 0, log_p > old, log_p < old)
    return -(log_p - old).exp() * advantages * ~out


@wrong("dppo_kl", "measures KL(current || anchor), the other direction")
def dppo_of_the_other_kl(logp, old, advantages, mask):
    return dppo_of_a_kl(logp, old, advantages, mask, swapped=True)


@wrong("dppo_kl", "adds 1e-8 to both masses inside the binary KL's logarithm")
def dppo_with_an_epsilon(logp, old, advantages, mask):
    return dppo_of_a_kl(logp, old, advantages, mask, epsilon=1e-8)


@wrong("sapo", "exchanges the temperatures of positive and negative advantages")
def sapo_with_its_temperatures_swapped(logp, old, advantages, mask):
    tau = torch.where(advantages > 0, 1.05, 1.0).double()
    gate = F.sigmoid(tau * ((logp - old).exp() - 1)) * 4.0 / tau
    return masked_mean(masked_mean(-gate * advantages, mask, -1), mask.any(-1))


# -- the tables
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RIGHT)
def test_a_correct_form_passes(name):
    function, loss, options = RIGHT[name]
    (found,) = functions.hold(V, function, loss=loss, **options)
    assert found.status in TRAINS_ALIKE, f"{found.status}: {found.words}"


@pytest.mark.parametrize("name", WRONG)
def test_a_slip_is_named(name):
    function, loss, words, options = WRONG[name]
    (found,) = functions.hold(V, function, loss=loss, **options)
    assert found.status not in TRAINS_ALIKE and words in found.words, (
        f"{found.status}: {found.words}"
    )
