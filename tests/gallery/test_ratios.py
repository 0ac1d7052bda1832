"""The gallery's ratios: golden values by hand, and the traps that first readers fell into."""

import math

import pytest
import torch

from tests.losses import D, close, noise
from trlib.algorithms import ppo_loss
from trlib.relatives.ratios import (
    BAPO,
    BAPO_PAPER,
    ClipBandit,
    bapo_bounds,
    bapo_loss,
    capo_mask,
    kl3_window,
    turns_of,
)

# PPO with a window for each token


# BAPO


def share(ratio, advantages, low, high, count):
    """What the tokens with A > 0 count over those with A < 0, written token by token."""
    up = down = 0.0
    for r, a in zip(ratio.flatten().tolist(), advantages.flatten().tolist(), strict=True):
        if count == "value":
            counted = (min(r, high) if a > 0 else max(r, low)) * a
        else:
            counted = r * a if (r <= high if a > 0 else r >= low) else 0.0
        up, down = up + max(counted, 0.0), down + max(-counted, 0.0)
    return up / down


def stale(seed, tokens=4000, positive=0.2):
    """[1, N] ratios with log r ~ N(0, .5) and A = 1 for one token in five, -.6 for the others."""
    ratio = (0.5 * noise(1, tokens, seed=seed)).exp()
    draw = torch.Generator().manual_seed(seed + 99)
    good = torch.rand(1, tokens, generator=draw, dtype=D) < positive
    return ratio, torch.where(good, 1.0, -0.6), ratio > 0


@pytest.mark.parametrize("count", ["value", "gradient"])
def test_bapo_s_window_is_the_first_that_reaches_the_target(count):
    for seed in range(3):
        ratio, a, mask = stale(seed, 400, 0.35)
        for target in (0.1, 0.45, 0.55, 0.7, 5.0):
            low, high = 0.6, 1.2
            while share(ratio, a, low, high, count) < target and (low, high) != (0.8, 2.0):
                low, high = (min(low + 0.05, 0.8), high) if low < 0.8 else (low, high + 0.05)
                high = min(high, 2.0)
            assert bapo_bounds(ratio, a, mask, target=target, count=count) == (low, high)


def test_the_paper_s_bapo_is_the_loss_in_the_paper_s_window():
    ratio, a, mask = stale(3, 400)
    old = torch.full_like(ratio, 0.01).log()
    given = {"logp": old + ratio.log(), "logp_old": old, "advantages": a, "mask": mask}
    paper = BAPO(**BAPO_PAPER)
    assert (paper.order, paper.step, paper.step_low) == ("high-first", 0.05, 0.02)
    assert paper.target / (1 + paper.target) == pytest.approx(0.4) and paper.dual_clip is None
    assert (paper.low, paper.low_most, paper.high, paper.high_most) == (0.6, 0.9, 1.2, 3.0)
    names = ("low_most", "high_most", "target", "order", "step_low")
    search = {name: BAPO_PAPER[name] for name in names}
    low, high = bapo_bounds(ratio, a, mask, probability=old.exp(), **search)
    expected = ppo_loss(**given, eps_low=1 - low, eps_high=high - 1)
    found = bapo_loss(**given, weigh_by="rollout", dual_clip=None, **search)
    close(found.per_token, expected.per_token)


# R2VPO


# Pb-PPO


def test_the_bandit_over_widths_by_hand():
    bandit, memory = ClipBandit((0.1, 0.2), c=1.0), {}
    assert [bandit.choose(memory, 9.0), bandit.choose(memory, 0.5)] == [0.1, 0.2], "untried first"
    assert bandit.choose(memory, 0.4) == 0.1
    close(memory["clip_means"].to(D), [0.5, 0.4], 1e-6)
    # .1 has earned .5 and .0: .25 + sqrt(ln 3 / 2) = .991 < .4 + sqrt(ln 3) = 1.448
    assert bandit.choose(memory, 0.0) == 0.2 and memory["clip_pulls"].tolist() == [2, 1]
    memory["clip_pulls"], memory["clip_means"] = torch.tensor([[500.0, 500.0], [0.9, 0.1]])
    assert bandit.choose(memory, 0.1) == 0.1, "what is known decides in the end"


# CAPO


@pytest.mark.parametrize("fisher", ["true", "empirical"])
def test_capo_decides_in_float32_as_in_float64(fisher):
    """Policies that are nearly sure: π of the sampled token from 1 - e^-1 to 1 - e^-16, and a step
    of lr |h|² = 100."""
    sure = 1 + 15 * torch.linspace(0, 1, 2000, dtype=D).view(1, 2000, 1)
    full = torch.cat([sure, noise(1, 2000, 9)], -1).log_softmax(-1).float().double()
    one = torch.ones(1, 2000, dtype=D)
    wide, narrow = (
        capo_mask(
            full.to(t), one.to(t).unsqueeze(-1), 0 * one.long(), one.to(t), lr=100.0, fisher=fisher
        )
        for t in (D, torch.float32)
    )
    assert torch.equal(wide[0], narrow[0]) and 200 < int(wide[0].sum()) < 1800
    torch.testing.assert_close(narrow[1].double(), wide[1], rtol=1e-4, atol=0)
    close(narrow[2].double(), wide[2], 1e-3)
    p = full[0, 0].exp()
    v = torch.eye(10, dtype=D)[0] - p
    F = p.diag() - p.outer(p) if fisher == "true" else v.outer(v)
    close(wide[1][0, 0], 100 * v @ F @ (100 * v) / 2, 1e-6)
    # What the objective gains, r - 1, to second order: that has no choice of F.
    found = capo_mask(full, one.unsqueeze(-1), 0 * one.long(), one, lr=0.01, fisher=fisher)
    moved = (full[0] + 0.01 * (torch.eye(10, dtype=D)[0] - full[0].exp())).log_softmax(-1)
    close(found[2][0], torch.expm1(moved - full[0])[:, 0], 1e-6)


# A clip by k3, by a band, and by turns


def test_a_window_ends_where_k3_is_delta():
    for delta in (1e-3, 0.1, 2.0):
        low, high = kl3_window(delta)
        assert 0 < low < high
        for r in (1 - low, 1 + high):
            assert r - 1 - math.log(r) == pytest.approx(delta)


def test_turns_by_length_and_by_gaps():
    mask = torch.tensor([[1, 1, 0, 1, 1, 1], [0, 1, 0, 0, 1, 0]], dtype=torch.bool)
    assert turns_of(mask)[mask].tolist() == [0, 0, 1, 1, 1, 0, 1]
    assert turns_of(mask, 2)[mask].tolist() == [0, 0, 1, 1, 2, 0, 0]
