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

from tests.losses import D, batch, close, noise, refused, slope, tensor
from trlib.aggregation import aggregate
from trlib.algorithms import Correction, Needs, Scores, quatro
from trlib.algorithms.quatro import QUATRO, Dual, quatro_loss, solve_dual

HALF_RIGHT = tensor([[1.0] * 4 + [0.0] * 4])
both_ways = pytest.mark.parametrize("direction", ["backward", "forward"])
every_form = pytest.mark.parametrize("form", ["ratio", "exact", "regression"])


def reached(dual: Dual, direction: str) -> Tensor:
    """[N] the divergence between the targets' policy and the uniform sample, summed so that no term
    cancels."""
    t = dual.target
    return (
        (t * t.exp() - torch.expm1(t)).mean(-1)
        if direction == "backward"
        else (torch.expm1(t) - t).mean(-1)
    )


def vars_of(dual: Dual) -> tuple[Tensor, Tensor, Tensor]:
    return dual.multiplier, dual.offset, dual.target


# --- the dual
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direction", "multiplier", "right", "wrong"),
    [("backward", 1.0599, 0.364, -0.579), ("forward", 0.9615, 0.355, -0.555)],
)
def test_numbers_of_a_group_that_is_half_right(direction, multiplier, right, wrong):
    dual = solve_dual(HALF_RIGHT, delta_kl=0.1, direction=direction)
    close(dual.multiplier, [multiplier], 5e-5)
    close(dual.target[0, [0, 7]], [right, wrong], 5e-4)
    assert not dual.floored.any()
    if direction == "forward":
        close(dual.offset, [1.6744], 5e-5)


@pytest.mark.parametrize("delta", [1e-4, 0.02, 0.1, 0.5])
def test_backward_root_is_scipys(delta):
    rewards = noise(6, 12) * torch.logspace(-1, 4, 6, dtype=D).unsqueeze(-1)
    dual = solve_dual(rewards, delta_kl=delta, lambda_min=1e-4)
    for row, multiplier, offset, target in zip(rewards, *vars_of(dual), strict=True):
        top, span, n = float(row.max()), float(row.max() - row.min()), len(row)

        def dual_slope(multiplier, row=row, n=n):
            u = (row / multiplier).softmax(-1)
            return delta - float(torch.xlogy(u, n * u).sum())

        root = brentq(dual_slope, span * 1e-3, span * 1e3, xtol=1e-14 * span, rtol=1e-14)
        assert multiplier.item() == pytest.approx(root, rel=1e-8)
        expected = root * float(((row - top) / root).exp().mean().log()) + top
        assert offset.item() == pytest.approx(expected, rel=1e-8, abs=1e-8 * span)
        close(target, (row - expected) / root, 1e-8)


@pytest.mark.parametrize("delta", [1e-4, 0.1, 3.0])
def test_forward_roots_are_scipys(delta):
    rewards = noise(4, 9, seed=1) * tensor([[0.1], [1.0], [30.0], [1e4]])
    dual = solve_dual(rewards, delta_kl=delta, direction="forward")
    for row, multiplier, offset, _ in zip(rewards, *vars_of(dual), strict=True):
        top, span = float(row.max()), float(row.max() - row.min())

        def shares(log_g, row=row, top=top):
            return 1 / (math.exp(log_g) + (top - row))

        def excess(log_g, shares=shares):
            share = shares(log_g)
            return delta + float((share / share.mean()).log().mean())

        log_g = brentq(excess, math.log(span) - 15, math.log(span) + 10, xtol=1e-14)
        expected = 1 / float(shares(log_g).mean())
        assert multiplier.item() == pytest.approx(expected, rel=1e-8)
        expected = top + math.exp(log_g)
        assert offset.item() == pytest.approx(expected, rel=1e-8, abs=1e-8 * span)


@given(
    seed=st.integers(0, 10**6),
    log_delta=st.floats(-12, 1),
    log_scale=st.floats(-3, 3),
    binary=st.booleans(),
    direction=st.sampled_from(["backward", "forward"]),
)
@settings(max_examples=60, deadline=None)
def test_the_targets_are_a_policy_at_the_radius(seed, log_delta, log_scale, binary, direction):
    rewards = noise(5, 16, seed=seed)
    rewards = (rewards > 0.5).double() if binary else rewards
    delta = math.exp(log_delta)
    dual = solve_dual(rewards * 10**log_scale, delta_kl=delta, lambda_min=1e-7, direction=direction)
    live = dual.multiplier > 0
    assert torch.equal(live, (rewards != rewards[:, :1]).any(-1))
    torch.testing.assert_close(
        dual.target.exp().mean(-1), torch.ones(5, dtype=D), rtol=1e-9, atol=0
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
    rewards = noise(3, 6, seed=seed)
    plain = solve_dual(rewards, delta_kl=0.1, lambda_min=1e-6, direction=direction)
    moved = solve_dual(rewards * scale + shift, delta_kl=0.1, lambda_min=1e-6, direction=direction)
    close(moved.target, plain.target, 1e-7)
    torch.testing.assert_close(moved.multiplier, plain.multiplier * scale, rtol=1e-7, atol=0)
    close(moved.offset, plain.offset * scale + shift, 1e-7)


@both_ways
def test_small_radius_is_grpos_normalisation(direction):
    rewards = torch.cat([noise(3, 8, seed=2), HALF_RIGHT])
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
    rewards = tensor([[1.0] * 6 + [0.0] * 2, [1.0] + [0.0] * 7])
    reach = math.log(8 / 6)
    below = solve_dual(rewards, delta_kl=reach * 0.99, lambda_min=1e-2)
    above = solve_dual(rewards, delta_kl=reach * 1.01, lambda_min=1e-2)
    assert below.floored.tolist() == [False, False]
    assert above.floored.tolist() == [True, False]
    assert above.multiplier[0].item() == 1e-2
    close(above.target[0], (rewards[0] - above.offset[0]) / 1e-2)
    close(reached(above, "backward")[0], reach)
    assert not solve_dual(rewards, delta_kl=5.0, direction="forward").floored.any()


def test_a_root_below_the_floor_is_floored_too():
    dual = solve_dual(HALF_RIGHT * 1e-4, delta_kl=0.1, lambda_min=1e-2)
    assert dual.floored.item() and dual.multiplier.item() == 1e-2
    assert reached(dual, "backward").item() < 0.1


@both_ways
def test_equal_rewards_teach_nothing(direction):
    rewards = torch.tensor([[0.3] * 5, [-2.0] * 5, [0.0, 0.0, 1.0, 0.0, 0.0]])
    dual = solve_dual(rewards, delta_kl=0.1, direction=direction)
    assert dual.multiplier[:2].tolist() == [0.0, 0.0]
    assert torch.equal(dual.offset[:2], rewards[:2, 0])
    assert bool((dual.target[:2] == 0).all()) and not dual.floored.any()
    assert dual.multiplier[2] > 0
    one = solve_dual(torch.tensor([[1.0], [4.0]]), delta_kl=0.1, direction=direction)
    assert one.multiplier.tolist() == [0.0, 0.0] and one.target.tolist() == [[0.0], [0.0]]


@both_ways
@pytest.mark.parametrize("delta", [1e-12, 50.0, 1e5])
def test_extreme_radii_stay_finite(direction, delta):
    dual = solve_dual(
        tensor([[0.0, 1.0, 1.0, -3.0]]),
        delta_kl=delta,
        direction=direction,
    )
    for value in (dual.multiplier, dual.offset, dual.target):
        assert bool(torch.isfinite(value).all())


@pytest.mark.parametrize(
    ("dtype", "rewards", "delta", "floored"),
    [
        (D, [0.0, 1.0], 149.0, False),
        (D, [0.0, 1.0], 151.0, True),
        (D, [0.0, 1.0, 1.0, 1.0], 74.0, False),
        (D, [0.0, 1.0, 1.0, 1.0], 76.0, True),
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
    assert solve_dual(HALF_RIGHT, delta_kl=0.1).target.dtype == D
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
    k = torch.arange(1, size, dtype=D)
    rewards = (torch.arange(size) < k.unsqueeze(-1)).double()
    kl = true_kl(solve_dual(rewards, delta_kl=0.1).multiplier, success)
    chance = torch.distributions.Binomial(size, tensor(success)).log_prob(k).softmax(-1)
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
CHOICES = tensor([0.5, 0.25, 0.25])


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
        value = {name: torch.randn((), dtype=D).item() for name in sorted(set(names))}
        self.rewards = tensor([value[name] for name in names])
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
            reach = torch.zeros(len(logits), 1, dtype=D)
            reach.index_add_(
                0, self.states[self.mask], torch.full((int(self.mask.sum()), 1), 1 / 64).double()
            )
            with torch.no_grad():
                logits -= 0.5 * gradient / reach
        return ((self.logp(logits) - rollout) * self.mask).sum(-1).detach()


TREE = Tree()


@both_ways
@every_form
def test_descent_ends_at_the_exact_optimum(form, direction):
    dual = solve_dual(TREE.rewards.unsqueeze(0), delta_kl=0.1, direction=direction)
    log_ratio = TREE.descend(form, direction, 150)
    close(log_ratio, dual.target[0], 1e-6)
    kl = (log_ratio.exp() * log_ratio).mean() if direction == "backward" else -log_ratio.mean()
    close(kl, 0.1, 1e-6)


def test_only_regression_moves_when_the_offset_is_wrong(monkeypatch):
    target = solve_dual(TREE.rewards.unsqueeze(0), delta_kl=0.1).target[0]
    right = quatro.solve_dual

    def off(rewards, **settings):
        dual = right(rewards, **settings)
        return replace(dual, target=dual.target + 0.3)

    monkeypatch.setattr(quatro, "solve_dual", off)
    for form in ("ratio", "exact"):
        close(TREE.descend(form, "backward", 150), target, 1e-6)
    assert (TREE.descend("regression", "backward", 150) - target).abs().max() > 1e-2


# --- the loss
# --------------------------------------------------------------------------------------------------


def drawn(**changes) -> dict[str, Tensor]:
    """Three prompts of four completions, whose rows are not adjacent, and ragged tokens."""
    draw = torch.Generator().manual_seed(0)
    logp = -1 - noise(12, 5, seed=1).abs()
    known = {
        "logp": logp.requires_grad_(),
        "logp_rollout": logp.detach() + 0.2 * noise(12, 5, seed=2),
        "rewards": noise(12, seed=3),
        "group": torch.arange(3).repeat(4),
        "mask": torch.arange(5) < torch.randint(1, 6, (12, 1), generator=draw),
    }
    return known | changes


@both_ways
@every_form
def test_weight_is_the_formula_and_autograd_agrees(form, direction):
    b = drawn()
    loss = quatro_loss(**b, form=form, direction=direction)
    close(slope(loss.per_token, b["logp"]), -loss.diagnostics["weight"], 1e-12)

    log_ratio = (b["logp"].detach() - b["logp_rollout"]).masked_fill(~b["mask"], 0.0)
    whole = log_ratio.sum(-1)
    for prompt in range(3):
        mates = b["group"] == prompt
        rewards, total = b["rewards"][mates], whole[mates]
        dual = solve_dual(rewards.unsqueeze(0), delta_kl=0.1, direction=direction)
        multiplier, offset = dual.multiplier[0], dual.offset[0]
        bracket = rewards - offset - multiplier * total
        if direction == "forward":
            bracket = multiplier * ((multiplier / (offset - rewards)).log() - total)
        h = {"ratio": log_ratio[mates].exp(), "exact": total.exp()[:, None], "regression": 1.0}[
            form
        ]
        expected = h * bracket[:, None]
        if form == "exact" and direction == "forward":
            expected = (total.exp() * (rewards - offset) + multiplier)[:, None]
        for name, values in (
            ("weight", expected),
            ("target", dual.target[0][:, None]),
            ("log_ratio_seq", total[:, None]),
        ):
            found, mask = loss.diagnostics[name][mates], b["mask"][mates]
            close(found[mask], values.expand(found.shape)[mask], 1e-12)


def test_an_overshot_target_is_pulled_back_at_any_ratio():
    rollout, rewards = torch.full((2, 1), -6.0, dtype=D), tensor([1.0, 0.0])
    target = solve_dual(rewards.unsqueeze(0), delta_kl=0.1).target[0, 0].item()
    given = {"rewards": rewards, "group": torch.zeros(2, dtype=torch.int), "mask": rollout < 0}
    for log_ratio, sign in ((0.0, 1), (target - 1e-3, 1), (target + 1e-3, -1), (1, -1), (5, -1)):
        loss = quatro_loss(rollout + tensor([[log_ratio], [0.0]]), rollout, **given)
        assert math.copysign(1, loss.diagnostics["weight"][0, 0].item()) == sign


def test_kept_is_false_where_the_group_teaches_nothing_and_floored_where_it_ends_at_the_floor():
    b = drawn()
    other = b["group"] != 1
    b["rewards"] = b["rewards"].where(other, 0.5)
    loss = quatro_loss(**b)
    assert torch.equal(loss.diagnostics["kept"], b["mask"] & other.unsqueeze(-1))
    assert (loss.diagnostics["weight"][~other] == 0).all() and (loss.per_token[~other] == 0).all()
    # 3 of 4, 1 of 4, 4 of 4 right
    b["rewards"] = tensor([1.0, 0.0, 1.0] * 3 + [0.0, 1.0, 1.0])
    floored = quatro_loss(**b, delta_kl=0.3).diagnostics["floored"]
    assert torch.equal(floored, b["mask"] & (b["group"] == 0).unsqueeze(-1))


def test_groups_of_unequal_size_are_each_solved():
    b = drawn(group=torch.tensor([7, 7, 7, 7, 7, 0, 0, -3, 0, 42, 42, 42]))
    together = quatro_loss(**b)
    for name in (7, 0, -3, 42):
        rows = b["group"] == name
        alone = quatro_loss(**{k: v[rows] for k, v in b.items()})
        close(together.per_token[rows], alone.per_token)
    assert not together.diagnostics["kept"][7].any()  # a group of one has nothing to compare with


def test_a_completion_masked_as_a_whole_is_in_no_group():
    b = drawn()
    b["mask"][4] = False
    rest = torch.arange(12) != 4
    full = quatro_loss(**b | {"rewards": b["rewards"].where(rest, math.nan)})
    alone = quatro_loss(**{k: v[rest] for k, v in b.items()})
    close(full.per_token[rest], alone.per_token)


@every_form
def test_huge_log_ratios_stay_finite(form):
    logp = torch.tensor([[-1.0, -200.0], [-1.0, -1.0]])
    rollout = torch.tensor([[-200.0, -1.0], [-300.0, -300.0]])
    given = {"rewards": torch.tensor([1.0, 0.0]), "group": torch.zeros(2, dtype=torch.int)}
    loss = quatro_loss(logp, rollout, **given, mask=logp < 0, form=form)
    assert bool(torch.isfinite(loss.per_token).all())


# --- the method
# --------------------------------------------------------------------------------------------------


def batch_of(b):
    names = ("logp_rollout", "rewards", "group")
    return batch(b["mask"], **{name: b[name] for name in names})


def test_method_is_the_function_with_its_settings():
    b = drawn()
    given = batch_of(b)
    how = {"delta_kl": 0.3, "lambda_min": 0.02, "form": "exact", "direction": "forward"}
    method = QUATRO(**how)
    got = method.objective(Scores(b["logp"]), method.prepare(given)).per_token
    assert torch.equal(got, quatro_loss(**b, **how).per_token)
    assert method.needs("rollout") == Needs()
    # Aggregated as the sum over tokens, mean over completions.
    close(method.loss(got, given), got.detach().sum() / 12)


@both_ways
def test_prepared_advantages_are_the_bracket_before_any_update(direction):
    b = drawn()
    b["mask"][:, 0] = True
    method = QUATRO(direction=direction)
    ready = method.prepare(batch_of(b))
    first = method.objective(Scores(b["logp_rollout"].clone()), ready).diagnostics["weight"]
    close(ready.advantages.masked_fill(~b["mask"], 0.0), first)
    if direction == "backward":
        own = b["group"] == 2
        offset = solve_dual(b["rewards"][own].unsqueeze(0), delta_kl=0.1).offset
        close(ready.advantages[own, 0], b["rewards"][own] - offset)


def test_senseless_combinations_say_why():
    refused(r"advantage: .*raw rewards.*'group-std'", QUATRO, advantage="group-std")
    refused(r"correction: .*policy that sampled", QUATRO, correction=Correction())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rewards": torch.ones(11)}, r"\[B\] = \[12\], got \[11\]"),
        ({"rewards": torch.ones(12).int()}, ""),
        ({"rewards": torch.full((12,), math.nan)}, "finite"),
        ({"group": torch.ones(12)}, ""),
        ({"group": torch.ones(2).int()}, ""),
        ({"logp_rollout": torch.ones(12, 2)}, ""),
    ],
)
def test_bad_arguments_are_named(wrong, message):
    refused(f"{next(iter(wrong))}: expected {message}", quatro_loss, **drawn(**wrong))


def test_a_dual_that_makes_no_sense_is_named():
    rewards = noise(3, 4)
    refused(r"rewards: expected \[N, G\]", solve_dual, rewards[0], delta_kl=0.1)
    for wrong in ({"delta_kl": 0.0}, {"delta_kl": math.nan}, {"lambda_min": 0.0}, {"direction": 1}):
        refused(f"{next(iter(wrong))}: expected", solve_dual, rewards, **{"delta_kl": 0.1, **wrong})
