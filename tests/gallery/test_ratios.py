"""The gallery's ratios: golden values by hand, and the traps that first readers fell into."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import one_hot

from tests.losses import D, at, close, data, known, named, noise, refused, slope, tensor
from trbook.bandit import bandit_step, linear_tilt
from trbook.tiny import Tiny
from trlib.algorithms import GSPO, PGIS, PPO, Scores, dppo_loss, gspo_loss, ppo_loss
from trlib.relatives.ratios import (
    BAPO,
    BAPO_PAPER,
    CAPO,
    R2VPO,
    ClipBandit,
    KL3Clip,
    TurnPPO,
    bandpo_loss,
    bapo_bounds,
    bapo_loss,
    capo_mask,
    cpgd_loss,
    kl3_window,
    minpro_loss,
    r2vpo_loss,
    ripo_loss,
    trefree_loss,
    turns_of,
)

MU, A = tensor([0.1, 0.2, 0.3, 0.4]), tensor([1.0, 0.5, 0.0, -0.5])


def weight(loss, ratio, advantage, **how):
    return loss(**at(ratio, advantage), **how).diagnostics["weight"][0].tolist()


# PPO with a window for each token


def test_a_window_for_each_token_is_the_number_where_all_are_alike():
    for seed in range(4):
        arguments = data(seed)
        wide = torch.full_like(arguments["logp"], 0.28)
        number = ppo_loss(**arguments, eps_low=0.28, eps_high=0.28)
        for high in (wide, 0.28):
            found = ppo_loss(**arguments, eps_low=wide, eps_high=high)
            assert torch.equal(found.per_token, number.per_token)
            assert torch.equal(found.diagnostics["weight"], number.diagnostics["weight"])


def test_a_meaningless_window_for_a_token_is_named():
    low, high = tensor([[0.1, 1.1]]), [tensor(x) for x in ([[0.1, -0.1]], [0.1], [[0.1, math.nan]])]
    named(ppo_loss, at([1, 1], 0.0), eps_low=(low,), eps_high=high)


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


def test_bapo_by_hand():
    """Ratios 1, 1.5 with A = 1 and .5, 1 with A = -1: by value (1 + 1.2) / (.6 + 1) = 1.375 in the
    first window."""
    ratio, a = tensor([[1.0, 1.5, 0.5, 1.0]]), tensor([[1.0, 1.0, -1.0, -1.0]])
    mask = ratio > 0
    assert bapo_bounds(ratio, a, mask, target=1.37) == (0.6, 1.2)
    # .8 makes it 2.2 / 1.8; then c_high = 1.55: 2.5 / 1.8 = 1.39, and the largest ratio counts 1.5
    assert bapo_bounds(ratio, a, mask, target=1.4) == (0.8, 2.0)
    assert bapo_bounds(ratio, a, mask, target=1.0, count="gradient") == (0.6, 1.2)  # 1 against 1
    # the token of ratio 1.5 is let in: 2.5 against 1
    assert bapo_bounds(ratio, a, mask, target=2.0, count="gradient") == pytest.approx((0.8, 1.5))


def test_bapo_s_algorithm_1_raises_the_upper_edge_first():
    """Ratios 3, .5 with A = 1 and 1, .5 with A = -1: (min(3, c_high) + .5) / (1 + c_low) in the
    paper's order."""
    given = tensor([[3.0, 0.5, 1.0, 0.5]]), tensor([[1.0, 1.0, -1.0, -1.0]]), torch.ones(1, 4) > 0
    # 1.6 times 1.5 is 2.4, which c_high = 1.9 reaches
    first = {"order": "high-first"}
    assert bapo_bounds(*given, target=1.5, **first) == pytest.approx((0.6, 1.9))
    low, high = bapo_bounds(*given, target=1.5)
    assert low == 0.8 and high > 1.95, "raising c_low first asks for a wider window above"
    found = bapo_bounds(*given, target=9.0, **first, high_most=3.0, low_most=0.9, step_low=0.02)
    assert found == (0.9, 3.0), "then the lower edge, by its own step"
    # weighed by their probability, the tokens with A > 0 count enough in the first window
    by = tensor([[0.9, 0.9, 0.1, 0.1]])
    assert bapo_bounds(*given, target=1.5, **first, probability=by) == (0.6, 1.2)
    refused("order: expected", bapo_bounds, *given, order="first")
    refused("step_low: expected", bapo_bounds, *given, step_low=0.0)


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


def test_bapo_with_no_negative_token_keeps_its_first_window():
    ratio, a, mask = stale(0, 40, 1.1)
    assert bapo_bounds(ratio, a, mask, target=9.0) == (0.6, 1.2)
    assert bapo_bounds(ratio, -a, mask, target=0.0) == (0.6, 1.2)


# MinPRO


def test_minpro_s_weight_on_every_completion_that_can_be_written():
    """Three tokens, length five: 243 completions, with some cut short, against a minimum taken
    token by token."""
    tiny = Tiny(tokens=3, length=5)
    new, old = tiny.logp(tiny.random(1, 0.7)), tiny.logp(tiny.random(0, 0.7))
    mask = torch.arange(5) < (torch.arange(len(tiny)) % 5 + 1).unsqueeze(-1)
    mask[7] = torch.tensor([False, True, False, True, True])  # an expert's token makes a hole
    window = {"eps_low": 1.0, "eps_high": 1e6}
    found = minpro_loss(new, old, advantages=torch.ones_like(new), mask=mask, **window).diagnostics
    for row in range(len(tiny)):
        before = []
        for t in range(5):
            if not mask[row, t]:
                assert found["prefix"][row, t] == 1
                continue
            before.append(math.exp(new[row, t] - old[row, t]))
            expected = min(before[:-1], default=1.0) * before[-1]
            assert float(found["weight"][row, t]) == pytest.approx(expected, rel=1e-12)


# CPGD


def test_cpgd_by_hand():
    ratios, a = [1.1, 1.5, 0.5, 0.9], [2.0, 2.0, -2.0, -2.0]
    loss = cpgd_loss(**at(ratios, a), eps=0.2, alpha=0.1, cap=0.2).diagnostics
    assert loss["kept"].tolist() == [[True, False, False, True]]
    close(loss["weight"][0], [2 - 0.01, -0.02, 0.05, -2 + 0.01])
    close(loss["ratio"][0], ratios)


# R2VPO


def test_r2vpo_s_weight_changes_its_sign():
    """At r = 1 + A / (2 lambda): 13.5 for A = 1 and 2.25 for A = .1 at the public code's lambda of
    .04."""
    for a, turn in ((1.0, 13.5), (0.1, 2.25), (-0.02, 0.75)):
        before, at_turn, after = weight(r2vpo_loss, [turn * 0.99, turn, turn * 1.01], a, lam=0.04)
        assert before > 0 > after and at_turn == pytest.approx(0, abs=1e-12)
    assert weight(ppo_loss, 2.0, 1.0) == [0] < weight(r2vpo_loss, 2.0, 1.0)


@given(seed=st.integers(0, 10_000), lam=st.floats(0.05, 3.0), k=st.integers(2, 8))
@settings(max_examples=40, deadline=None)
def test_the_linear_tilt_is_the_maximiser(seed, lam, k):
    mu, a = 0.05 + noise(k, seed=seed).abs(), noise(k, seed=seed + 1)
    mu = mu / mu.sum()
    pi = linear_tilt(mu, a, lam)
    assert float(pi.sum()) == pytest.approx(1) and float(pi.min()) >= 0
    # what moving mass to an arm gains: the same for all that have some, less else
    gain, inside = a - 2 * lam * (pi / mu - 1), pi > 1e-12
    assert float(gain[inside].max() - gain[inside].min()) < 1e-9
    assert float(gain.max()) <= float(gain[inside].max()) + 1e-9
    if bool(inside.all()):
        variance = float(mu @ (a - mu @ a).square())
        assert float(mu @ (pi / mu - 1).square()) == pytest.approx(variance / (4 * lam**2))


@pytest.mark.nightly("steps for seconds")
def test_r2vpo_comes_to_rest_at_the_linear_tilt_and_its_dual_at_the_bound():
    penalty = bandit_step(R2VPO(lam=1.0, dual_lr=0.0), MU, A, uses=400, lr=1.0)
    close(penalty.pi, linear_tilt(MU, A - MU @ A, 1.0), 1e-6)
    delta = 0.04
    bound = bandit_step(R2VPO(lam=0.3, delta=delta, dual_lr=0.5), MU, A, uses=3000, lr=0.3)
    assert float(MU @ (bound.pi / MU - 1).square()) == pytest.approx(delta, rel=1e-3)
    lam = float((MU @ (A - MU @ A).square()).sqrt()) / (2 * math.sqrt(delta))
    close(bound.pi, linear_tilt(MU, A, lam), 1e-4)


# TREFree


def test_trefree_s_window_is_delta_over_the_advantage():
    """|A| |r - 1| <= .2 keeps a token: 1.3 is outside for A = 1, inside for A = .5 and far inside
    for A = .01."""
    ratios, a = [1.3, 1.3, 1.3, 0.5, 0.5, 9.0], [1.0, 0.5, 0.01, -1.0, -0.3, 0.0]
    found = trefree_loss(**at(ratios, a), delta=0.2).diagnostics
    assert found["kept"].tolist() == [[False, True, True, False, True, True]]
    close(found["weight"][0], [0, 0.65, 0.013, 0, -0.15, 0])


# RIPO


def test_ripos_window_is_as_wide_as_a_tokens_probability_allows():
    """q (r - 1)² <= .02 keeps a token: at q = .8 the window is .158 wide, at .01 it is 1.41, and
    then nothing stops a fall. The numbers are those of a summary of the paper."""
    q, r = tensor([[0.8, 0.8, 0.01, 0.01, 0.01]]), tensor([[1.15, 1.17, 2.4, 2.45, 1e-3]])
    a = tensor([[1.0, 1.0, 1.0, 1.0, -1.0]])
    given = {"advantages": a, "mask": q > 0, "delta": 0.02}
    found = ripo_loss(q.log() + r.log(), q.log(), **given).diagnostics
    assert found["kept"].tolist() == [[True, False, True, False, True]]
    close(found["weight"][0], [1.15, 0, 2.4, 0, -1e-3])
    edge = 1 + (0.02 / q).sqrt()
    close((q * edge)[0, [0, 2]], [0.926491, 0.024142], 1e-5)


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
    refused("arms: expected", ClipBandit, ())


# CAPO


def linear_policy(seed, actions=10, width=8, tokens=400):
    """A last layer that is the whole model: W h, with the hidden states and the tokens that it has
    drawn."""
    w, h = noise(actions, width, seed=seed), noise(1, tokens, width, seed=seed + 50)
    full = (h @ w.T).log_softmax(-1)
    draw = torch.Generator().manual_seed(seed)
    taken = torch.multinomial(full[0].exp(), 1, generator=draw).view(1, -1)
    return w, h, full, taken, noise(1, tokens, seed=seed + 70)


def test_capo_s_prediction_is_half_the_quadratic_form_written_out():
    _, h, full, taken, push = linear_policy(4, tokens=5)
    for fisher in ("true", "empirical"):
        _, m_f, m_h = capo_mask(full, h, taken, push, lr=0.1, fisher=fisher)
        for t in range(5):
            p = full[0, t].exp()
            v = one_hot(taken[0, t], 10) - p
            gradient = push[0, t] * torch.outer(v, h[0, t])
            u, matrix = 0.1 * gradient @ h[0, t], torch.diag(p) - torch.outer(p, p)
            form = matrix if fisher == "true" else torch.outer(v, v)
            close(m_f[0, t], u @ form @ u / 2)
            close(m_h[0, t], push[0, t] * (v @ u + ((v @ u) ** 2 - u @ matrix @ u) / 2))


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


def test_capo_masks_before_the_move():
    free, open_ = (bandit_step(m, MU, A, uses=1) for m in (PGIS(), CAPO(tau_f=1e9, tau_h=1e9)))
    assert torch.equal(free.pi, open_.pi)
    close(bandit_step(CAPO(tau_f=1e-12), MU, A, uses=1).pi, MU, 1e-15)
    assert 0 < bandit_step(CAPO(tau_f=0.01, tau_h=1e9), MU, A, uses=1).kl < free.kl


# A clip by k3, by a band, and by turns


def test_kl3_clip_silences_what_leaves_delta_outwards():
    """A - where k3 > δ and A log r > 0, nothing is pushed; everything else weighs r A."""
    silenced = 0
    for seed in range(4):
        b = data(seed)
        found = KL3Clip(delta=0.05).objective(Scores(b["logp"]), known(b))
        ratio = (b["logp"] - b["logp_old"]).exp()
        out = (ratio - 1 - ratio.log() > 0.05) & (b["advantages"] * ratio.log() > 0)
        expected = (ratio * b["advantages"]).masked_fill(out | ~b["mask"], 0.0)
        close(found.diagnostics["weight"], expected)
        silenced += int((out & b["mask"]).sum())
    assert silenced > 10
    assert [round(x, 2) for x in kl3_window(KL3Clip().delta)] == [0.2, 0.23], "as the card says"


def _band(p, delta):
    """The authors' edges: bisection for KL((p, 1-p) || (r p, 1 - r p)) = δ below and above r =
    1."""

    def divergence(r):
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
    for seed in range(8):
        b = data(seed)
        logp, a = b["logp"].clone().requires_grad_(), b["advantages"]
        low, high = _band(b["logp_old"].exp(), 0.05)
        low, high = low.clamp(max=0.8), high.clamp(min=1.28, max=100.0)
        ratio = (logp - b["logp_old"]).exp()
        loss = torch.maximum(-a * ratio, -a * torch.minimum(torch.maximum(ratio, low), high))
        found = bandpo_loss(**b).diagnostics
        close(found["weight"], -slope(loss[b["mask"]], logp))
        plain = ppo_loss(**b, eps_high=0.28).diagnostics["kept"]
        silenced += int((b["mask"] & ~found["kept"]).sum())
        opened += int((found["kept"] & ~plain).sum())
    assert silenced > 10 and opened > 10


def test_the_band_alone_is_dppo_s_mask():
    for seed in range(4):
        b = data(seed)
        found = bandpo_loss(**b, eps_low=0.0, eps_high=0.0, most=math.inf)
        other = dppo_loss(b.pop("logp"), b.pop("logp_old"), **b, delta_kl=0.05)
        close(found.diagnostics["weight"], other.diagnostics["weight"])


def test_turns_by_length_and_by_gaps():
    mask = torch.tensor([[1, 1, 0, 1, 1, 1], [0, 1, 0, 0, 1, 0]], dtype=torch.bool)
    assert turns_of(mask)[mask].tolist() == [0, 0, 1, 1, 1, 0, 1]
    assert turns_of(mask, 2)[mask].tolist() == [0, 0, 1, 1, 2, 0, 0]
    refused("length: expected a whole number of at least 1", turns_of, mask, 0)


def test_turns_of_one_token_are_ppo_s_and_one_turn_is_gspo_s():
    for seed in range(4):
        scores, b = Scores(data(seed)["logp"]), known(data(seed))
        window = {"eps_low": 0.2, "eps_high": 0.25}
        for length, other in ((1, PPO), (99, GSPO)):
            found = TurnPPO(length=length, **window).objective(scores, b)
            expected = other(**window).objective(scores, b)
            close(found.per_token, expected.per_token)
            assert torch.equal(found.diagnostics["kept"], expected.diagnostics["kept"])


def test_bad_turns_are_named():
    zero = torch.zeros(6, 5)
    named(gspo_loss, data(), {"turns": (zero,)}, turns=(zero[:, 1:].long(), zero.long() + 5))
