"""The gallery's ratios: golden values by hand, weights against autograd, and the traps that first
readers fell into."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import trlib
from tests.by_day import by_day
from tests.relatives.test_token_losses import at, data
from trbook.bandit import bandit_step, linear_tilt, moved
from trbook.tiny import Tiny
from trlib.algorithms import (
    GSPO,
    PGIS,
    PPO,
    Scores,
    cispo_loss,
    dppo_loss,
    gspo_loss,
    pg_is_loss,
    ppo_loss,
)
from trlib.divergences import kl
from trlib.relatives import RELATIVES
from trlib.relatives.ratios import (
    BAPO,
    BAPO_PAPER,
    CAPO,
    CPGD,
    R2VPO,
    BandPO,
    ClipBandit,
    KL3Clip,
    MinPRO,
    PbPPO,
    TREFree,
    TurnPPO,
    bandpo_loss,
    bapo_bounds,
    bapo_loss,
    capo_mask,
    cpgd_loss,
    dual_ascent,
    kl3_window,
    minpro_loss,
    r2vpo_loss,
    trefree_loss,
    turns_of,
)

D = torch.float64
# PPO with a window for each token


def test_a_window_for_each_token_is_the_number_where_all_are_alike():
    for seed in range(4):
        arguments = data(seed)
        logp, old = arguments.pop("logp"), arguments.pop("logp_old")
        wide = torch.full_like(logp, 0.28)
        number = ppo_loss(logp, old, **arguments, eps_low=0.28, eps_high=0.28)
        tensor = ppo_loss(logp, old, **arguments, eps_low=wide, eps_high=wide)
        mixed = ppo_loss(logp, old, **arguments, eps_low=wide, eps_high=0.28)
        for found in (tensor, mixed):
            assert torch.equal(found.per_token, number.per_token)
            assert torch.equal(found.diagnostics["weight"], number.diagnostics["weight"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"eps_low": torch.tensor([[0.1, 1.1]])}, "eps_low: expected a number at most 1, got 1.1"),
        (
            {"eps_high": torch.tensor([[0.1, -0.1]])},
            "eps_high: expected a number at least 0, got -0.1",
        ),
        ({"eps_high": torch.tensor([0.1])}, r"eps_high: expected \[B, T\]"),
        ({"eps_high": torch.tensor([[0.1, math.nan]])}, "eps_high: expected finite"),
    ],
)
def test_a_meaningless_window_for_a_token_is_named(given, message):
    zero = torch.zeros(1, 2)
    with pytest.raises(ValueError, match=message):
        ppo_loss(zero, zero, advantages=zero, mask=zero == 0, **given)


# BAPO


def share(ratio: Tensor, advantages: Tensor, low: float, high: float, count: str) -> float:
    """What the tokens with A > 0 count over those with A < 0, written token by token."""
    up = down = 0.0
    for r, a in zip(ratio.flatten().tolist(), advantages.flatten().tolist(), strict=True):
        if count == "value":
            counted = (min(r, high) if a > 0 else max(r, low)) * a
        else:
            counted = r * a if (r <= high if a > 0 else r >= low) else 0.0
        up, down = up + max(counted, 0.0), down + max(-counted, 0.0)
    return up / down


def stale(seed: int, tokens: int = 4000, positive: float = 0.2) -> tuple[Tensor, Tensor, Tensor]:
    """[1, N] ratios with log r ~ N(0, .5) and A = 1 for one token in five, -.6 for the others."""
    draw = torch.Generator().manual_seed(seed)
    ratio = (0.5 * torch.randn(1, tokens, generator=draw, dtype=D)).exp()
    good = torch.rand(1, tokens, generator=draw, dtype=D) < positive
    return ratio, torch.where(good, 1.0, -0.6), ratio > 0


@pytest.mark.parametrize("count", ["value", "gradient"])
def test_bapo_s_window_is_the_first_that_reaches_the_target(count):
    for seed in range(3):
        ratio, a, mask = stale(seed, 400, 0.35)
        for target in (0.1, 0.45, 0.55, 0.7, 5.0):
            low, high = 0.6, 1.2
            while share(ratio, a, low, high, count) < target and (low, high) != (0.8, 2.0):
                low, high = (
                    (min(low + 0.05, 0.8), high) if low < 0.8 else (low, min(high + 0.05, 2.0))
                )
            assert bapo_bounds(ratio, a, mask, target=target, count=count) == (low, high)


def test_bapo_by_hand():
    """Ratios 1, 1.5 with A = 1 and .5, 1 with A = -1: by value (1 + 1.2) / (.6 + 1) = 1.375 in the
    first window."""
    ratio, a = (
        torch.tensor([[1.0, 1.5, 0.5, 1.0]], dtype=D),
        torch.tensor([[1.0, 1.0, -1.0, -1.0]], dtype=D),
    )
    mask = ratio > 0
    assert bapo_bounds(ratio, a, mask, target=1.37) == (0.6, 1.2)
    low, high = bapo_bounds(
        ratio, a, mask, target=1.4
    )  # .8 makes it 2.2 / 1.8; then c_high = 1.55: 2.5 / 1.8 = 1.39
    assert (low, high) == (0.8, 2.0), "the largest ratio counts 1.5 at most: 1.4 is out of reach"
    assert bapo_bounds(ratio, a, mask, target=1.0, count="gradient") == (0.6, 1.2)  # 1 against 1
    low, high = bapo_bounds(ratio, a, mask, target=2.0, count="gradient")
    assert low == 0.8 and high == pytest.approx(1.5), (
        "the token of ratio 1.5 is let in: 2.5 against 1"
    )


def test_bapo_s_released_statistic_moves_the_wrong_way():
    """Raising c_low is meant to give the positive tokens a larger share. Counted by value it gives
    them a smaller one, because the clipped negative tokens, which have no gradient, are counted at
    the bound that rises."""
    for seed in range(8):
        ratio, a, _ = stale(seed)
        value = [share(ratio, a, low, 1.2, "value") for low in (0.6, 0.7, 0.8, 0.9)]
        gradient = [share(ratio, a, low, 1.2, "gradient") for low in (0.6, 0.7, 0.8, 0.9)]
        assert value == sorted(value, reverse=True) and value[-1] < 0.96 * value[0]
        assert gradient == sorted(gradient) and gradient[-1] > 1.1 * gradient[0]
        for count in ("value", "gradient"):
            wider = [share(ratio, a, 0.8, high, count) for high in (1.2, 1.6, 2.0)]
            assert wider == sorted(wider), "raising c_high helps in both"


@given(
    seed=st.integers(0, 10_000),
    target=st.floats(0.0, 3.0),
    count=st.sampled_from(["value", "gradient"]),
)
@settings(max_examples=30, deadline=None)
def test_bapo_s_window_stays_in_its_bounds_and_the_loss_is_ppo_s_in_it(seed, target, count):
    ratio, a, mask = stale(seed, 60, 0.5)
    low, high = bapo_bounds(ratio, a, mask, target=target, count=count)
    assert 0.6 <= low <= 0.8 and 1.2 <= high <= 2.0
    old = torch.full_like(ratio, -6.0)
    found = bapo_loss(old + ratio.log(), old, advantages=a, mask=mask, target=target, count=count)
    same = ppo_loss(
        old + ratio.log(),
        old,
        advantages=a,
        mask=mask,
        eps_low=1 - low,
        eps_high=high - 1,
        dual_clip=3.0,
    )
    assert torch.equal(found.per_token, same.per_token)


def test_bapo_s_algorithm_1_raises_the_upper_edge_first():
    """Ratios 3, .5 with A = 1 and 1, .5 with A = -1: (min(3, c_high) + .5) / (1 + c_low) in the
    paper's order."""
    ratio = torch.tensor([[3.0, 0.5, 1.0, 0.5]], dtype=D)
    a, mask = torch.tensor([[1.0, 1.0, -1.0, -1.0]], dtype=D), torch.ones(1, 4, dtype=torch.bool)
    # 1.6 times 1.5 is 2.4, which c_high = 1.9 reaches
    low, high = bapo_bounds(ratio, a, mask, target=1.5, order="high-first")
    assert low == 0.6 and high == pytest.approx(1.9)
    low_first = bapo_bounds(ratio, a, mask, target=1.5)
    assert low_first[0] == 0.8 and low_first[1] > high, (
        "raising c_low first asks for a wider window above"
    )
    low, high = bapo_bounds(
        ratio, a, mask, target=9.0, order="high-first", high_most=3.0, low_most=0.9, step_low=0.02
    )
    assert (low, high) == (0.9, 3.0), "then the lower edge, by its own step"
    # weighed by their probability, the tokens with A > 0 count enough in the first window
    by = torch.tensor([[0.9, 0.9, 0.1, 0.1]], dtype=D)
    assert bapo_bounds(ratio, a, mask, target=1.5, order="high-first", probability=by) == (0.6, 1.2)
    for name, wrong in (("order", "first"), ("step_low", 0.0)):
        with pytest.raises(ValueError, match=f"^{name}: expected"):
            bapo_bounds(ratio, a, mask, **{name: wrong})


def test_the_paper_s_bapo_is_the_loss_in_the_paper_s_window():
    ratio, a, mask = stale(3, 400)
    old = torch.full_like(ratio, 0.01).log()
    new = old + ratio.log()
    paper = BAPO(**BAPO_PAPER)
    assert (paper.order, paper.step, paper.step_low, paper.dual_clip) == (
        "high-first",
        0.05,
        0.02,
        None,
    )
    assert paper.target / (1 + paper.target) == pytest.approx(0.4)
    assert (paper.low, paper.low_most, paper.high, paper.high_most) == (0.6, 0.9, 1.2, 3.0)
    search = {
        name: BAPO_PAPER[name] for name in ("low_most", "high_most", "target", "order", "step_low")
    }
    low, high = bapo_bounds(ratio, a, mask, probability=old.exp(), **search)
    expected = ppo_loss(new, old, advantages=a, mask=mask, eps_low=1 - low, eps_high=high - 1)
    found = bapo_loss(
        new, old, advantages=a, mask=mask, weigh_by="rollout", dual_clip=None, **search
    )
    torch.testing.assert_close(found.per_token, expected.per_token)


def test_bapo_with_no_negative_token_keeps_its_first_window():
    ratio, a, mask = stale(0, 40, 1.1)
    assert (
        bapo_bounds(ratio, a, mask, target=9.0)
        == bapo_bounds(ratio, -a, mask, target=0.0)
        == (0.6, 1.2)
    )


# MinPRO


def test_minpro_s_weight_on_every_completion_that_can_be_written():
    """Three tokens, length five: 243 completions, with some cut short, against a minimum taken
    token by token."""
    tiny = Tiny(tokens=3, length=5)
    new, old = tiny.logp(tiny.random(1, 0.7)), tiny.logp(tiny.random(0, 0.7))
    lengths = torch.arange(len(tiny)) % 5 + 1
    mask = torch.arange(5) < lengths.unsqueeze(-1)
    mask[7] = torch.tensor(
        [False, True, False, True, True]
    )  # a hole, as an expert's token makes one
    found = minpro_loss(
        new, old, advantages=torch.ones_like(new), mask=mask, eps_low=1.0, eps_high=1e6
    )
    for row in range(len(tiny)):
        least = 1.0
        before: list[float] = []
        for t in range(5):
            if not mask[row, t]:
                assert found.diagnostics["prefix"][row, t] == 1
                continue
            r = math.exp(new[row, t] - old[row, t])
            least = min(before) if before else 1.0
            assert float(found.diagnostics["weight"][row, t]) == pytest.approx(least * r, rel=1e-12)
            before.append(r)


def test_minpro_s_first_token_has_its_own_ratio_and_a_padded_one_no_say():
    arguments = at([0.5, 2.0, 1.0, 3.0], 1.0)

    def weight(mask):
        return (
            minpro_loss(**arguments | {"mask": torch.tensor([mask])}, eps_low=1.0, eps_high=9.0)
            .diagnostics["prefix"]
            .tolist()[0]
        )

    assert weight([True] * 4) == pytest.approx([0.5, 1.0, 0.5, 1.5])
    assert weight([False, True, True, True]) == pytest.approx([1.0, 2.0, 2.0, 3.0])


def test_minpro_s_mean_weight_is_the_mean_minimum_of_the_prefix():
    """Its price: E r_t = 1 whatever came before, so E und_t r_t = E min_{i<t} r_i, which is below 1
    and falls."""
    tiny = Tiny(tokens=3, length=6)
    for seed in range(3):
        new, old = tiny.logp(tiny.random(2 * seed, 0.4)), tiny.logp(tiny.random(2 * seed + 1, 0.4))
        mu, r = old.sum(1).exp(), (new - old).exp()
        und = torch.cat([torch.ones_like(r[:, :1]), r.cummin(1).values[:, :-1]], 1)
        weight = minpro_loss(new, old, advantages=torch.ones_like(r), mask=r > 0).diagnostics[
            "prefix"
        ]
        torch.testing.assert_close(mu @ weight, mu @ und, rtol=1e-12, atol=0)
        torch.testing.assert_close(mu @ r.cumprod(1), torch.ones(6, dtype=D))
        means = (mu @ weight).tolist()
        assert means[:2] == pytest.approx([1, 1]), (
            "the first token has no prefix, the second one ratio as its minimum"
        )
        assert means[1:] == sorted(means[1:], reverse=True) and means[-1] < 0.95


def test_a_token_that_has_become_unlikely_silences_what_follows_without_a_floor():
    arguments = at([0.01, 1.0, 1.0, 1.0], 1.0)
    assert minpro_loss(**arguments, eps_low=1.0).diagnostics["weight"].max() < 0.011
    assert minpro_loss(**arguments).diagnostics["weight"].tolist() == [[pytest.approx(0.8)] * 4]
    assert cispo_loss(**arguments).diagnostics["weight"][0, 1:].tolist() == [1, 1, 1], (
        "the token's ratio forgets"
    )


# CPGD


def stepped(mu: float, ratio: float, weight: float, lr: float = 0.1) -> float:
    """|r - 1| of the first of two arms after one gradient step with this weight, from this
    ratio."""
    p = mu * ratio
    return abs(1 / (1 + (1 / p - 1) * math.exp(-2 * lr * weight * (1 - p))) / mu - 1)


@pytest.mark.parametrize("mu", [0.1, 0.3, 0.5, 0.7])
def test_cpgd_s_proposition_holds_at_the_upper_edge_and_is_reversed_at_the_lower(mu):
    """From the window's edge one step of PPO leads further out than one of CPGD where r > 1, and
    less far where r < 1: PPO's push has the factor r."""
    for ratio, a in ((1.2, 1.0), (0.8, -1.0)):
        edge = at(ratio, a)
        ppo = ppo_loss(**edge, eps_low=0.2 + 1e-9, eps_high=0.2 + 1e-9).diagnostics["weight"].item()
        cpgd = cpgd_loss(**edge, eps=0.2 + 1e-9, alpha=0.0).diagnostics["weight"].item()
        assert (ppo, cpgd) == pytest.approx((ratio * a, a))
        further = stepped(mu, ratio, ppo) > stepped(mu, ratio, cpgd) > 0.2
        assert further == (ratio > 1)
    if mu == 0.3:
        assert [
            stepped(mu, r, w) for r, w in ((1.2, 1.2), (1.2, 1.0), (0.8, -0.8), (0.8, -1.0))
        ] == pytest.approx([0.320, 0.300, 0.272, 0.289], abs=6e-4)


def test_cpgd_clips_the_gradient_s_factor_not_the_estimator():
    """Beyond 1 + c the drift pulls back by c. With r bounded inside k3 = r - 1 - log r its -log r
    remains, whose descent pushes outwards."""
    beyond = at(1.5, 0.0)
    assert cpgd_loss(**beyond, alpha=1.0, cap=0.2).diagnostics["weight"].item() == pytest.approx(
        -0.2
    )
    logp = beyond["logp"].clone().requires_grad_()
    log_ratio = logp - beyond["logp_old"]
    bounded = log_ratio.exp().clamp(max=1.2) - 1 - log_ratio
    assert -torch.autograd.grad(bounded.sum(), logp)[0].item() == pytest.approx(1.0), "up, from 1.5"


def test_cpgd_by_hand():
    loss = cpgd_loss(
        **at([1.1, 1.5, 0.5, 0.9], [2.0, 2.0, -2.0, -2.0]), eps=0.2, alpha=0.1, cap=0.2
    )
    assert loss.diagnostics["kept"].tolist() == [[True, False, False, True]]
    assert loss.diagnostics["weight"][0].tolist() == pytest.approx(
        [2 - 0.01, -0.02, 0.05, -2 + 0.01]
    )
    assert loss.diagnostics["ratio"][0].tolist() == pytest.approx([1.1, 1.5, 0.5, 0.9])


# R2VPO


def test_r2vpo_s_weight_changes_its_sign():
    """At r = 1 + A / (2 lambda): 13.5 for A = 1 and 2.25 for A = .1 at the public code's lambda of
    .04."""
    for a, turn in ((1.0, 13.5), (0.1, 2.25), (-0.02, 0.75)):
        weights = (
            r2vpo_loss(**at([turn * 0.99, turn, turn * 1.01], a), lam=0.04)
            .diagnostics["weight"][0]
            .tolist()
        )
        assert weights[0] > 0 > weights[2] and weights[1] == pytest.approx(0, abs=1e-12)
    assert (
        ppo_loss(**at(2.0, 1.0)).diagnostics["weight"].item()
        == 0
        < r2vpo_loss(**at(2.0, 1.0)).diagnostics["weight"].item()
    )


@given(seed=st.integers(0, 10_000), lam=st.floats(0.05, 3.0), k=st.integers(2, 8))
@settings(max_examples=40, deadline=None)
def test_the_linear_tilt_is_the_maximiser(seed, lam, k):
    draw = torch.Generator().manual_seed(seed)
    mu = torch.rand(k, generator=draw, dtype=D) + 0.05
    mu, a = mu / mu.sum(), torch.randn(k, generator=draw, dtype=D)
    pi = linear_tilt(mu, a, lam)
    assert float(pi.sum()) == pytest.approx(1) and float(pi.min()) >= 0
    slope = a - 2 * lam * (
        pi / mu - 1
    )  # what moving mass to an arm gains: the same for all that have some, less else
    inside = pi > 1e-12
    assert float(slope[inside].max() - slope[inside].min()) < 1e-9
    assert float(slope.max()) <= float(slope[inside].max()) + 1e-9
    if bool(inside.all()):
        variance = float(mu @ (a - mu @ a).square())
        assert float(mu @ (pi / mu - 1).square()) == pytest.approx(variance / (4 * lam**2))


@pytest.mark.nightly("steps for seconds")
def test_r2vpo_comes_to_rest_at_the_linear_tilt_and_its_dual_at_the_bound():
    mu, a = (
        torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=D),
        torch.tensor([1.0, 0.5, 0.0, -0.5], dtype=D),
    )
    penalty = bandit_step(R2VPO(lam=1.0, dual_lr=0.0), mu, a, uses=400, lr=1.0)
    torch.testing.assert_close(penalty.pi, linear_tilt(mu, a - mu @ a, 1.0), rtol=0, atol=1e-6)
    delta = 0.04
    bound = bandit_step(R2VPO(lam=0.3, delta=delta, dual_lr=0.5), mu, a, uses=3000, lr=0.3)
    assert float(mu @ (bound.pi / mu - 1).square()) == pytest.approx(delta, rel=1e-3)
    lam = float((mu @ (a - mu @ a).square()).sqrt()) / (2 * math.sqrt(delta))
    torch.testing.assert_close(bound.pi, linear_tilt(mu, a, lam), rtol=0, atol=1e-4)


def test_dual_ascent_by_hand():
    assert dual_ascent(0.5, 0.06, 0.04, 2.0) == pytest.approx(0.54)
    assert dual_ascent(0.01, 0.0, 0.04, 1.0) == 0.0


@pytest.mark.parametrize(
    ("lam", "mu"), [(0.0, [0.5, 0.5]), (math.nan, [0.5, 0.5]), (1.0, [0.5, 0.6])]
)
def test_a_tilt_that_makes_no_sense_is_named(lam, mu):
    with pytest.raises(ValueError, match="lam: expected" if mu[1] == 0.5 else "mu: expected"):
        linear_tilt(torch.tensor(mu, dtype=D), torch.tensor([0.0, 1.0], dtype=D), lam)


# TREFree


def test_trefree_s_window_is_delta_over_the_advantage():
    """|A| |r - 1| <= .2 keeps a token: 1.3 is outside for A = 1, inside for A = .5 and far inside
    for A = .01."""
    found = trefree_loss(
        **at([1.3, 1.3, 1.3, 0.5, 0.5, 9.0], [1.0, 0.5, 0.01, -1.0, -0.3, 0.0]), delta=0.2
    )
    assert found.diagnostics["kept"].tolist() == [[False, True, True, False, True, True]]
    assert found.diagnostics["weight"][0].tolist() == pytest.approx([0, 0.65, 0.013, 0, -0.15, 0])


def test_trefree_is_ppo_where_all_advantages_are_alike():
    arguments = data()
    arguments["advantages"] = arguments["advantages"].sign() * 0.5
    found = trefree_loss(**arguments, delta=0.1)
    assert torch.equal(found.diagnostics["weight"], ppo_loss(**arguments).diagnostics["weight"])


# Pb-PPO


def test_the_bandit_over_widths_by_hand():
    bandit, memory = ClipBandit((0.1, 0.2), c=1.0), {}
    assert [bandit.choose(memory, 9.0), bandit.choose(memory, 0.5)] == [0.1, 0.2], (
        "untried ones first"
    )
    assert bandit.choose(memory, 0.4) == 0.1 and memory["clip_means"].tolist() == pytest.approx(
        [0.5, 0.4]
    )
    # .1 has earned .5 and .0: .25 + sqrt(ln 3 / 2) = .991 < .4 + sqrt(ln 3) = 1.448
    assert bandit.choose(memory, 0.0) == 0.2 and memory["clip_pulls"].tolist() == [2, 1]
    memory["clip_pulls"], memory["clip_means"] = (
        torch.tensor([500.0, 500.0]),
        torch.tensor([0.9, 0.1]),
    )
    assert bandit.choose(memory, 0.1) == 0.1, "what is known decides in the end"


# CAPO


def linear_policy(seed: int, actions: int = 10, width: int = 8, tokens: int = 400):
    """A last layer that is the whole model: W h, with the hidden states and the tokens that it has
    drawn."""
    draw = torch.Generator().manual_seed(seed)
    w = torch.randn(actions, width, generator=draw, dtype=D)
    h = torch.randn(1, tokens, width, generator=draw, dtype=D)
    full = (h @ w.T).log_softmax(-1)
    taken = torch.multinomial(full[0].exp(), 1, generator=draw).view(1, -1)
    push = torch.randn(1, tokens, generator=draw, dtype=D)
    return w, h, full, taken, push


def single_steps(
    w: Tensor, h: Tensor, full: Tensor, taken: Tensor, push: Tensor, lr: float
) -> tuple[Tensor, Tensor]:
    """True KL(before || after) and change of push * log-prob's ratio, each token stepping alone by
    its own gradient."""
    v = torch.nn.functional.one_hot(taken, full.shape[-1]).to(D) - full.exp()
    logits = h @ w.T + lr * push.unsqueeze(-1) * h.square().sum(-1, keepdim=True) * v
    after = logits.log_softmax(-1)
    ratio = (after - full).gather(-1, taken.unsqueeze(-1)).squeeze(-1).exp()
    return kl(full, after), push * (ratio - 1)


def test_capo_s_true_fisher_predicts_the_kl():
    for seed in range(3):
        model = linear_policy(seed)
        for lr, most in ((1e-4, 0.01), (1e-3, 0.1)):
            _, m_f, m_h = capo_mask(model[2], model[1], model[3], model[4], lr=lr)
            divergence, objective = single_steps(*model, lr)
            assert float((divergence / m_f - 1).abs().median()) < most
            torch.testing.assert_close(m_h, objective, rtol=0.1, atol=1e-4)


def test_capo_s_prediction_is_half_the_quadratic_form_written_out():
    _, h, full, taken, push = linear_policy(4, tokens=5)
    for fisher in ("true", "empirical"):
        _, m_f, m_h = capo_mask(full, h, taken, push, lr=0.1, fisher=fisher)
        for t in range(5):
            p = full[0, t].exp()
            v = -p.clone()
            v[taken[0, t]] += 1
            gradient = push[0, t] * torch.outer(v, h[0, t])
            u, matrix = 0.1 * gradient @ h[0, t], torch.diag(p) - torch.outer(p, p)
            form = matrix if fisher == "true" else torch.outer(v, v)
            assert float(m_f[0, t]) == pytest.approx(float(u @ form @ u) / 2)
            assert float(m_h[0, t]) == pytest.approx(
                float(push[0, t] * (v @ u + ((v @ u) ** 2 - u @ matrix @ u) / 2))
            )


@pytest.mark.parametrize("fisher", ["true", "empirical"])
def test_capo_decides_in_float32_as_in_float64(fisher):
    """Policies that are nearly sure: π of the sampled token from 1 - e^-1 to 1 - e^-16, and a step
    of lr |h|² = 100."""
    g = torch.Generator().manual_seed(0)
    sure = 1 + 15 * torch.rand(1, 2000, 1, generator=g, dtype=D)
    full = torch.cat([sure, torch.randn(1, 2000, 9, generator=g, dtype=D)], -1).log_softmax(-1)
    taken, push, h = (
        torch.zeros(1, 2000).long(),
        torch.ones(1, 2000, dtype=D),
        torch.ones(1, 2000, 1, dtype=D),
    )
    full = full.float().double()
    wide, narrow = (
        capo_mask(full.to(t), h.to(t), taken, push.to(t), lr=100.0, fisher=fisher)
        for t in (D, torch.float32)
    )
    assert torch.equal(wide[0], narrow[0]) and 200 < int(wide[0].sum()) < 1800
    torch.testing.assert_close(narrow[1].double(), wide[1], rtol=1e-4, atol=0)
    (
        torch.testing.assert_close(narrow[2].double(), wide[2], rtol=1e-4, atol=1e-3),
        "a sum that may pass through 0",
    )


def test_capo_s_empirical_fisher_drops_rare_tokens_first():
    """One push, one |h|, all tokens of one distribution: by the true Fisher the tokens dropped are
    those that move the policy most, and the rarest is not among the first; by the released code's
    they go in the order of rareness."""
    p = torch.tensor([0.01, 0.03, 0.08, 0.18, 0.3, 0.4], dtype=D)
    full, h = p.log().expand(1, 6, 6), torch.ones(1, 6, 1, dtype=D)
    taken, push = torch.arange(6).view(1, 6), torch.ones(1, 6, dtype=D)
    moves = {
        kind: capo_mask(full, h, taken, push, lr=0.01, fisher=kind)[1][0]
        for kind in ("true", "empirical")
    }
    assert moves["empirical"].argsort(descending=True).tolist() == [0, 1, 2, 3, 4, 5]
    assert moves["true"].argmax() != 0 and moves["true"][0] < moves["true"][3]
    over = moves["empirical"] / moves["true"]
    assert over[0] > 20 * over[-1] / 5 and over[0] > 10, (
        "over-predicted most where the token is rarest"
    )


def test_capo_masks_before_the_move():
    mu, a = (
        torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=D),
        torch.tensor([1.0, 0.5, 0.0, -0.5], dtype=D),
    )
    free, open_ = (bandit_step(m, mu, a, uses=1) for m in (PGIS(), CAPO(tau_f=1e9, tau_h=1e9)))
    assert torch.equal(free.pi, open_.pi)
    shut = bandit_step(CAPO(tau_f=1e-12), mu, a, uses=1)
    torch.testing.assert_close(shut.pi, mu, rtol=0, atol=1e-15)
    some = bandit_step(CAPO(tau_f=0.01, tau_h=1e9), mu, a, uses=1)
    assert 0 < some.kl < free.kl


# As methods


def test_ratios_is_what_the_branch_holds():
    assert list(RELATIVES)[:7] == ["bapo", "minpro", "cpgd", "r2vpo", "capo", "trefree", "pb_ppo"]
    kinds = (BAPO, MinPRO, CPGD, R2VPO, CAPO, TREFree, PbPPO)
    assert tuple(RELATIVES[name] for name in list(RELATIVES)[:7]) == kinds


@pytest.mark.parametrize(
    ("kind", "setting", "value"),
    [
        (BAPO, "low", 0.9),
        (BAPO, "low_most", 1.1),
        (BAPO, "high", 0.9),
        (BAPO, "high_most", 1.1),
        (BAPO, "target", -1.0),
        (BAPO, "count", "other"),
        (BAPO, "dual_clip", 1.0),
        (MinPRO, "eps_low", 1.1),
        (MinPRO, "eps_high", math.nan),
        (CPGD, "eps", 1.0),
        (CPGD, "alpha", -0.1),
        (CPGD, "cap", math.nan),
        (R2VPO, "lam", -1.0),
        (R2VPO, "delta", -1.0),
        (R2VPO, "dual_lr", math.inf),
        (CAPO, "tau_f", 0.0),
        (CAPO, "tau_h", -1.0),
        (CAPO, "fisher", "other"),
        (TREFree, "delta", 0.0),
        (PbPPO, "c", -1.0),
        (PbPPO, "arms", ()),
        (PbPPO, "arms", (0.0,)),
    ],
)
def test_a_meaningless_setting_is_named(kind, setting, value):
    with pytest.raises(ValueError, match=rf"^{setting}: expected"):
        kind(**{setting: value})


def test_a_reader_s_own_child_of_one_keeps_its_loss():
    @dataclass(frozen=True, kw_only=True)
    class Wider(CPGD):
        eps: float = 0.4

    mu, a = (
        torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=D),
        torch.tensor([1.0, 0.5, 0.0, -0.5], dtype=D),
    )
    assert (
        bandit_step(Wider(), mu, a).kl
        == bandit_step(CPGD(eps=0.4), mu, a).kl
        > bandit_step(CPGD(), mu, a).kl
    )


@pytest.mark.parametrize("kind", by_day([R2VPO, PbPPO, CAPO], R2VPO, reason="seconds each"))
def test_what_it_remembers_is_resumed(kind, tmp_path):
    def trained(steps, **more):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return trlib.train(
                trlib.load_policy("dial"),
                trlib.load_task("dial"),
                kind(),
                steps=steps,
                prompts=2,
                group=4,
                epochs=2,
                max_tokens=6,
                probe=2,
                lr=1e-3,
                progress=False,
                **more,
            ).history

    whole = trained(4)
    trained(2, out=tmp_path)
    again = trained(4, out=tmp_path, resume=True)
    column = {R2VPO: "lam", PbPPO: "clip_arm", CAPO: "capo_lr"}[kind]
    assert (
        again[column].tolist() == whole[column].tolist()
        and again.loss.tolist() == whole.loss.tolist()
    )


def test_on_one_bandit_every_region_stays_nearer_than_none():
    mu, a = (
        torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=D),
        torch.tensor([1.0, 0.5, 0.0, -0.5], dtype=D),
    )
    free = bandit_step(PGIS(), mu, a)
    for method in (PPO(), BAPO(), CPGD(), R2VPO(), TREFree(), PbPPO()):
        found = bandit_step(method, mu, a)
        assert found.gain > 0 and found.kl < free.kl, method
    assert bandit_step(MinPRO(), mu, a).kl > free.kl, "a clamp of the weight is no region"
    tilt = linear_tilt(mu, a, 1.0)
    assert moved(mu, tilt, a).gain == pytest.approx(float((tilt - mu) @ a))
    assert (
        replace(R2VPO(), lam=0.2).lam == 0.2 and pg_is_loss(**at(1.0, 1.0)).per_token.item() == -1
    )


# A clip by k3, by a band, and by turns


@given(delta=st.floats(1e-6, 1e3))
@settings(max_examples=50, deadline=None)
def test_kl3_window_ends_where_k3_is_delta(delta):
    low, high = kl3_window(delta)
    for ratio in (1 - low, 1 + high):
        if ratio > 1e-12:  # below, 1 - low has no digits left
            assert ratio - 1 - math.log(ratio) == pytest.approx(delta, rel=1e-5)
    assert 0 < low <= 1 and (high > low)


def test_kl3_clip_silences_what_leaves_delta_outwards():
    """A - where k3 > δ and A log r > 0, nothing is pushed; everything else weighs r A."""
    silenced = 0
    for seed in range(4):
        batch = data(seed)
        found = KL3Clip(delta=0.05).objective(Scores(batch["logp"]), _batch_of(batch))
        ratio = (batch["logp"] - batch["logp_old"]).exp()
        out = (ratio - 1 - ratio.log() > 0.05) & (batch["advantages"] * ratio.log() > 0)
        expected = (ratio * batch["advantages"]).masked_fill(out | ~batch["mask"], 0.0)
        torch.testing.assert_close(found.diagnostics["weight"], expected)
        silenced += int((out & batch["mask"]).sum())
    assert silenced > 10
    assert [round(x, 2) for x in kl3_window(KL3Clip().delta)] == [0.2, 0.23], "as the card says"


def _batch_of(batch):
    from tests.relatives.test_asynchrony import _of

    return _of(batch)


def _band(p: Tensor, delta: float) -> tuple[Tensor, Tensor]:
    """The authors' edges: bisection for KL((p, 1-p) || (r p, 1 - r p)) = δ below and above r =
    1."""

    def divergence(r: Tensor) -> Tensor:
        rest = ((1 - r * p) / (1 - p)).clamp(min=1e-300)
        return -p * r.clamp(min=1e-300).log() - (1 - p) * rest.log()

    edges = []
    for near, far in ((torch.ones_like(p), torch.zeros_like(p)), (torch.ones_like(p), 1 / p)):
        for _ in range(200):
            middle = (near + far) / 2
            inside = divergence(middle) < delta
            near, far = torch.where(inside, middle, near), torch.where(inside, far, middle)
        edges.append(near)
    return edges[0], edges[1]


def test_bandpo_has_the_gradient_of_the_authors_clip():
    silenced = opened = 0
    for seed in range(6):
        b = data(seed)
        logp, a = b["logp"].clone().requires_grad_(), b["advantages"]
        low, high = _band(b["logp_old"].exp(), 0.05)
        low, high = low.clamp(max=0.8), high.clamp(min=1.28, max=100.0)
        ratio = (logp - b["logp_old"]).exp()
        loss = torch.maximum(-a * ratio, -a * torch.minimum(torch.maximum(ratio, low), high))
        (expected,) = torch.autograd.grad(loss[b["mask"]].sum(), logp)
        found = bandpo_loss(b["logp"], b["logp_old"], advantages=a, mask=b["mask"])
        torch.testing.assert_close(found.diagnostics["weight"], -expected, rtol=1e-9, atol=1e-12)
        plain = ppo_loss(
            b["logp"], b["logp_old"], advantages=a, mask=b["mask"], eps_high=0.28
        ).diagnostics["kept"]
        silenced += int((b["mask"] & ~found.diagnostics["kept"]).sum())
        opened += int((found.diagnostics["kept"] & ~plain).sum())
    assert silenced > 10 and opened > 10


def test_a_rare_token_has_a_wide_band():
    """Of probability 1e-3 it may become 30 times as likely; of .5, not 1.5 times."""
    for p, ratio, kept in ((1e-3, 30.0, True), (0.5, 1.5, False), (1e-6, 101.0, False)):
        old = torch.tensor([[p]], dtype=D).log()
        found = bandpo_loss(
            old + math.log(ratio), old, advantages=torch.ones(1, 1, dtype=D), mask=old < 0
        )
        assert bool(found.diagnostics["kept"]) is kept


def test_the_band_alone_is_dppo_s_mask():
    for seed in range(4):
        b = data(seed)
        credit = {"advantages": b["advantages"], "mask": b["mask"]}
        found = bandpo_loss(
            b["logp"], b["logp_old"], **credit, eps_low=0.0, eps_high=0.0, most=math.inf
        )
        other = dppo_loss(b["logp"], b["logp_old"], **credit, delta_kl=0.05)
        torch.testing.assert_close(found.diagnostics["weight"], other.diagnostics["weight"])


def test_turns_by_length_and_by_gaps():
    mask = torch.tensor([[1, 1, 0, 1, 1, 1], [0, 1, 0, 0, 1, 0]], dtype=torch.bool)
    assert turns_of(mask)[mask].tolist() == [0, 0, 1, 1, 1, 0, 1]
    assert turns_of(mask, 2)[mask].tolist() == [0, 0, 1, 1, 2, 0, 0]
    with pytest.raises(ValueError, match="length: expected a whole number of at least 1"):
        turns_of(mask, 0)


def test_turns_by_hand():
    """Ratios 4 and 1 of one turn, 1/2 of the next: geometric means 2 and 1/2."""
    arguments = at([4.0, 1.0, 0.5], 1.0)
    found = gspo_loss(
        arguments["logp"], arguments["logp_old"], advantages=arguments["advantages"], mask=arguments["mask"],
        eps_low=0.2, eps_high=0.2, turns=torch.tensor([[0, 0, 1]]),
    )  # fmt: skip
    assert found.diagnostics["weight"][0].tolist() == pytest.approx([0.0, 0.0, 0.5])
    assert found.diagnostics["sequence_ratio"][0].tolist() == pytest.approx([2.0, 2.0, 0.5])


def test_turns_of_one_token_are_ppo_s_and_one_turn_is_gspo_s():
    for seed in range(4):
        b = data(seed)
        scores, batch = Scores(b["logp"]), _batch_of(b)
        window = {"eps_low": 0.2, "eps_high": 0.25}
        for length, other in ((1, PPO), (99, GSPO)):
            found = TurnPPO(length=length, **window).objective(scores, batch)
            expected = other(**window).objective(scores, batch)
            torch.testing.assert_close(found.per_token, expected.per_token)
            assert torch.equal(found.diagnostics["kept"], expected.diagnostics["kept"])


@pytest.mark.parametrize(
    ("turns", "error", "message"),
    [
        (torch.zeros(6, 5), TypeError, "^turns: expected an integer type"),
        (torch.zeros(6, 4).long(), ValueError, r"^turns: expected \[B, T\]"),
        (torch.full((6, 5), 5), ValueError, "^turns: expected token ids from 0 to 4"),
    ],
)
def test_bad_turns_are_named(turns, error, message):
    b = data()
    with pytest.raises(error, match=message):
        gspo_loss(b["logp"], b["logp_old"], advantages=b["advantages"], mask=b["mask"], turns=turns)


@pytest.mark.parametrize(
    ("kind", "setting", "value"),
    [
        (KL3Clip, "delta", 0.0),
        (BandPO, "delta", -1.0),
        (BandPO, "eps_low", 1.1),
        (BandPO, "most", 0.5),
        (TurnPPO, "length", 0),
        (TurnPPO, "eps_high", -1.0),
    ],
)
def test_a_meaningless_setting_of_a_window_is_named(kind, setting, value):
    with pytest.raises(ValueError, match=rf"^{setting}: expected"):
        kind(**{setting: value})
