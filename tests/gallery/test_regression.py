"""Regression to the optimum: what each fit rests at, which pairs suffice, what is convex, what a
leaf is worth."""

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
from trlib.algorithms import PGIS, Scores
from trlib.divergences import kl
from trlib.relatives.regression import LCO, REBEL, ROVER, lco_loss, rover_loss

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


def test_rebel_by_hand():
    old = torch.full((3, 2), -2.0, dtype=D)
    logp = old + tensor([[0.5, 0.1], [0.0, -0.2], [0.3, 0.3]])
    found = rebel(logp, given_batch(old, [1.0, 0.0, 1.0], [0, 0, 0]), eta=0.5)
    # l = .6, -.2, .6 and l - R/2 = .1, -.2, .1
    close(found.per_token, [0.09, 0.0, 0.09])
    close(found.diagnostics["weight"][:, 0], [-0.6, 1.2, -0.6])
    close(found.diagnostics["ratio"][0], [math.exp(0.5), math.exp(0.1)])


def test_pairs_of_a_prompt_are_twice_the_variance_of_what_is_left():
    old, rewards = -1 - noise(10, 3).abs(), noise(10, seed=1)
    logp = (old + 0.2 * noise(10, 3, seed=2)).clamp(max=-0.01)
    found = rebel(logp, given_batch(old, rewards, [0] * 10)).per_token
    assert len(found) == 45
    close(found.mean(), 2 * ((logp - old).sum(-1) - rewards).var())


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


def test_a_baseline_cancels_and_a_scale_does_not():
    old = -1 - noise(4, 2).abs()
    logp = old - 0.1 * noise(4, 2, seed=1).abs()
    held = given_batch(old, [1.0, 0.0, 0.0, 2.0], [0, 0, 0, 0])
    raw, mean, std = (
        rebel(logp, REBEL(advantage=how).prepare(held)).per_token
        for how in ("reward", "group-mean", "group-std")
    )
    close(raw, mean)
    assert not torch.allclose(raw, std)


def test_equal_rewards_pull_back_to_equal_log_ratios():
    old = torch.full((3, 1), -1.0, dtype=D)
    away = old + tensor([[0.4], [-0.2], [0.3]])
    held = given_batch(old, [1.0, 1.0, 1.0], [0, 0, 0])
    weight = rebel(away, held).diagnostics["weight"][:, 0]
    assert (weight.sign() == -(away - away.mean()).sign()[:, 0]).all()
    assert float(rebel(old, held).per_token.sum()) == 0


def test_one_completion_has_no_pair():
    old = torch.full((2, 1), -1.0, dtype=D)
    logp, held = (old + 0.3).requires_grad_(), given_batch(old, [1.0, 0.0], [0, 1])
    found = rebel(logp, held)
    loss = REBEL().loss(found.per_token, held)
    assert len(found.per_token) == 0 and loss.item() == 0
    assert (slope(loss, logp) == 0).all() and not found.diagnostics["kept"].any()
    message = r"group \(REBEL compares .*expected a whole number of at least 2, got 1"
    refused(message, REBEL().plan, 1, 0)


@pytest.mark.nightly("fits for seconds")
def test_rebels_exact_fit_is_the_exponential_tilt():
    found = bandit_step(REBEL(), MU, A, uses=800, lr=0.5)
    close(found.pi, tilt(MU, A), 1e-14)
    half = bandit_step(REBEL(eta=0.5), MU, A, uses=800, lr=0.5)
    close(half.pi, tilt(MU, 0.5 * A), 1e-14)


@pytest.mark.parametrize(
    ("pairs", "connected"),
    [
        ([(0, 1), (2, 3)], False),  # every arm is in a pair
        ([(0, 1), (1, 2), (0, 2)], False),
        ([(0, 1), (1, 2), (2, 3)], True),
        ([(0, 3), (1, 3), (2, 3)], True),
    ],
)
def test_sampled_pairs_must_connect_the_arms_not_only_cover_them(pairs, connected):
    arms = torch.tensor(pairs).flatten()
    held = given_batch(MU.log()[arms].unsqueeze(-1), A[arms], torch.arange(len(arms)) // 2)

    def loss(logp):
        return rebel(logp[arms].unsqueeze(-1), held).per_token.mean()

    start = tensor([2.0, 1.0, 0.0, -3.0])
    found, left = least(loss, start)
    assert left < 1e-16, "a fit of loss 0 exists in either case"
    off = float((found - tilt(MU, A)).abs().max())
    assert off < 1e-8 if connected else off > 0.05
    logits = tilt(MU, A).log()
    hessian = torch.autograd.functional.hessian(lambda z: loss(z.log_softmax(-1)), logits)
    flat = int((torch.linalg.eigvalsh(hessian) < 1e-10).sum())
    assert flat == (1 if connected else 2), (
        "beside the constant, one direction for each further component"
    )


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


def test_lco_by_hand():
    half, skew = tensor([0.5, 0.5]), tensor([0.8, 0.2])
    # A/β = log 4 on a coin's first side: π* = (.8, .2); d = (log .5 - log .8, log .5 - log .2),
    # less its mean ∓log 2.
    found = {
        kind: one(half, half, 0, math.log(4) * 3, beta=3.0, kind=kind).per_token.item()
        for kind in KINDS
    }
    assert found == pytest.approx(
        {
            "kld": float((skew * (skew / half).log()).sum()),
            "mse": math.log(2) ** 2,
            "lch": 2 * math.log(1.25),
        }
    )


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
    (
        torch.testing.assert_close(others, others[0].expand(3), rtol=1e-7, atol=0),
        "all others keep their proportions",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_dense_optimum_is_the_exponential_tilt(kind):
    found, left = least(
        lambda logp: one(logp.exp(), MU, None, A, beta=0.5, kind=kind).per_token.sum(), MU.log()
    )
    close(found, tilt(MU, A / 0.5), 1e-8)
    assert left < 1e-14


@pytest.mark.nightly("hundreds of updates")
def test_sampled_targets_rest_at_one_policy_gradient_step():
    """Only one token's logit is moved by each sample, so over samples token a's moves by π_old(a)
    A(a) / β."""
    beta, centred = 0.5, A - MU @ A
    found = bandit_step(LCO(kind="mse", beta=beta), MU, A, uses=1500, lr=0.5)
    close(found.pi, tilt(MU, MU * centred / beta))
    gradient = MU * (A - MU @ A)  # of E_π A in the logits, at mu
    close(found.pi, (MU.log() + gradient / beta).softmax(-1))
    mixed = bandit_step(LCO(beta=beta), MU, A, uses=1500, lr=1.0).pi
    expected = sum(
        p * tilt(MU, torch.eye(4, dtype=D)[i] * a / beta)
        for i, (p, a) in enumerate(zip(MU, centred, strict=True))
    )
    (
        close(mixed, expected),
        "the cross-entropy: the mean of the targets",
    )


@pytest.mark.nightly("fits for seconds")
def test_a_constant_advantage_moves_sampled_targets_and_no_policy_gradient():
    """Nothing is better than anything, and sparse LCO sharpens: no baseline cancels in it."""
    same = torch.full((4,), 0.5, dtype=D)
    assert bandit_step(PGIS(advantage="reward"), MU, same, uses=50).tv < 1e-12
    assert bandit_step(REBEL(advantage="reward"), MU, same, uses=50).tv < 1e-12
    found = bandit_step(LCO(kind="mse", advantage="reward"), MU, same, uses=1500, lr=0.5)
    close(found.pi, tilt(MU, 0.5 * MU))
    assert found.tv > 0.019


def test_without_centring_the_squares_rest_elsewhere():
    aim = MU.log() + A

    def raw(logp):
        return (logp - aim).square().sum() / 2

    found, left = least(raw, MU.log())
    assert float((found - tilt(MU, A)).abs().max()) > 1e-3 and left > 1e-3, (
        "log-probs cannot reach what sums to Z"
    )
    centred, left = least(
        lambda logp: ((logp - aim) - (logp - aim).mean()).square().sum() / 2, MU.log()
    )
    close(centred, tilt(MU, A), 1e-8)
    assert left < 1e-14


def descend(slope_of, steps=60, lr=0.5):
    """Norms of the gradient in the logits before each step, and the first token's probability at
    the end."""
    logits, norms = tensor([0.6, 0.3, 0.1]).log(), []
    for _ in range(steps):
        step = slope_of(logits)
        norms.append(float(step.norm()))
        logits = logits - lr * step
    return [norms[k] for k in (0, 5, 20, 59)], float(logits.softmax(-1)[0])


def test_pushed_down_a_policy_gradient_grows_and_a_regression_stops():
    """One sampled token with A = -1, again and again: the demonstration of the paper's claim, by
    ours."""
    old, first = tensor([0.6, 0.3, 0.1]), tensor([1.0, 0.0, 0.0])
    target = tilt(old, -first)
    plain, fell = descend(lambda z: first - z.softmax(-1))
    ratio, faded = descend(lambda z: z.softmax(-1)[0] / 0.6 * (first - z.softmax(-1)))
    fitted, stopped = descend(lambda z: z.softmax(-1) - target)
    assert plain == pytest.approx([0.51, 1.19, 1.41, 1.41], abs=0.005) and fell < 1e-10
    assert ratio == pytest.approx([0.51, 0.39, 0.09, 0.03], abs=0.005) and faded == pytest.approx(
        0.012, abs=0.001
    )
    assert fitted == pytest.approx([0.31, 0.10, 0.012, 0.0002], abs=0.004)
    assert stopped == pytest.approx(float(target[0]), abs=1e-4) and float(
        target[0]
    ) == pytest.approx(0.3556, abs=1e-4)
    (again,) = torch.autograd.grad(
        one((z := old.log().requires_grad_()).softmax(-1), old, 0, -1.0).per_token.sum(), z
    )
    (
        close(again, old - target),
        "the library's gradient is the one that was followed",
    )


def curvature(p, advantage):
    """Eigenvalues of the Hessian of -A π_0/μ_0 in the logits, at μ = π = p."""
    found = torch.autograd.functional.hessian(
        lambda z: -advantage * z.softmax(-1)[0] / p[0], p.log()
    )
    return torch.linalg.eigvalsh(found)


@pytest.mark.parametrize("advantage", [1.0, -1.0])
@pytest.mark.parametrize(
    ("first", "signs"), [(0.6, None), (0.5, None), (0.3, (True, True)), (0.05, (True, True))]
)
def test_the_surrogates_hessian_is_indefinite_only_below_a_half(advantage, first, signs):
    """∇²π_0 = π_0 [(e - π)(e - π)ᵀ - diag π + π πᵀ] has a direction up exactly where π_0 < 1/2."""
    p = tensor([first, (1 - first) * 0.75, (1 - first) * 0.25])
    values = curvature(p, advantage)
    down, up = bool(values[0] < -1e-9), bool(values[-1] > 1e-9)
    assert (down, up) == (signs or ((False, True) if advantage > 0 else (True, False)))


@given(st.lists(st.floats(-4, 4), min_size=3, max_size=6), st.floats(-3, 3), st.sampled_from(KINDS))
@settings(max_examples=25, deadline=None)
def test_lco_is_convex_in_the_logits(logits, advantage, kind):
    z, old = tensor(logits), torch.linspace(-1, 1, len(logits), dtype=D).softmax(-1)
    hessian = torch.autograd.functional.hessian(
        lambda x: one(x.softmax(-1), old, 0, advantage, kind=kind).per_token.sum(), z
    )
    assert torch.linalg.eigvalsh(hessian)[0] > -1e-9


# ROVER


@pytest.mark.parametrize("reached", [2, 3])
def test_rover_by_hand_and_the_last_token_has_nothing_after_it(reached):
    old = torch.full((1, 3, 2), -math.log(2), dtype=D)
    new = tensor([[[0.6, 0.4], [0.8, 0.2], [0.3, 0.7]]]).log()
    ratio, mask = 0.8 * (new - old)[0], torch.arange(3).unsqueeze(0) < reached
    given = {"tokens": torch.tensor([[0, 1, 1]]), "advantages": torch.full((1, 3), 0.5, dtype=D)}
    found = rover_loss(new, old, **given, mask=mask, rho=0.8)
    mean = ratio.mean(-1) * mask[0]
    off = torch.stack([ratio[0, 0] - mean[1], ratio[1, 1] - mean[2], ratio[2, 1]]) - 0.5
    close(found.per_token[0], (off * mask[0]) ** 2)
    close(found.diagnostics["weight"][0], -1.6 * off * mask[0])


def test_rovers_targets_have_no_gradient():
    new, old, rest = distributions(1, 2, 3)
    new.requires_grad_()
    plain = {"tokens": 0 * rest["tokens"], "mask": torch.ones(1, 2, dtype=torch.bool)}
    loss = rover_loss(new, old, **rest | plain).per_token
    gradient = slope(loss[0, 0], new)
    assert gradient[0, 0, 0] != 0
    assert (gradient[0, 1] == 0).all() and (gradient[0, 0, 1:] == 0).all()


@pytest.mark.nightly("fits for seconds")
def test_on_a_bandit_rover_is_not_the_tilt_for_nothing_takes_log_z_away():
    centred = A - MU @ A
    pi = bandit_step(ROVER(), MU, A, uses=1500, lr=0.5).pi
    ratio = pi / MU
    error = ratio.log() - centred
    close(error / ratio, (MU @ error).expand(4), 1e-09)
    assert 0.0005 < float(kl(pi.log(), tilt(MU, A).log())) < 0.002


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


def tree():
    leaves = torch.zeros(256, dtype=D)
    leaves[[13, 77, 200]] = 1.0
    return leaves.view([2] * 8)


def reached(leaves, rho):
    """[leaves] the probability that softmax(Q/ρ) at every fork ends there."""
    logp = torch.zeros((), dtype=D)
    for value in uniform_q(leaves):
        logp = logp.unsqueeze(-1) + (value / rho).log_softmax(-1)
    return logp.exp().flatten()


def test_greedy_hits_and_a_soft_choice_covers_all_winners():
    leaves = tree()
    at: tuple[int, ...] = ()
    for value in uniform_q(leaves):
        at += (int(value[at].argmax()),)
    assert float(leaves[at]) == 1.0
    cold, warm = reached(leaves, 0.002), reached(leaves, 0.01)
    assert float(cold @ leaves.flatten()) > 0.999 and float(
        warm @ leaves.flatten()
    ) == pytest.approx(0.90, abs=0.01)
    assert float(cold[[13, 77, 200]].min()) > 0.01 and float(warm[[13, 77, 200]].min()) > 0.2
    assert [float(reached(leaves, rho) @ leaves.flatten()) for rho in (0.05, 1.0)] == pytest.approx(
        [0.38, 0.02], abs=0.01
    )


def test_rho_must_shrink_with_the_depth():
    """A winner is worth 2^-depth at the root: the same ρ that is right for four levels is noise for
    ten."""

    def success(depth, rho):
        leaves = torch.zeros(2**depth, dtype=D)
        leaves[0] = 1.0
        return float(reached(leaves.view([2] * depth), rho)[0])

    assert [success(depth, 0.02) > 0.5 for depth in (4, 10)] == [True, False]
    assert (
        float(uniform_q(tree())[0].max()) == pytest.approx(2 / 128) and success(10, 0.02 / 64) > 0.5
    )


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


def test_bad_settings_of_the_functions_are_named():
    refused("kind: expected one of 'kld', 'mse', 'lch', got 'l2'", one, MU, MU, 0, 1.0, kind="l2")
    refused("beta: expected a number above 0", one, MU, MU, 0, 1.0, beta=0.0)
    refused("TypeError: rewards: expected a tensor", uniform_q, [1.0, 0.0])
