"""Pairs, lists and levels: golden values, the batch without a pair, the reference that moves, what
each is blind to."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.losses import D, close, noise, trained
from tests.losses import batch as plain_batch
from trlib.algorithms import Reference, Scores
from trlib.relatives.preferences import ADPO, DPO, TRDPO, TRPA


def batch(rewards, group=None, *, t=1, old=-2.0, method=None, **more):
    """Completions of `t` tokens, every log-prob of the old policy and of the reference `old`."""
    logp = torch.full((len(rewards), t), old, dtype=D)
    anchors = {"logp_rollout": logp, "logp_old": logp, "logp_ref": logp, "anchor": "recomputed"}
    group = torch.as_tensor([0] * len(rewards) if group is None else group)
    known = {"rewards": torch.as_tensor(rewards, dtype=D), "group": group}
    made = plain_batch(logp < 0, **{**anchors, **known, **more})
    return made if method is None else method.prepare(made)


def value(method, scores, given):
    """The loss as one number, and its gradient in the log-probs [B, T]."""
    logp = torch.as_tensor(scores, dtype=D).clone().requires_grad_()
    loss = method.loss(method.objective(Scores(logp), given).per_token, given)
    return float(loss.detach()), torch.autograd.grad(loss, logp)[0]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


# a batch without pairs


@pytest.mark.parametrize("kind", [DPO, TRDPO])
def test_without_a_pair_loss_and_gradient_are_nothing(kind):
    """Every group has one reward, though the batch has two."""
    loss, slope = value(kind(), [[-1.0], [-3.0], [-2.0], [-1.5]], batch([1, 1, 0, 0], [0, 0, 1, 1]))
    assert loss == 0 and (slope == 0).all()


def test_trpa_without_a_pair_learns_from_right_and_wrong():
    """The trap: no pair, no mean of pairs. The official code raises what is right and lowers the
    rest, without beta."""
    logp = [[-1.0], [-3.0], [-2.0], [-1.5]]
    given = batch([1, 1, 0, 0], [0, 0, 1, 1], reasons=("right", "right", "no end", "no end"))
    loss, slope = value(TRPA(kl=0.0), logp, given)
    assert loss == pytest.approx(-sum(math.log(sigmoid(x)) for x in (1.0, -1.0, 0.0, -0.5)) / 4)
    assert (slope[:2] < 0).all() and (slope[3] > 0).all()
    all_wrong = batch([0, 0], reasons=("wrong answer", "bad arithmetic"))
    assert (value(TRPA(kl=0.0), [[-2.0], [-2.0]], all_wrong)[1] > 0).all(), (
        "all wrong: all are lowered"
    )
    assert (value(TRPA(kl=0.0), [[-2.0], [-2.0]], replace(all_wrong, reasons=()))[1] > 0).all()


# TR-DPO


@pytest.mark.parametrize("every", [1, 2])
def test_the_reference_moves(every):
    """As one does that is set to: TR-DPO is a case of it."""
    reference = Reference(beta=0.0, every=every, share=0.5)
    moved, case, fixed = (
        trained(method, steps=3, group=8).history.loss.tolist()
        for method in (TRDPO(every=every, share=0.5), DPO(reference=reference), DPO())
    )
    assert moved == case
    assert moved[:every] == fixed[:every] and moved[every] != fixed[every]


# ADPO


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), tau=st.floats(0.3, 3), beta=st.floats(0.3, 3))
def test_adpos_optimum_is_the_anchor_times_q_to_the_tau(seed, tau, beta):
    """The trap: tau multiplies the tilt. With a Boltzmann q of the z-scores: π ∝ π_old exp(τ z /
    β)."""
    method, rewards = ADPO(tau=tau, beta=beta), noise(5, seed=seed)
    given = batch(rewards, method=method)
    z = (rewards - rewards.mean()) / (rewards.std() + 1e-6)
    close(given.advantages[:, 0], z)
    best = tau / beta * z.unsqueeze(1)
    best = best - best.max() - 0.1  # a constant to all of a group changes nothing
    least, slope = value(method, best, given)
    assert slope.abs().max() < 1e-12
    assert value(method, best + 0.1 * noise(5, 1, seed=seed + 1).clamp(-0.9, 0.9), given)[0] > least


# TRPA


def test_the_levels_are_the_rewards_then_the_reasons():
    """wrong answer and bad arithmetic are one level; a reward decides before a reason does."""
    flat = [[-2.0]] * 4
    reasons = ("wrong answer", "bad arithmetic", "bad format", "no end")
    slope = value(TRPA(), flat, batch([0, 0, 0, 0], reasons=reasons))[1][:, 0]
    assert slope[0] == slope[1] < slope[2] < slope[3] and slope[0] < 0 < slope[3]
    slope = value(TRPA(), flat, batch([0, 0, 0, 1], reasons=reasons))[1][:, 0]
    assert slope[3] == slope.min(), "the reward comes first"
    assert (
        value(TRPA(), flat, batch([0, 0, 0, 0], reasons=("of", "its", "own", "kind")))[1] > 0
    ).all()
