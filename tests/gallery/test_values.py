"""The gallery's advantages and values: OPO, a critic's quantiles, updates that are learned."""

import math

import pytest
import torch

from tests.losses import D, close, refused, tensor
from tests.losses import batch as plain_batch
from trlib.algorithms import PPO, Scores
from trlib.algorithms.critic import whiten
from trlib.methods import method_kind
from trlib.relatives.values import DVPO, dvpo_value, iterative_amortized_step, quantile_loss


def completions(rewards, lengths, values=None, group=None):
    """A batch of ragged rows; NaN wherever the mask is False."""
    lengths = torch.tensor(lengths)
    mask = torch.arange(int(lengths.max())) < lengths.unsqueeze(-1)
    logp = torch.full(mask.shape, -1.0, dtype=D).masked_fill(~mask, math.nan)
    known = {"logp_rollout": logp, "logp_old": logp, "values": values, "anchor": "recomputed"}
    group = torch.tensor(group or [0] * len(mask))
    return plain_batch(mask, rewards=tensor(rewards), group=group, **known)


# ---- OPO


def test_opo_weighs_a_groups_mean_by_length_and_divides_by_no_standard_deviation():
    for scale in (1.0, 10.0):
        given = completions([scale, 0.0, scale], [6, 3, 1])
        found = method_kind("opo")().prepare(given).advantages[:, 0]
        close(found, scale * tensor([0.3, -0.7, 0.3]))


# ---- AsymRE


def test_asymre_lowers_the_baseline():
    """R less the group's mean less .1, without a ratio."""
    given = completions([1.0, 0.0, 0.0], [2, 3, 1])
    method = method_kind("asymre")()
    held = method.prepare(given)
    close(held.advantages[:, 0], tensor([2 / 3, -1 / 3, -1 / 3]) + 0.1)
    found = method.objective(Scores(held.logp_rollout - 0.7), held)
    close(found.diagnostics["weight"], held.advantages.where(held.mask, 0.0))
    assert (found.diagnostics["ratio"] == 1).all()


# ---- DVPO


def test_the_quantile_loss_by_hand():
    q = torch.tensor([0.0, 1.0], dtype=D, requires_grad=True)  # the levels are 1/4 and 3/4
    loss = quantile_loss(q, tensor(0.6))
    assert float(loss.detach()) == pytest.approx((0.25 * 0.6 + 0.25 * 0.4) / 2)
    close(torch.autograd.grad(loss, q)[0], [-0.125, 0.125])
    refused(r"target: expected \[3\], got \[2\]", quantile_loss, torch.zeros(3, 4), torch.zeros(2))


def test_the_shaped_value_by_hand():
    q = tensor([4.0, 0.0, 2.0, 1.0])  # sorted 0 1 2 4; median 1.5; tails at 1/8 and 7/8
    assert float(dvpo_value(q)) == pytest.approx((1.5 - 0.3 * 1.5 + 1 + 2 + 1.5 + 1.2 * 2.5) / 4)
    assert float(dvpo_value(q, c_low=1.0, c_up=1.0)) == pytest.approx(float(q.mean()))
    assert float(dvpo_value(q, alpha=0.5, c_low=0.0, c_up=0.0)) == pytest.approx(1.5)
    assert float(dvpo_value(q, worst=True)) == 0.0


def test_dvpo_by_hand_and_nothing_masked_leaks():
    quantiles = tensor([[[0.1, 0.5], [0.9, 0.3]], [[0.2, 0.4], [math.nan, math.inf]]])
    batch = completions([1.0, 0.0], [2, 1], quantiles)
    method = DVPO(quantiles=2, lam=0.5, alpha=0.3)
    v = [
        [0.3 + (1.2 - 0.3) * 0.2 / 2, 0.6 + 0.9 * 0.3 / 2],
        [0.3 + 0.9 * 0.1 / 2, 0.0],
    ]  # the tails are all there is
    second = 1 - v[0][1]
    raw = tensor([[v[0][1] - v[0][0] + 0.5 * second, second], [-v[1][0], 0.0]])
    ready = method.prepare(batch)
    close(ready.advantages, whiten(raw, batch.mask))

    logp = (batch.logp_rollout + 0.1).requires_grad_()
    q = quantiles.clone().requires_grad_()
    loss = method.objective(Scores(logp, values=q), ready)
    by_policy, by_critic = torch.autograd.grad(loss.per_token.sum(), (logp, q))
    close(-by_policy[batch.mask], loss.diagnostics["weight"][batch.mask])
    # levels 1/4 and 3/4, two quantiles: a reward above both pulls them up by their levels, one
    # below down by the rest
    close(by_critic[batch.mask].flatten(), [-0.125, -0.375] * 2 + [0.375, 0.125])
    assert bool((by_critic[~batch.mask] == 0).all()) and bool(
        (loss.per_token[~batch.mask] == 0).all()
    )
    plain = PPO().objective(Scores(logp), ready)
    close(loss.diagnostics["weight"], plain.diagnostics["weight"])


# ---- iterative amortisation

STATES = torch.linspace(-2, 2, 401, dtype=D).unsqueeze(-1)


def gain(action):
    """-(a - sin 3s)², of each state."""
    return -(action - (3 * STATES).sin()).square().squeeze(-1)


def test_only_the_net_learns_and_several_steps_are_the_loop():
    start, rate = STATES.clone().requires_grad_(), torch.tensor(0.25, dtype=D, requires_grad=True)
    net = lambda at, slope: rate * slope  # noqa: E731
    once = iterative_amortized_step(start, gain, net)
    by_start, by_rate = torch.autograd.grad(once.sum(), (start, rate))
    assert bool((by_start == 1).all()), (
        "the gradient that the net reads is not differentiated again"
    )
    close(by_rate, (-2 * (STATES - (3 * STATES).sin())).sum())
    twice = iterative_amortized_step(once, gain, net)
    close(gain(twice), gain(start) / 16)


# ---- all of them
