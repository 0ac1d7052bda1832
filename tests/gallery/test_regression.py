"""Regression to the optimum: losses and weights by hand, and what each fit rests at."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

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
from trbook.bandit import bandit_step, uniform_q
from trlib.aggregation import aggregate
from trlib.algorithms import Scores
from trlib.relatives.regression import KLPO, REBEL, lco_loss, rover_loss

MU = tensor([0.1, 0.2, 0.3, 0.4])
A = tensor([0.9, 0.4, -0.1, -0.35])
KINDS = ("kld", "mse", "lch")


def tilt(mu, advantages):
    return (mu.log() + advantages).softmax(-1)


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


def least(loss, start, lr=0.5, steps=400):
    """Where a loss of log-probs [..., V] is least, over logits, by L-BFGS."""
    logits = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [logits],
        lr=lr,
        max_iter=steps,
        tolerance_grad=1e-14,
        tolerance_change=1e-18,
        line_search_fn="strong_wolfe",
    )

    def closure():
        optimizer.zero_grad()
        value = loss(logits.log_softmax(-1))
        value.backward()
        return value

    optimizer.step(closure)
    return logits.detach().softmax(-1), float(loss(logits.detach().log_softmax(-1)))


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


@pytest.mark.nightly("fits for seconds")
def test_rebels_exact_fit_is_the_exponential_tilt():
    found = bandit_step(REBEL(), MU, A, uses=800, lr=0.5)
    close(found.pi, tilt(MU, A), 1e-14)
    half = bandit_step(REBEL(eta=0.5), MU, A, uses=800, lr=0.5)
    close(half.pi, tilt(MU, 0.5 * A), 1e-14)


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


def one(pi, old, y, advantage, **how):
    """LCO's loss of a single token, from probabilities; y None: A of every outcome is known."""
    given = {"tokens": torch.tensor([[y or 0]]), "mask": torch.ones(1, 1, dtype=torch.bool)}
    advantage = torch.as_tensor(advantage, dtype=D).view(1, 1, *([-1] if y is None else []))
    logps = (x.log().view(1, 1, -1) for x in (pi, old))
    return lco_loss(*logps, advantages=advantage, **given, **how)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("advantage", [1.5, -0.8])
def test_the_sparse_optimum_is_the_closed_form(kind, advantage):
    beta, p = 0.6, float(MU[1])
    found, left = least(
        lambda logp: one(logp.exp(), MU, 1, advantage, beta=beta, kind=kind).per_token.sum(),
        MU.log(),
    )
    moved = math.exp(advantage / beta)
    assert (
        found[1].item() == pytest.approx(p * moved / (1 - p + p * moved), abs=1e-8) and left < 1e-14
    )
    others = found[[0, 2, 3]] / MU[[0, 2, 3]]
    torch.testing.assert_close(others, others[0].expand(3), rtol=1e-7, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_dense_optimum_is_the_exponential_tilt(kind):
    found, left = least(
        lambda logp: one(logp.exp(), MU, None, A, beta=0.5, kind=kind).per_token.sum(), MU.log()
    )
    close(found, tilt(MU, A / 0.5), 1e-8)
    assert left < 1e-14


# ROVER


@given(st.integers(2, 3), st.integers(1, 4), st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_the_uniform_q_is_the_mean_below_and_above_zero_where_a_winner_lies(width, depth, seed):
    leaves = (
        torch.rand([width] * depth, generator=torch.Generator().manual_seed(seed)) < 0.2
    ).double()
    values = uniform_q(leaves)
    assert [v.dim() for v in values] == list(range(1, depth + 1))
    for value in values:
        below = leaves.reshape(*value.shape, -1)
        close(value, below.mean(-1))
        assert torch.equal(value > 0, below.max(-1).values > 0)


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


def klpo(full, old, rewards, ids, **how):
    """Its loss of completions [N, T], of log p and log q [N, T, V] and a reward each."""
    held = batch(
        ids >= 0,
        tokens=ids,
        advantages=rewards.unsqueeze(-1).expand(ids.shape),
        logp_rollout=sampled(old, ids),
        full_anchor=old,
    )
    return KLPO(**how).objective(Scores(sampled(full, ids), full), held)


@pytest.mark.parametrize("more", [0.0, 2.0])
def test_klpo_fitted_to_the_end_tilts_each_token_by_what_the_sampler_makes_of_it(more):
    """Two tokens of three: q e^(Q/β) at every prefix, whatever is added to the rewards; for the
    first token that is not the tilt q e^(R/β) of whole completions."""
    ids, beta, rewards = torch.cartesian_prod(*2 * [torch.arange(3)]), 0.5, noise(9, seed=5)
    log_q, prefix = noise(4, 3).log_softmax(-1), torch.stack([0 * ids[:, 0], 1 + ids[:, 0]], 1)
    old, logits = log_q[prefix], torch.zeros(4, 3, dtype=D)
    share = sampled(old, ids).sum(-1, keepdim=True).exp()
    reached = torch.cat([torch.ones(1), log_q[0].exp()]).unsqueeze(-1)
    for _ in range(300):
        logits.requires_grad_()
        loss = klpo(logits.log_softmax(-1)[prefix], old, rewards + more, ids, beta=beta)
        logits = (logits - 4 * slope(share * loss.per_token, logits) / reached).detach()
    after = rewards.view(3, 3)
    value = (log_q[1:].exp() * after).sum(-1)
    close(logits.softmax(-1), tilt(log_q.exp(), torch.cat([value[None], after]) / beta), 1e-6)
    whole = tilt(log_q[0].exp(), (log_q[1:] + after / beta).logsumexp(-1))
    assert (logits[0].softmax(-1) - whole).abs().max() > 0.05
