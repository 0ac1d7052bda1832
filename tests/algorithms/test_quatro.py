"""QUATRO against independent roots, the numbers of its small cases, and exact optima of an
enumerated policy."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from torch import Tensor

from trlib.aggregation import aggregate
from trlib.algorithms import Batch, Correction, Needs, Scores, quatro
from trlib.algorithms.quatro import QUATRO, Dual, quatro_loss, solve_dual

HALF_RIGHT = torch.tensor([[1.0] * 4 + [0.0] * 4], dtype=torch.float64)


def reached(dual: Dual, direction: str) -> Tensor:
    """[N] the divergence between the targets' policy and the uniform sample, summed so that no term
    cancels."""
    t = dual.target
    return (
        (t * t.exp() - torch.expm1(t)).mean(-1)
        if direction == "backward"
        else (torch.expm1(t) - t).mean(-1)
    )


# --- the dual
# --------------------------------------------------------------------------------------------------


def test_backward_numbers_of_a_group_that_is_half_right():
    dual = solve_dual(HALF_RIGHT, delta_kl=0.1)
    assert dual.multiplier.item() == pytest.approx(1.0599, abs=5e-5)
    assert dual.target[0, 0].item() == pytest.approx(0.364, abs=5e-4)
    assert dual.target[0, 7].item() == pytest.approx(-0.579, abs=5e-4)
    assert not dual.floored.any()


def test_forward_numbers_of_a_group_that_is_half_right():
    dual = solve_dual(HALF_RIGHT, delta_kl=0.1, direction="forward")
    assert dual.multiplier.item() == pytest.approx(0.9615, abs=5e-5)
    assert dual.offset.item() == pytest.approx(1.6744, abs=5e-5)
    assert dual.target[0, 0].item() == pytest.approx(0.355, abs=5e-4)
    assert dual.target[0, 7].item() == pytest.approx(-0.555, abs=5e-4)


@pytest.mark.parametrize("delta", [1e-4, 0.02, 0.1, 0.5])
def test_backward_root_is_scipys(delta):
    torch.manual_seed(0)
    rewards = torch.randn(6, 12, dtype=torch.float64) * torch.logspace(
        -1, 4, 6, dtype=torch.float64
    ).unsqueeze(-1)
    dual = solve_dual(rewards, delta_kl=delta, lambda_min=1e-4)
    for i, row in enumerate(rewards.tolist()):

        def dual_slope(multiplier, row=row):
            scaled = [r / multiplier for r in row]
            top = max(scaled)
            z = sum(math.exp(s - top) for s in scaled)
            u = [math.exp(s - top) / z for s in scaled]
            return delta - sum(x * math.log(len(row) * x) for x in u if x > 0)

        span = max(row) - min(row)
        root = brentq(dual_slope, span * 1e-3, span * 1e3, xtol=1e-14 * span, rtol=1e-14)
        assert dual.multiplier[i].item() == pytest.approx(root, rel=1e-8)
        offset = root * math.log(
            sum(math.exp((r - max(row)) / root) for r in row) / len(row)
        ) + max(row)
        assert dual.offset[i].item() == pytest.approx(offset, rel=1e-8, abs=1e-8 * span)
        torch.testing.assert_close(
            dual.target[i], (rewards[i] - offset) / root, rtol=1e-8, atol=1e-8
        )


@pytest.mark.parametrize("delta", [1e-4, 0.1, 3.0])
def test_forward_roots_are_scipys(delta):
    torch.manual_seed(1)
    rewards = torch.randn(4, 9, dtype=torch.float64) * torch.tensor(
        [[0.1], [1.0], [30.0], [1e4]], dtype=torch.float64
    )
    dual = solve_dual(rewards, delta_kl=delta, direction="forward")
    for i, row in enumerate(rewards.tolist()):
        top, span = max(row), max(row) - min(row)

        def multiplier(log_g, row=row, top=top):
            return len(row) / sum(1 / (math.exp(log_g) + (top - r)) for r in row)

        def excess(log_g, row=row, top=top, multiplier=multiplier):
            return delta + sum(
                math.log(multiplier(log_g) / (math.exp(log_g) + (top - r))) for r in row
            ) / len(row)

        log_g = brentq(excess, math.log(span) - 15, math.log(span) + 10, xtol=1e-14)
        assert dual.multiplier[i].item() == pytest.approx(multiplier(log_g), rel=1e-8)
        assert dual.offset[i].item() == pytest.approx(
            top + math.exp(log_g), rel=1e-8, abs=1e-8 * span
        )


@given(
    seed=st.integers(0, 10**6),
    log_delta=st.floats(-12, 1),
    log_scale=st.floats(-3, 3),
    binary=st.booleans(),
    direction=st.sampled_from(["backward", "forward"]),
)
@settings(max_examples=60, deadline=None)
def test_the_targets_are_a_policy_at_the_radius(seed, log_delta, log_scale, binary, direction):
    rewards = torch.randn(5, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    rewards = (rewards > 0.5).double() if binary else rewards
    delta = math.exp(log_delta)
    dual = solve_dual(rewards * 10**log_scale, delta_kl=delta, lambda_min=1e-7, direction=direction)
    live = dual.multiplier > 0
    assert torch.equal(live, (rewards != rewards[:, :1]).any(-1))
    torch.testing.assert_close(
        dual.target.exp().mean(-1), torch.ones(5, dtype=torch.float64), rtol=1e-9, atol=0
    )
    tight = live & ~dual.floored
    torch.testing.assert_close(
        reached(dual, direction)[tight],
        torch.full_like(dual.offset, delta)[tight],
        rtol=1e-8,
        atol=0,
    )
    assert bool((reached(dual, direction) <= delta * (1 + 1e-8)).all())


@given(
    seed=st.integers(0, 10**6),
    shift=st.floats(-100, 100),
    scale=st.floats(0.01, 100),
    direction=st.sampled_from(["backward", "forward"]),
)
@settings(max_examples=30, deadline=None)
def test_targets_ignore_the_unit_and_the_zero_of_rewards(seed, shift, scale, direction):
    rewards = torch.randn(3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    plain = solve_dual(rewards, delta_kl=0.1, lambda_min=1e-6, direction=direction)
    moved = solve_dual(rewards * scale + shift, delta_kl=0.1, lambda_min=1e-6, direction=direction)
    torch.testing.assert_close(moved.target, plain.target, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(moved.multiplier, plain.multiplier * scale, rtol=1e-7, atol=0)
    torch.testing.assert_close(moved.offset, plain.offset * scale + shift, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("direction", ["backward", "forward"])
def test_small_radius_is_grpos_normalisation(direction):
    torch.manual_seed(2)
    rewards = torch.cat([torch.randn(3, 8, dtype=torch.float64), HALF_RIGHT])
    for delta in (1e-6, 1e-8):
        dual = solve_dual(rewards, delta_kl=delta, direction=direction)
        sigma = rewards.std(-1, correction=0)
        first_order = math.sqrt(2 * delta)
        torch.testing.assert_close(
            dual.multiplier, sigma / first_order, rtol=2 * first_order, atol=0
        )
        standard = (rewards - rewards.mean(-1, keepdim=True)) / sigma.unsqueeze(-1)
        torch.testing.assert_close(
            dual.target / first_order, standard, rtol=0, atol=8 * first_order
        )


def test_a_radius_out_of_reach_stops_at_the_floor_and_says_so():
    rewards = torch.tensor([[1.0] * 6 + [0.0] * 2, [1.0] + [0.0] * 7], dtype=torch.float64)
    reach = math.log(8 / 6)
    below = solve_dual(rewards, delta_kl=reach * 0.99, lambda_min=1e-2)
    above = solve_dual(rewards, delta_kl=reach * 1.01, lambda_min=1e-2)
    assert below.floored.tolist() == [False, False]
    assert above.floored.tolist() == [True, False]
    assert above.multiplier[0].item() == 1e-2
    torch.testing.assert_close(above.target[0], (rewards[0] - above.offset[0]) / 1e-2)
    assert reached(above, "backward")[0].item() == pytest.approx(reach, abs=1e-12)
    assert not solve_dual(rewards, delta_kl=5.0, direction="forward").floored.any()


def test_a_root_below_the_floor_is_floored_too():
    dual = solve_dual(HALF_RIGHT * 1e-4, delta_kl=0.1, lambda_min=1e-2)
    assert dual.floored.item() and dual.multiplier.item() == 1e-2
    assert reached(dual, "backward").item() < 0.1


@pytest.mark.parametrize("direction", ["backward", "forward"])
def test_equal_rewards_teach_nothing(direction):
    rewards = torch.tensor([[0.3] * 5, [-2.0] * 5, [0.0, 0.0, 1.0, 0.0, 0.0]])
    dual = solve_dual(rewards, delta_kl=0.1, direction=direction)
    assert dual.multiplier[:2].tolist() == [0.0, 0.0]
    assert torch.equal(dual.offset[:2], rewards[:2, 0])
    assert bool((dual.target[:2] == 0).all()) and not dual.floored.any()
    assert dual.multiplier[2] > 0
    one = solve_dual(torch.tensor([[1.0], [4.0]]), delta_kl=0.1, direction=direction)
    assert one.multiplier.tolist() == [0.0, 0.0] and one.target.tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize("direction", ["backward", "forward"])
@pytest.mark.parametrize("delta", [1e-12, 50.0, 1e5])
def test_extreme_radii_stay_finite(direction, delta):
    dual = solve_dual(
        torch.tensor([[0.0, 1.0, 1.0, -3.0]], dtype=torch.float64),
        delta_kl=delta,
        direction=direction,
    )
    for value in (dual.multiplier, dual.offset, dual.target):
        assert bool(torch.isfinite(value).all())


@pytest.mark.parametrize(
    ("dtype", "rewards", "delta", "floored"),
    [
        (torch.float64, [0.0, 1.0], 149.0, False),
        (torch.float64, [0.0, 1.0], 151.0, True),
        (torch.float64, [0.0, 1.0, 1.0, 1.0], 74.0, False),
        (torch.float64, [0.0, 1.0, 1.0, 1.0], 76.0, True),
        (torch.float32, [0.0, 1.0], 40.0, False),
        (torch.float32, [0.0, 1.0], 100.0, True),
        (torch.bfloat16, [0.0, 1.0], 100.0, True),
    ],
)
def test_a_forward_radius_beyond_the_type_is_floored_and_lambda_stays_above_0(
    dtype, rewards, delta, floored
):
    dual = solve_dual(torch.tensor([rewards], dtype=dtype), delta_kl=delta, direction="forward")
    assert dual.floored.item() is floored and dual.multiplier.item() > 0
    kl = reached(dual, "forward").item()
    assert kl < delta if floored else kl == pytest.approx(delta, rel=1e-5)
    assert bool(torch.isfinite(dual.target).all())


def test_precision_follows_the_rewards():
    assert solve_dual(HALF_RIGHT, delta_kl=0.1).target.dtype == torch.float64
    for dtype in (torch.float32, torch.bfloat16):
        dual = solve_dual(HALF_RIGHT.to(dtype), delta_kl=0.1)
        assert dual.target.dtype == dual.multiplier.dtype == torch.float32
        torch.testing.assert_close(
            dual.target.double(), solve_dual(HALF_RIGHT, delta_kl=0.1).target, rtol=1e-6, atol=0
        )


# --- realised KL
# --------------------------------------------------------------------------------------------------


def true_kl(multiplier: Tensor, success: float) -> Tensor:
    """KL between the tilted and the true policy of a prompt with rewards 0 and 1."""
    up, z = torch.exp(1 / multiplier), 1 + success * torch.expm1(1 / multiplier)
    right = success * up / z
    return right * (up / z).log() - (1 - right) * z.log()


def realised(size: int, success: float) -> tuple[float, float]:
    """Exact mean and spread, over the groups that teach, of the true KL to which a group's own
    multiplier leads."""
    k = torch.arange(1, size, dtype=torch.float64)
    rewards = (torch.arange(size) < k.unsqueeze(-1)).double()
    kl = true_kl(solve_dual(rewards, delta_kl=0.1).multiplier, success)
    chance = (
        torch.distributions.Binomial(size, torch.tensor(success, dtype=torch.float64))
        .log_prob(k)
        .softmax(-1)
    )
    mean = (chance * kl).sum()
    return mean.item(), (chance * (kl - mean) ** 2).sum().sqrt().item()


def test_realised_kl_is_near_the_radius_for_easy_and_hard_prompts_in_large_groups():
    for success in (0.1, 0.5, 0.8):
        mean, spread = realised(256, success)
        assert mean == pytest.approx(0.1, abs=0.005) and spread < 0.04
        assert abs(realised(8, success)[0] - 0.1) > abs(mean - 0.1)


def test_realised_kl_of_groups_of_eight_is_above_the_radius():
    assert realised(8, 0.5)[0] == pytest.approx(0.126, abs=5e-4)


# --- the fixed point, on a policy that can be enumerated
# --------------------------------------------------------------

END = 2
CHOICES = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64)


class Tree:
    """Every completion of at most three tokens of {0, 1, end}, each as often as μ draws it in 64.

    The conditionals of μ are halves and quarters, so the 64 rows are its exact distribution: a mean
    over them is an expectation under μ. Lengths are ragged.
    """

    def __init__(self) -> None:
        torch.manual_seed(3)
        prefixes = [p for n in range(3) for p in itertools.product((0, 1), repeat=n)]
        state = {prefix: i for i, prefix in enumerate(prefixes)}
        order = torch.stack([torch.randperm(3) for _ in prefixes])
        self.mu = CHOICES[order]
        rows = []
        for prefix in [*prefixes, *itertools.product((0, 1), repeat=3)]:
            tokens = (*prefix, END) if len(prefix) < 3 else prefix
            path = [state[tokens[:t]] for t in range(len(tokens))]
            copies = round(
                64 * math.prod(self.mu[s, y].item() for s, y in zip(path, tokens, strict=True))
            )
            pad = 3 - len(tokens)
            rows += [((*path, *[0] * pad), (*tokens, *[0] * pad), len(tokens))] * copies
        self.states = torch.tensor([r[0] for r in rows])
        self.tokens = torch.tensor([r[1] for r in rows])
        self.mask = torch.arange(3) < torch.tensor([r[2] for r in rows]).unsqueeze(-1)
        names = [tuple(row) for row in self.tokens.tolist()]
        value = {name: torch.randn((), dtype=torch.float64).item() for name in sorted(set(names))}
        self.rewards = torch.tensor([value[name] for name in names], dtype=torch.float64)
        assert len(rows) == 64

    def logp(self, logits: Tensor) -> Tensor:
        return torch.log_softmax(logits, -1)[self.states, self.tokens]

    def descend(self, form: str, direction: str, steps: int) -> Tensor:
        """[64] the whole completions' log-ratio where descent on the loss comes to rest."""
        logits = self.mu.log().requires_grad_()
        rollout = self.logp(self.mu.log())
        for _ in range(steps):
            loss = quatro_loss(
                self.logp(logits),
                rollout,
                rewards=self.rewards,
                group=torch.zeros(64, dtype=torch.int),
                mask=self.mask,
                form=form,
                direction=direction,
            )
            total = aggregate(loss.per_token, self.mask, "seq-mean-token-sum")
            (gradient,) = torch.autograd.grad(total, logits)
            reach = torch.zeros(len(logits), 1, dtype=torch.float64)
            reach.index_add_(
                0, self.states[self.mask], torch.full((int(self.mask.sum()), 1), 1 / 64).double()
            )
            with torch.no_grad():
                logits -= 0.5 * gradient / reach
        return ((self.logp(logits) - rollout) * self.mask).sum(-1).detach()


TREE = Tree()


@pytest.mark.parametrize("direction", ["backward", "forward"])
@pytest.mark.parametrize("form", ["ratio", "exact", "regression"])
def test_descent_ends_at_the_exact_optimum(form, direction):
    dual = solve_dual(TREE.rewards.unsqueeze(0), delta_kl=0.1, direction=direction)
    log_ratio = TREE.descend(form, direction, 150)
    torch.testing.assert_close(log_ratio, dual.target[0], rtol=0, atol=1e-6)
    kl = (log_ratio.exp() * log_ratio).mean() if direction == "backward" else -log_ratio.mean()
    assert kl.item() == pytest.approx(0.1, abs=1e-6)


def test_only_regression_moves_when_the_offset_is_wrong(monkeypatch):
    target = solve_dual(TREE.rewards.unsqueeze(0), delta_kl=0.1).target[0]
    right = quatro.solve_dual

    def off(rewards, **settings):
        dual = right(rewards, **settings)
        return replace(dual, target=dual.target + 0.3)

    monkeypatch.setattr(quatro, "solve_dual", off)
    for form in ("ratio", "exact"):
        torch.testing.assert_close(TREE.descend(form, "backward", 150), target, rtol=0, atol=1e-6)
    assert (TREE.descend("regression", "backward", 150) - target).abs().max() > 1e-2


# --- the loss
# --------------------------------------------------------------------------------------------------


def drawn(seed: int = 0, prompts: int = 3, size: int = 4, length: int = 5):
    g = torch.Generator().manual_seed(seed)
    shape = (prompts * size, length)
    logp = -1 - torch.rand(shape, dtype=torch.float64, generator=g) * 3
    rollout = logp + torch.randn(shape, dtype=torch.float64, generator=g) * 0.2
    mask = torch.arange(length) < torch.randint(1, length + 1, (len(logp), 1), generator=g)
    rewards = torch.randn(len(logp), dtype=torch.float64, generator=g)
    group = torch.arange(prompts).repeat(size)  # rows of a prompt need not be adjacent
    return logp.requires_grad_(), rollout, rewards, group, mask


@pytest.mark.parametrize("direction", ["backward", "forward"])
@pytest.mark.parametrize("form", ["ratio", "exact", "regression"])
def test_weight_is_the_formula_and_autograd_agrees(form, direction):
    logp, rollout, rewards, group, mask = drawn()
    loss = quatro_loss(
        logp, rollout, rewards=rewards, group=group, mask=mask, form=form, direction=direction
    )
    (gradient,) = torch.autograd.grad(loss.per_token.sum(), logp)
    torch.testing.assert_close(gradient, -loss.diagnostics["weight"], rtol=0, atol=1e-12)

    ratio = (logp.detach() - rollout).exp()
    for i in range(len(logp)):
        mates = (group == group[i]).nonzero().squeeze(-1)
        dual = solve_dual(rewards[mates].unsqueeze(0), delta_kl=0.1, direction=direction)
        multiplier, offset = dual.multiplier[0], dual.offset[0]
        target = dual.target[0, (mates == i).nonzero().item()]
        whole = (logp[i].detach() - rollout[i])[mask[i]].sum()
        bracket = rewards[i] - offset - multiplier * whole
        if direction == "forward":
            bracket = multiplier * (torch.log(multiplier / (offset - rewards[i])) - whole)
        for t in range(logp.shape[1]):
            h = {"ratio": ratio[i, t], "exact": whole.exp(), "regression": 1.0}[form]
            expected = h * bracket
            if form == "exact" and direction == "forward":
                expected = whole.exp() * (rewards[i] - offset) + multiplier
            got = loss.diagnostics["weight"][i, t]
            assert got.item() == pytest.approx(float(expected) if mask[i, t] else 0.0, abs=1e-12)
            if mask[i, t]:
                assert loss.diagnostics["target"][i, t].item() == pytest.approx(
                    target.item(), abs=1e-12
                )
                assert loss.diagnostics["log_ratio_seq"][i, t].item() == pytest.approx(
                    whole.item(), abs=1e-12
                )


def test_an_overshot_target_is_pulled_back_at_any_ratio():
    rollout = torch.full((2, 1), -6.0, dtype=torch.float64)
    rewards = torch.tensor([1.0, 0.0], dtype=torch.float64)
    target = solve_dual(rewards.unsqueeze(0), delta_kl=0.1).target[0, 0].item()
    for log_ratio, sign in [
        (0.0, 1),
        (target - 1e-3, 1),
        (target + 1e-3, -1),
        (1.0, -1),
        (5.0, -1),
    ]:
        logp = rollout + torch.tensor([[log_ratio], [0.0]], dtype=torch.float64)
        loss = quatro_loss(
            logp, rollout, rewards=rewards, group=torch.zeros(2, dtype=torch.int), mask=logp < 0
        )
        assert math.copysign(1, loss.diagnostics["weight"][0, 0].item()) == sign


def test_the_weights_variance_does_not_grow_with_length_in_the_ratio_form():
    # Per-token log-ratios of sd .1 that are a ratio of distributions (mean -.005): var r_t is
    # e^.01 - 1, and the variance of e^l over 300 tokens is e^3 - 1.
    torch.manual_seed(4)
    log_ratio = 0.1 * torch.randn(20_000, 300) - 0.005
    assert log_ratio[:, 0].exp().var().item() == pytest.approx(math.expm1(0.01), rel=0.05)
    assert log_ratio.sum(-1).exp().var().item() > 5


def test_kept_is_false_where_the_group_teaches_nothing():
    logp, rollout, rewards, group, mask = drawn()
    rewards = rewards.masked_fill(group == 1, 0.5)
    loss = quatro_loss(logp, rollout, rewards=rewards, group=group, mask=mask)
    assert torch.equal(loss.diagnostics["kept"], mask & (group != 1).unsqueeze(-1))
    assert bool((loss.diagnostics["weight"][group == 1] == 0).all())
    assert bool((loss.per_token[group == 1] == 0).all())


def test_floored_groups_are_reported():
    logp, rollout, _, group, mask = drawn()
    rewards = torch.tensor(
        [1.0, 0.0, 1.0] * 3 + [0.0, 1.0, 1.0], dtype=torch.float64
    )  # 3 of 4, 1 of 4, 4 of 4 right
    loss = quatro_loss(logp, rollout, rewards=rewards, group=group, mask=mask, delta_kl=0.3)
    assert torch.equal(loss.diagnostics["floored"], mask & (group == 0).unsqueeze(-1))


def test_groups_of_unequal_size_are_each_solved():
    logp, rollout, rewards, _, mask = drawn()
    group = torch.tensor([7, 7, 7, 7, 7, 0, 0, -3, 0, 42, 42, 42])
    together = quatro_loss(logp, rollout, rewards=rewards, group=group, mask=mask)
    for name in (7, 0, -3, 42):
        rows = group == name
        alone = quatro_loss(
            logp[rows], rollout[rows], rewards=rewards[rows], group=group[rows], mask=mask[rows]
        )
        torch.testing.assert_close(
            together.per_token[rows], alone.per_token, rtol=1e-12, atol=1e-12
        )
    assert not together.diagnostics["kept"][7].any()  # a group of one has nothing to compare with


def test_a_completion_masked_as_a_whole_is_in_no_group():
    logp, rollout, rewards, group, mask = drawn()
    mask[4] = False
    spoilt = rewards.clone()
    spoilt[4] = math.nan
    full = quatro_loss(logp, rollout, rewards=spoilt, group=group, mask=mask)
    rest = torch.arange(len(logp)) != 4
    alone = quatro_loss(
        logp[rest], rollout[rest], rewards=rewards[rest], group=group[rest], mask=mask[rest]
    )
    torch.testing.assert_close(full.per_token[rest], alone.per_token, rtol=1e-12, atol=1e-12)


def test_what_is_masked_does_not_leak():
    logp, rollout, rewards, group, mask = drawn()
    clean = quatro_loss(logp, rollout, rewards=rewards, group=group, mask=mask)
    dirty_logp = logp.detach().masked_fill(~mask, math.nan).requires_grad_()
    dirty = quatro_loss(
        dirty_logp, rollout.masked_fill(~mask, -math.inf), rewards=rewards, group=group, mask=mask
    )
    assert torch.equal(clean.per_token, dirty.per_token)
    (gradient,) = torch.autograd.grad(dirty.per_token.sum(), dirty_logp)
    assert bool((gradient[~mask] == 0).all()) and bool(torch.isfinite(gradient).all())


def test_nothing_unmasked_is_zero_with_zero_gradient():
    logp, rollout, rewards, group, mask = drawn()
    loss = quatro_loss(logp, rollout, rewards=rewards, group=group, mask=torch.zeros_like(mask))
    (gradient,) = torch.autograd.grad(loss.per_token.sum(), logp)
    assert bool((loss.per_token == 0).all()) and bool((gradient == 0).all())


def test_huge_log_ratios_stay_finite():
    logp = torch.tensor([[-1.0, -200.0], [-1.0, -1.0]], requires_grad=True)
    rollout = torch.tensor([[-200.0, -1.0], [-300.0, -300.0]])
    rewards, group = torch.tensor([1.0, 0.0]), torch.zeros(2, dtype=torch.int)
    for form in ("ratio", "exact", "regression"):
        loss = quatro_loss(
            logp, rollout, rewards=rewards, group=group, mask=logp.isfinite(), form=form
        )
        assert bool(torch.isfinite(loss.per_token).all())


# --- the method
# --------------------------------------------------------------------------------------------------


def batch_of(rollout: Tensor, rewards: Tensor, group: Tensor, mask: Tensor) -> Batch:
    zero = torch.zeros_like(mask)
    return Batch(
        tokens=zero.int(),
        mask=mask,
        forced=zero,
        rewards=rewards,
        group=group,
        ended=mask[:, 0],
        horizon=5,
        logp_rollout=rollout,
    )


def test_method_is_the_function_with_its_settings():
    logp, rollout, rewards, group, mask = drawn()
    batch = batch_of(rollout, rewards, group, mask)
    method = QUATRO(delta_kl=0.3, lambda_min=0.02, form="exact", direction="forward")
    got = method.objective(Scores(logp), method.prepare(batch))
    expected = quatro_loss(
        logp,
        rollout,
        rewards=rewards,
        group=group,
        mask=mask,
        delta_kl=0.3,
        lambda_min=0.02,
        form="exact",
        direction="forward",
    )
    assert torch.equal(got.per_token, expected.per_token)
    assert method.needs("rollout") == Needs()
    assert QUATRO.anchor == "rollout"
    # Aggregated as the sum over tokens, mean over completions.
    assert method.loss(got.per_token, batch).item() == pytest.approx(
        got.per_token.sum().item() / len(logp)
    )


@pytest.mark.parametrize("direction", ["backward", "forward"])
def test_prepared_advantages_are_the_bracket_before_any_update(direction):
    _, rollout, rewards, group, mask = drawn()
    mask[:, 0] = True
    method = QUATRO(direction=direction)
    batch = method.prepare(batch_of(rollout, rewards, group, mask))
    first = method.objective(Scores(rollout.clone()), batch).diagnostics["weight"]
    torch.testing.assert_close(batch.advantages.masked_fill(~mask, 0.0), first, rtol=1e-12, atol=0)
    if direction == "backward":
        offset = solve_dual(rewards[group == 2].unsqueeze(0), delta_kl=0.1).offset
        torch.testing.assert_close(batch.advantages[group == 2, 0], rewards[group == 2] - offset)


def test_senseless_combinations_say_why():
    with pytest.raises(ValueError, match=r"advantage: .*raw rewards.*'group-std'"):
        QUATRO(advantage="group-std")
    with pytest.raises(ValueError, match=r"correction: .*policy that sampled"):
        QUATRO(correction=Correction())


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"delta_kl": 0.0}, "delta_kl"),
        ({"delta_kl": -1.0}, "delta_kl"),
        ({"delta_kl": math.inf}, "delta_kl"),
        ({"delta_kl": math.nan}, "delta_kl"),
        ({"lambda_min": 0.0}, "lambda_min"),
        ({"form": "mean"}, "form"),
        ({"direction": "both"}, "direction"),
    ],
)
def test_meaningless_settings_are_named(wrong, message):
    logp, rollout, rewards, group, mask = drawn()
    with pytest.raises(ValueError, match=message):
        quatro_loss(logp, rollout, rewards=rewards, group=group, mask=mask, **wrong)
    with pytest.raises(ValueError, match=message):
        QUATRO(**wrong)
    if "form" not in wrong:
        with pytest.raises(ValueError, match=message):
            solve_dual(rewards.view(3, 4), **{"delta_kl": 0.1, **wrong})


def test_bad_arguments_are_named():
    logp, rollout, rewards, group, mask = drawn()
    good = {"rewards": rewards, "group": group, "mask": mask}
    for wrong, error, message in [
        ({"rewards": rewards[:-1]}, ValueError, r"rewards: expected \[B\] = \[12\], got \[11\]"),
        ({"rewards": rewards.int()}, TypeError, "rewards"),
        (
            {"rewards": rewards.masked_fill(group == 0, math.nan)},
            ValueError,
            "rewards: expected finite",
        ),
        ({"group": group.float()}, TypeError, "group"),
        ({"group": group[:2]}, ValueError, "group"),
        ({"mask": mask.int()}, TypeError, "mask"),
    ]:
        with pytest.raises(error, match=message):
            quatro_loss(logp, rollout, **{**good, **wrong})
    with pytest.raises(ValueError, match="logp_rollout"):
        quatro_loss(logp, rollout[:, :2], **good)
    with pytest.raises(ValueError, match=r"rewards: expected \[N, G\]"):
        solve_dual(rewards, delta_kl=0.1)
