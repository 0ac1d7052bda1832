"""The gallery's advantages and values: baselines and their variance, a critic's quantiles, updates
that are learned."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.losses import D, close, refused, tensor
from tests.losses import batch as plain_batch
from trbook.bandit import bandit_step
from trlib.advantages import gae
from trlib.algorithms import PPO, PPOCritic, Scores
from trlib.algorithms.critic import whiten
from trlib.methods import method_kind
from trlib.relatives import RELATIVES
from trlib.relatives.values import DVPO, dvpo_value, iterative_amortized_step, quantile_loss

SEEDS = range(8)


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
    opo = method_kind("opo")()
    ready = opo.prepare(completions([1.0, 0.0, 1.0], [6, 3, 1]))
    close(ready.advantages[:, 0], [1 - 0.7, -0.7, 0.3])
    assert opo.prepare(completions([10.0, 0.0, 10.0], [6, 3, 1])).advantages[
        :, 0
    ].tolist() == pytest.approx([3.0, -7.0, 3.0]), (
        "ten times the reward is ten times the advantage: there is no division by its spread"
    )


def test_a_group_of_one_teaches_opo_nothing():
    ready = method_kind("opo")().prepare(completions([1.0, 0.5, 0.0], [4, 2, 2], group=[0, 1, 1]))
    assert ready.advantages[:, 0].tolist() == [0.0, 0.25, -0.25]


def test_opo_is_the_policy_gradient_while_nothing_is_stale():
    batch = completions([1.0, 0.0], [2, 3])
    opo = method_kind("opo")()
    logp = batch.logp_rollout.clone().requires_grad_()
    ready = opo.prepare(batch)
    loss = opo.objective(Scores(logp), ready)
    (gradient,) = torch.autograd.grad(loss.per_token[batch.mask].sum(), logp)
    close(-gradient[batch.mask], ready.advantages[batch.mask])
    close(loss.diagnostics["weight"][batch.mask], ready.advantages[batch.mask])
    assert bool((loss.diagnostics["ratio"] == 1).all()) and bool((gradient[~batch.mask] == 0).all())


def sentences(seed, *, learns_to_stop, n=20_000, stop=0.2):
    """Score vectors, lengths and rewards of sentences of three words: geometric lengths, the longer
    the better."""
    g = torch.Generator().manual_seed(seed)
    words = tensor([0.5, 0.3, 0.2])
    length = torch.empty(n, dtype=D).geometric_(stop, generator=g)
    counts = torch.stack([torch.zeros(n, dtype=D)] * 3, -1)
    for t in range(int(length.max()) - 1):
        said = torch.multinomial(words, n, replacement=True, generator=g)
        counts += torch.nn.functional.one_hot(said, 3) * (length - 1 > t).unsqueeze(-1)
    score = counts - (length - 1).unsqueeze(-1) * words
    if learns_to_stop:
        score = torch.cat([score, (1 - stop * length).unsqueeze(-1)], -1)
    rewards = (torch.rand(n, generator=g, dtype=D) < ((length - 6) / 2).sigmoid()).to(D)
    return score, length, rewards


@pytest.mark.parametrize(("learns_to_stop", "off"), [(False, 0.03), (True, 0.05)])
def test_the_length_weighted_baseline_is_next_to_the_best_one(learns_to_stop, off):
    found = []
    for seed in SEEDS:
        score, length, rewards = sentences(seed, learns_to_stop=learns_to_stop)
        norm = score.square().sum(-1)
        baselines = [
            0.0,
            rewards.mean(),
            (length * rewards).sum() / length.sum(),
            (norm * rewards).sum() / norm.sum(),
        ]
        found.append([float(((rewards - b).unsqueeze(-1) * score).var(0).sum()) for b in baselines])
    nothing, mean, by_length, exact = tensor(found).unbind(-1)
    assert bool((mean > 1.4 * by_length).all()) and bool((nothing > 2 * mean).all())
    assert bool((by_length >= exact - 1e-9).all()) and bool((by_length < (1 + off) * exact).all())
    # the number of words says nothing of how long the decision to stop was in doubt: there the norm
    # grows with |y|²
    assert float((by_length / exact).mean()) > (1.02 if learns_to_stop else 1.01)


# ---- GAE


def walks(seed, *, noise=0.3, n=400):
    """States [n, T] (1 to 5), rewards, mask and true advantages of a random walk that is paid for
    leaving right."""
    g = torch.Generator().manual_seed(seed)
    true = torch.arange(7, dtype=D) / 6
    wrong = true.clone()
    wrong[1:6] += noise * torch.randn(5, generator=g, dtype=D)
    at, alive, columns = torch.full((n,), 3), torch.ones(n, dtype=torch.bool), []
    while bool(alive.any()):
        to = torch.where(alive, at + 2 * torch.randint(0, 2, (n,), generator=g) - 1, at)
        columns.append((wrong[at], ((to == 6) & alive).to(D), alive, true[to] - true[at]))
        at, alive = to, alive & (to > 0) & (to < 6)
    return [torch.stack(parts, -1) for parts in zip(*columns, strict=True)]


def test_gae_errs_most_at_both_ends_of_lambda_when_the_critic_is_wrong():
    lambdas = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    errors = torch.zeros(len(SEEDS), len(lambdas), dtype=D)
    for seed in SEEDS:
        values, rewards, mask, true = walks(seed)
        for i, lam in enumerate(lambdas):
            errors[seed, i] = (
                (gae(rewards, values, mask, gamma=1.0, lam=lam)[0] - true)[mask].square().mean()
            )
    assert bool((errors.argmin(-1) > 0).all()) and bool((errors.argmin(-1) < 5).all())
    assert (
        float(errors.mean(0)[2:4].min())
        < 0.8 * float(errors.mean(0)[0])
        < 0.8 * float(errors.mean(0)[5])
    )


def test_the_preset_of_gae_fits_its_critic_inside_a_region():
    gae_preset = RELATIVES["gae"]()
    assert type(gae_preset) is PPOCritic and (gae_preset.critic, gae_preset.lam) == (
        "trust-region",
        0.95,
    )


# ---- DVPO


def test_the_quantile_loss_by_hand():
    q = torch.tensor([0.0, 1.0], dtype=D, requires_grad=True)  # the levels are 1/4 and 3/4
    loss = quantile_loss(q, tensor(0.6))
    assert float(loss.detach()) == pytest.approx((0.25 * 0.6 + 0.25 * 0.4) / 2)
    close(torch.autograd.grad(loss, q)[0], [-0.125, 0.125])
    refused(r"target: expected \[3\], got \[2\]", quantile_loss, torch.zeros(3, 4), torch.zeros(2))


def test_the_quantile_loss_is_least_at_the_quantiles():
    sample = torch.arange(1.0, 101.0, dtype=D)  # the quantile at τ lies between 100 τ and 100 τ + 1
    q = torch.full((4,), 50.0, dtype=D, requires_grad=True)
    for _ in range(2000):
        (gradient,) = torch.autograd.grad(quantile_loss(q.expand(100, 4), sample).mean(), q)
        q = (q - 5.0 * gradient).detach().requires_grad_()
    close(q, [12.5, 37.5, 62.5, 87.5], 1.5)


def test_a_huber_corner_wider_than_the_errors_makes_expectiles_of_the_quantiles():
    sample = tensor([0.0, 0.0, 0.0, 1.0])
    grid = torch.linspace(0, 1, 1001, dtype=D)
    off = sample.unsqueeze(-1) - grid
    pinball = torch.maximum(0.5 * off, -0.5 * off).mean(0)
    huber = 0.5 * torch.nn.functional.huber_loss(
        off, torch.zeros_like(off), reduction="none", delta=1.0
    ).mean(0)
    assert float(grid[pinball.argmin()]) == 0.0 and float(grid[huber.argmin()]) == pytest.approx(
        0.25
    )


def test_the_shaped_value_by_hand():
    q = tensor([4.0, 0.0, 2.0, 1.0])  # sorted 0 1 2 4; median 1.5; tails at 1/8 and 7/8
    assert float(dvpo_value(q)) == pytest.approx((1.5 - 0.3 * 1.5 + 1 + 2 + 1.5 + 1.2 * 2.5) / 4)
    assert float(dvpo_value(q, c_low=1.0, c_up=1.0)) == pytest.approx(float(q.mean()))
    assert float(dvpo_value(q, alpha=0.5, c_low=0.0, c_up=0.0)) == pytest.approx(1.5)
    assert float(dvpo_value(q, worst=True)) == 0.0


@given(
    st.lists(st.integers(-100, 100), min_size=2, max_size=9),
    st.integers(-50, 50),
    st.integers(1, 20),
)
def test_the_shaped_value_moves_and_stretches_with_its_quantiles(numbers, by, times):
    q = tensor(numbers)
    value = dvpo_value(q)
    close(dvpo_value(times * q.flip(-1) + by), times * value + by)
    assert float(dvpo_value(q, c_low=0.3, c_up=1.0)) >= float(q.mean()) - 1e-9
    assert float(dvpo_value(q, worst=True)) <= float(value) + 1e-9


def test_gae_of_every_quantile_is_gae_of_their_mean():
    g = torch.Generator().manual_seed(0)
    q = torch.randn(3, 5, 8, generator=g, dtype=D)
    mask = torch.arange(5) < torch.tensor([[5], [3], [1]])
    rewards = torch.randn(3, 5, generator=g, dtype=D)
    each = torch.stack([gae(rewards, q[..., i], mask, gamma=0.9, lam=0.8)[0] for i in range(8)], -1)
    close(each.mean(-1), gae(rewards, q.mean(-1), mask, gamma=0.9, lam=0.8)[0])


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


def ranked_wrong(seed, value, trials=2000):
    """How often a value of 40 rewards puts the better of two arms second, where 12 % of its rewards
    are spoilt."""
    g = torch.Generator().manual_seed(seed)
    better, worse = (m + 0.3 * torch.randn(trials, 40, generator=g, dtype=D) for m in (1.0, 0.7))
    spoilt = torch.rand(trials, 40, generator=g, dtype=D) < 0.12
    better = better - 6 * spoilt * torch.rand(trials, 40, generator=g, dtype=D)
    return float((value(better) <= value(worse)).double().mean())


def test_shaped_tails_survive_spoilt_rewards_and_a_median_does_so_better():
    mean, shaped, median = (
        [ranked_wrong(seed, value) for seed in SEEDS]
        for value in (lambda q: q.mean(-1), dvpo_value, lambda q: q.quantile(0.5, -1))
    )
    assert min(mean) > 0.57 and min(shaped) > 0.04 and max(shaped) < 0.075 and max(median) < 0.006


# ---- iterative amortisation

STATES = torch.linspace(-2, 2, 401, dtype=D).unsqueeze(-1)


def gain(action):
    """-(a - sin 3s)², of each state."""
    return -(action - (3 * STATES).sin()).square().squeeze(-1)


def test_a_learned_update_closes_the_gap_that_a_direct_guess_leaves():
    features = torch.cat([torch.ones_like(STATES), STATES], -1)
    guess = features @ torch.linalg.lstsq(features, (3 * STATES).sin()).solution
    assert float(-gain(guess).mean()) == pytest.approx(0.436, abs=0.002), (
        "the amortisation gap of a line"
    )
    rate = torch.zeros((), dtype=D, requires_grad=True)
    for _ in range(60):
        better = iterative_amortized_step(guess, gain, lambda at, slope, rate=rate: rate * slope)
        (slope,) = torch.autograd.grad(gain(better).mean(), rate)
        rate = (rate + 0.2 * slope).detach().requires_grad_()
    assert float(rate.detach()) == pytest.approx(0.5, abs=1e-3), "Newton's step of a square"
    assert float(-gain(better).mean().detach()) < 1e-5


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


def test_one_step_of_opo_on_a_bandit_is_the_plain_gradients():
    mu, advantages = tensor([0.2, 0.3, 0.5]), tensor([1.0, 0.0, -0.5])
    one, other = (
        bandit_step(method_kind(name)(), mu, advantages, uses=1) for name in ("opo", "pg_is")
    )
    close(one.pi, other.pi)  # every answer has one token
