"""Exercises: right answers are right, wrong ones get the hint that fits, and nothing at all makes a
check raise."""

from __future__ import annotations

import ast
import json
import linecache
import math
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.by_day import by_day
from trbook.bandit import linear_tilt
from trbook.exercises import (
    clipping,
    critic,
    dppo,
    gallery_classical,
    gallery_constraints,
    gallery_finetuning,
    gallery_optimizers,
    gallery_preferences,
    gallery_ratios,
    gallery_regression,
    gallery_transport,
    gallery_values,
    grpo,
    long,
    policies,
    ppo,
    quatro,
    regions,
    scale,
    shoot_out,
    trapo,
    troll,
    trpo,
)
from trbook.exercises.built import Built
from trbook.exercises.check import Draw, Exercise, Mistake, Number, Numbers, mixed_up, run
from trbook.exercises.shoot_out import SweepCheck
from trbook.exercises.verdict import Verdict
from trbook.scale.strange import strange_log
from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.record import RECORDS
from trlib.algorithms import dppo_loss, ppo_loss
from trlib.relatives.classical import affine_scaling
from trlib.relatives.ratios import minpro_loss
from trlib.relatives.values import dvpo_value

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
MODULES = (
    policies,
    regions,
    trpo,
    ppo,
    critic,
    grpo,
    clipping,
    dppo,
    quatro,
    troll,
    trapo,
    scale,
    long,
    shoot_out,
    gallery_classical,
    gallery_constraints,
    gallery_preferences,
    gallery_ratios,
    gallery_regression,
    gallery_transport,
    gallery_values,
    gallery_optimizers,
    gallery_finetuning,
)
CHECKS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": check
    for module in MODULES
    for name, check in vars(module).items()
    if name.startswith("check_")
}
FUNCTIONS = {name: check for name, check in CHECKS.items() if isinstance(check, Exercise)}
NUMBERS = {name: check for name, check in CHECKS.items() if isinstance(check, Numbers)}
SLOW = pytest.mark.nightly(
    "a hundred checks called again and again; the answers of every chapter are tried every time"
)
NIGHTLY = {
    "critic.check_gae",
    "policies.check_update",
    "ppo.check_updates",
    "regions.check_enough",
    "trapo.check_trapo_loss",
    "troll.check_with_rest",
    "trpo.check_natural_step",
}


def each(checks: Mapping[str, Any], *, nightly: Container[str] = NIGHTLY) -> pytest.MarkDecorator:
    """A case for each check, those of `nightly` and of the gallery by night."""
    cases = [
        pytest.param(
            check, id=name, marks=SLOW if name in nightly or name.startswith("gallery_") else ()
        )
        for name, check in checks.items()
    ]
    return pytest.mark.parametrize("check", cases)


each_function = each(FUNCTIONS)
FEW = {"grpo.check_advantages", "dppo.check_kl_of_two", "long.check_prefix"}
"""By day these stand for all where a check is asked again for every argument."""
few_functions = each(FUNCTIONS, nightly=FUNCTIONS.keys() - FEW)


class Hostile:
    """An object that raises whatever is done to it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("leave me alone")

    def __repr__(self) -> str:
        raise RuntimeError("no")


class Silent(Exception):
    def __str__(self) -> str:
        raise ValueError("an error that cannot be printed")


def raising(error: BaseException):
    def answer(*arguments: Any) -> Any:
        raise error

    return answer


def deep(*arguments: Any) -> Any:
    return deep(*arguments)


ANSWERS = [
    None,
    ...,
    0,
    -1.5,
    float("nan"),
    10**400,
    "0.5",
    b"x",
    [],
    {},
    object(),
    Hostile(),
    Hostile,
    int,
    torch.zeros(3),
    torch.tensor([[1.0]]),
    np.zeros(2),
    lambda: 1,
    lambda *a: None,
    lambda *a: ...,
    lambda *a: "text",
    lambda *a: a,
    lambda *a: Hostile(),
    lambda *a: torch.zeros(2, 2),
    lambda *a: [1, [2]],
    lambda *a: [0] * len(a[0]),
    lambda *a: torch.full_like(a[0], torch.nan),
    lambda *a: torch.zeros(len(a[0]), dtype=torch.complex64),
    lambda *a: np.zeros(len(a[0])),
    lambda *a: a[0].zero_(),
    raising(ValueError("shape")),
    raising(SystemExit(1)),
    raising(Silent()),
    deep,
    lambda *a: (x for x in a),
    lambda *a: torch.empty(len(a[0]), device="meta"),
]


@pytest.mark.filterwarnings("ignore")
@each(CHECKS)
def test_no_answer_makes_a_check_raise(check: Any) -> None:
    for answer in ANSWERS:
        for arguments in ((answer,), (answer, answer), (), (answer, 1, 2, 3)):
            verdict = check(*arguments)
            assert isinstance(verdict, Verdict) and not verdict.right
            assert str(verdict).startswith("not yet: ") and len(verdict.message) > 10
    assert not check(nonsense=1).right


@pytest.mark.nightly(
    "sixty random values for a hundred checks; a list of bad answers is tried every time"
)
@pytest.mark.filterwarnings("ignore")
@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
        max_leaves=8,
    )
)
def test_no_value_makes_a_check_raise(value: Any) -> None:
    for check in CHECKS.values():
        assert not check(value).right or value in (10, 3.75, 2)
    for (
        check
    ) in FUNCTIONS.values():  # a check that trains with a function is asked with fewer, above
        assert not check(lambda *a: value).right


def advantages(rewards: Any, group: Any) -> Any:
    out = torch.zeros_like(rewards)
    for g in group.unique():
        own = rewards[group == g]
        out[group == g] = (own - own.mean()) / (own.std() + 1e-4)
    return out


def without_floor(rewards: Any, group: Any) -> Any:
    return torch.stack(
        [
            (r - rewards[group == g].mean()) / rewards[group == g].std()
            for r, g in zip(rewards, group, strict=True)
        ]
    )


def loss(logp: Any, logp_old: Any, A: Any, low: float, high: float) -> Any:
    ratio = torch.exp(logp - logp_old)
    return -torch.minimum(ratio * A, ratio.clamp(1 - low, 1 + high) * A)


def silent(ratio: Any, A: Any, low: float, high: float) -> Any:
    return ((A > 0) & (ratio > 1 + high)) | ((A < 0) & (ratio < 1 - low))


def test_right_answers_are_right() -> None:
    assert grpo.check_advantages(advantages)
    assert grpo.check_advantages(lambda r, g: advantages(r, g).numpy())
    assert grpo.check_advantages(lambda r, g: advantages(r, g).tolist())
    assert grpo.check_clipped_loss(loss)
    assert grpo.check_silenced(silent)
    assert grpo.check_silenced(
        lambda r, A, low, high: torch.where(A > 0, r > 1 + high, r < 1 - low).int()
    )
    assert grpo.check_length_bias(10, 1)
    assert grpo.check_length_bias(torch.tensor(10.0), np.float64(1))
    rewards = torch.tensor([1.0] + [0.0] * 15)
    assert grpo.check_rare_success((1 - rewards.mean()) / rewards.std(), 1 - rewards.mean())


def middle(runs: Any) -> Any:
    cut = len(runs) // 4
    return runs.sort().values[cut : len(runs) - cut].mean()


def corrected(p: Any) -> Any:
    order = p.argsort()
    out = torch.empty_like(p)
    out[order] = (p[order] * torch.arange(len(p), 0, -1)).clamp(max=1).cummax(0).values
    return out


def taken(accuracy: Any, kl: Any, near: float) -> Any:
    good = [i for i, a in enumerate(accuracy.tolist()) if a >= max(accuracy.tolist()) - near]
    return torch.tensor(min(good, key=lambda i: float(kl[i])))


def of_ones_own(**changes: Any) -> Sweep:
    usual: dict[str, Any] = {
        "variants": [Variant("ppo"), Variant("ppo", {"eps_high": 0.5}, label="wide")],
        "seeds": range(500, 508),
        "budget": Budget(steps=5),
        "predictions": [Prediction("wider is better", higher="wide", lower="ppo")],
    }
    return Sweep(text="Does a wider window help?", **{**usual, **changes})


def test_right_answers_of_the_shoot_out_are_right() -> None:
    assert shoot_out.check_interquartile_mean(middle)
    assert shoot_out.check_holm(corrected) and shoot_out.check_choose(taken)
    assert shoot_out.check_choose(lambda *a: int(taken(*a)))
    assert shoot_out.check_rare_token(2e-4, 0.15, 35)
    told = shoot_out.check_sweep(of_ones_own())
    assert told and told.message.startswith("2 arms of 8 seeds are 16 runs")


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({"variants": [Variant("ppo")], "predictions": ()}, "nothing to be compared with"),
        ({"seeds": range(500, 505)}, "`seeds` holds 5"),
        ({"seeds": [500] * 8}, "`seeds` holds 1"),
        ({"seeds": range(8)}, "the book's runs have used seed 0"),
        ({"seeds": range(205, 213)}, "have used seed 205"),
        ({"predictions": ()}, "`predictions` is empty"),
        ({"predictions": [Prediction("x", higher="wide", lower="pop")]}, "did you mean 'ppo'?"),
        (
            {"variants": [Variant("ppo"), Variant("ppo", {"eps": 1}, label="wide")]},
            "did you mean 'eps_low'?",
        ),
        ({"axes": [Axis("epochs", range(1, 8))]}, "14 arms are too many"),
    ],
)
def test_a_sweep_that_answers_nothing_is_told_why(changes: dict, hint: str) -> None:
    verdict = shoot_out.check_sweep(of_ones_own(**changes))
    assert not verdict and hint in verdict.message, verdict


def test_a_sweep_whose_runs_fail_is_not_yet_right() -> None:
    failing = SweepCheck("?", lambda sweep: [("ppo, seed 500", "an error")])
    assert (
        failing(of_ones_own()).message
        == "1 cells failed at smoke size, the first (ppo, seed 500) with an error"
    )
    assert (
        shoot_out.check_sweep("ppo").message == "expected a `Sweep(...)` here, but this is a str."
    )


def test_the_shoot_out_s_seeds_are_those_of_the_records() -> None:
    used = {
        seed
        for path in RECORDS.glob("*/runs.csv.xz")
        for seed in pd.read_csv(path, usecols=["seed"])["seed"]
    }
    assert used and used <= shoot_out.USED


def test_right_answers_of_the_classical_branch_are_right() -> None:
    def edge(x: Any, d: Any, radius: float) -> Any:
        low, high = 0.0, 1e3
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if (x + middle * d).norm() < radius else (low, middle)
        return x + low * d

    assert gallery_classical.check_to_the_edge(edge) and gallery_classical.check_coleman_li(
        affine_scaling
    )
    assert gallery_classical.check_rare_arm(0.01 / 0.5, (0.01 / 0.5) ** 2)


def test_right_answers_of_chapter_1_are_right() -> None:
    assert policies.check_two_arms(
        lambda theta, left, right: (left - right) / (2 + 2 * torch.cosh(theta))
    )
    p, score = 0.25, torch.tensor([0.75, -0.25])
    chance, reward = torch.tensor([p, 1 - p]), torch.tensor([1.0, 0.0])
    variances = [
        float(chance @ (step - chance @ step) ** 2)
        for step in (reward * score, (reward - p) * score)
    ]
    assert policies.check_variance(*variances)
    assert policies.check_logs(1, 2, 3)
    assert policies.check_update(reinforce)


def reinforce(policy: Any, optimizer: Any, batch: Any, rewards: Any) -> None:
    groups = rewards.view(-1, 8)
    A = (groups - groups.mean(1, keepdim=True)).flatten()
    optimizer.zero_grad()
    (-(A[:, None] * policy.score(batch).logp)[batch.mask].sum() / len(rewards)).backward()
    optimizer.step()


def natural(product: Any, g: Any, delta: float, products: int) -> Any:
    x, residual, direction = 0 * g, g, g
    for _ in range(products):
        along = product(direction)
        length = residual @ residual / (direction @ along)
        x, new = x + length * direction, residual - length * along
        direction, residual = new + (new @ new) / (residual @ residual) * direction, new
    return (2 * delta / (x @ g)) ** 0.5 * x  # x'Fx is x'g for conjugate gradients


@pytest.mark.nightly("eight natural steps; exercises of a chapter take its solution every time")
def test_right_answers_of_chapter_3_are_right() -> None:
    assert trpo.check_logs(2, 1, 3)
    assert trpo.check_natural_step(natural)
    for answer, hint in (
        (
            lambda product, g, delta, products: g[:3],
            "a tensor of the shape [124224], but your function returns the",
        ),
        (lambda *a: "step", "but your function returns a str"),
        (lambda *a: None, "returns nothing yet"),
        (lambda product, g, delta, products: 0 * g, "the policy's parameters have not moved"),
        (lambda product, g, delta, products: g / 0, "NaN or infinite"),
        (lambda product, g, delta: g, "takes 3 positional arguments but 4 were given"),
        (
            lambda *a: 1.01 * natural(*a),
            "update 1 of 2 is off: it moves the parameters 1.01 times as far",
        ),
    ):
        assert hint in trpo.check_natural_step(answer).message


BUILT = {name: check for name, check in CHECKS.items() if isinstance(check, Built)}


@each(BUILT)
def test_what_the_reader_built_is_told_from_every_mistake(check: Built) -> None:
    assert check(check.truth).right
    assert len(check.mistakes) >= 8 and len({mistake.hint for mistake in check.mistakes}) == len(
        check.mistakes
    )
    for mistake in check.mistakes:
        assert check(mistake.function).message == mistake.hint, mistake.name


def test_what_the_reader_built_is_told_where_it_is_off() -> None:
    def late(policy: Any, optimizer: Any, batch: Any, rewards: Any) -> None:
        reinforce(policy, optimizer, batch, rewards**2 + 0.3 * (batch.group > 1))
        with torch.no_grad():
            policy.parameters[0].mul_(1.001)

    told = policies.check_update(late).message
    assert told.startswith("update 1 of 3 is off: it moves the parameters ") and "cosine" in told

    def lost(policy: Any, *rest: Any) -> None:
        with torch.no_grad():
            policy.parameters[0].fill_(torch.nan)

    assert "NaN" in policies.check_update(lost).message


def test_right_answers_of_the_gallery_s_ratios_are_right() -> None:
    def prefix(ratio: Any, mask: Any) -> Any:
        out = torch.zeros_like(ratio)
        for row, own in enumerate(mask.bool()):
            r = ratio[row, own]
            out[row, own] = r * torch.tensor([1.0, *(float(r[:t].min()) for t in range(1, len(r)))])
        return out

    assert gallery_ratios.check_prefix(prefix)
    for case in gallery_ratios.check_prefix.cases:
        own = case["mask"].bool()
        old = torch.full_like(case["ratio"], -9.0)
        found = minpro_loss(old + case["ratio"].log(), old, advantages=old, mask=own).diagnostics[
            "prefix"
        ]
        torch.testing.assert_close(
            gallery_ratios.check_prefix.truth(**case), found.masked_fill(~own, 0.0)
        )
    assert gallery_ratios.check_linear_tilt(linear_tilt)
    assert gallery_ratios.check_turn(1 - 0.06 / 0.08, 1 / 0.4)


def test_right_answers_of_the_gallery_s_values_are_right() -> None:
    assert gallery_values.check_baseline(
        lambda R, n: torch.linalg.lstsq(n[:, None], (n * R)[:, None]).solution[0, 0]
    )

    def value(q: Any, alpha: float, c_low: float, c_up: float) -> Any:
        m, off = q[len(q) // 2], []
        for i, x in enumerate(q):
            level = (i + 0.5) / len(q)
            off.append((c_low if level < alpha else c_up if level > 1 - alpha else 1) * (x - m))
        return m + sum(off) / len(q)

    assert gallery_values.check_value(value)
    for case in gallery_values.check_value.cases:
        torch.testing.assert_close(
            gallery_values.check_value.truth(**case),
            dvpo_value(
                case["quantiles"], **{name: case[name] for name in case if name != "quantiles"}
            ),
        )


def clipped_weight(r: Any, A: Any, low: float, high: float, dual: float) -> Any:
    silenced = ((A > 0) & (r > 1 + high)) | ((A < 0) & ((r < 1 - low) | (r > dual)))
    return torch.where(silenced, 0, r * A)


def backwards(rewards: Any, values: Any, gamma: float, lam: float) -> Any:
    out, later, value = [], 0.0, 0.0
    for R, V in zip(reversed(rewards.tolist()), reversed(values.tolist()), strict=True):
        later, value = R + gamma * value - V + gamma * lam * later, V
        out.append(later)
    return out[::-1]


def test_right_answers_of_chapter_7_are_right() -> None:
    def topk_tv(q: Any, p: Any, y: Any, k: int) -> Any:
        ids = q.argsort(descending=True)[:k]
        ids[k - 1] = ids[k - 1] if y in ids else y
        return ((q[ids] - p[ids]).abs().sum() + (q[ids].sum() - p[ids].sum()).abs()) / 2

    assert dppo.check_silenced(
        lambda p, q, A, delta: ((p - q).abs() > delta) & ((p > q) == (A > 0))
    )
    assert dppo.check_kl_of_two(
        lambda q, p: q * (q / p).log() + (1 - q) * ((1 - q) / (1 - p)).log()
    )
    assert dppo.check_topk_tv(topk_tv)
    assert dppo.check_room(0.001 * 1.2, 0.001 + 0.15, 0.99 * 0.8, 0.99 - 0.15)


def five_updates(logits: Any, tokens: Any, A: Any, epochs: int, lr: float) -> Any:
    """With an optimiser of torch."""
    logits = torch.nn.Parameter(logits)
    optimizer = torch.optim.SGD([logits], lr=lr)
    old = torch.log_softmax(logits, 0)[tokens].detach()
    for _ in range(epochs):
        optimizer.zero_grad()
        loss(torch.log_softmax(logits, 0)[tokens], old, A, 0.2, 0.2).mean().backward()
        optimizer.step()
    return logits


def test_right_answers_of_chapter_4_are_right() -> None:
    assert ppo.check_weight(clipped_weight)
    for case in ppo.check_weight.cases:
        r, A = case["ratio"], case["advantages"]
        found = ppo_loss(
            r.log()[None] - 9,
            torch.full_like(r, -9.0)[None],
            advantages=A[None],
            mask=A[None].bool(),
            **{name: case[name] for name in ("eps_low", "eps_high", "dual_clip")},
        )
        edges = 1 + case["eps_high"], 1 - case["eps_low"], case["dual_clip"]
        inside = torch.stack([(r - edge).abs() > 1e-6 for edge in edges]).all(
            0
        )  # exp(log r) misses an edge by a bit
        weight = found.diagnostics["weight"][0]
        torch.testing.assert_close(weight[inside], ppo.check_weight.truth(**case)[inside])
    assert critic.check_gae(backwards)
    assert critic.check_log(180, 75, 100) and critic.check_log(180.4, 74.97, 100.0)
    assert ppo.check_updates(five_updates)
    verdict = ppo.check_loss(
        lambda new, old, A, mask: (loss(new, old, A, 0.2, 0.2) * mask).sum() / mask.sum()
    )
    assert (
        verdict
        and "Three batches of `dial` with your function gave the library's run" in verdict.message
    )
    assert critic.check_value_loss(
        lambda V, old, R, c: ((V - R) ** 2).maximum((V.clamp(old - c, old + c) - R) ** 2).mul(0.5)
    )
    assert ppo.check_units(-0.5 * np.log1p(-0.01), np.sqrt(-np.expm1(-0.02)))
    assert critic.check_lambda(1, 0.95**8)


def kept_and_dropped(q: Any, p: Any, A: Any, eps: float, delta: float) -> Any:
    return torch.where(
        A > 0,
        (p > (1 + eps) * q) & (p <= q + delta),
        (A < 0) & (p < (1 - eps) * q) & (p >= q - delta),
    )


def drawn_from(logits: Any, temperature: float, k: int) -> Any:
    best, where = (logits / temperature).topk(k, -1)
    return torch.zeros_like(logits).scatter(-1, where, best.softmax(-1))


def test_right_answers_of_chapter_6_are_right() -> None:
    assert clipping.check_room(lambda q, eps: (q * (1 + eps)).clamp(max=1) - q)
    assert clipping.check_dropped(kept_and_dropped)
    for case in clipping.check_dropped.cases:
        q, p, A = (case[name][None] for name in ("q", "p", "advantages"))
        kept = [
            loss(p.log(), q.log(), advantages=A, mask=A.bool(), **given).diagnostics["kept"][0]
            for loss, given in (
                (ppo_loss, {"eps_low": case["eps"], "eps_high": case["eps"]}),
                (dppo_loss, {"delta_tv": case["delta"]}),
            )
        ]
        assert (~kept[0] & kept[1]).equal(clipping.check_dropped.truth(**case))
    assert clipping.check_weight(
        lambda new, old, mu, cap: torch.exp(new - old + (old - mu).clamp(max=np.log(cap)))
    )
    assert clipping.check_processed(drawn_from)
    assert clipping.check_logs(2, 3, 1)


def test_no_policy_inside_the_window_is_further_than_chapter_4_says() -> None:
    """Among policies whose ratios lie within ε, two halves at either end are furthest: searched,
    not derived."""
    draw = torch.Generator().manual_seed(0)
    for eps in (0.1, 0.2):
        old = torch.rand(2000, 6, generator=draw, dtype=torch.float64)
        old /= old.sum(-1, keepdim=True)
        ends = 1 + eps * (2.0 * torch.randint(0, 2, (2000, 6), generator=draw).double() - 1)
        off = (old * ends).sum(
            -1, keepdim=True
        ) - 1  # bring the mean back to 1 without leaving the window
        room = torch.where(off > 0, ends - (1 - eps), (1 + eps) - ends)
        r = ends - off * room / (old * room).sum(-1, keepdim=True)
        assert torch.allclose((old * r).sum(-1), torch.ones(2000, dtype=torch.float64))
        assert bool(((r - 1).abs() <= eps + 1e-12).all())
        reached = (-(old * r.log()).sum(-1)).max().item()
        assert 0.9 < reached / (-np.log1p(-(eps**2)) / 2) <= 1 + 1e-12


@few_functions
def test_every_argument_decides_and_an_answer_that_ignores_it_hears_so(check: Exercise) -> None:
    """Whatever number, or whatever other argument of its kind, is written in for an argument: not
    yet, and by name."""
    for place, name in enumerate(check.names):
        assert len(list(check.pairs(name))) >= 3, f"{name} makes no difference on the inputs"
        frozen = [case[name] for case in check.drawn]
        frozen += [0.2] if isinstance(frozen[0], float) else []
        for value in frozen:

            def ignores(*arguments: Any, place: int = place, value: Any = value) -> Any:
                return check.truth(*(value if i == place else a for i, a in enumerate(arguments)))

            def called(*arguments: Any, ignores: Any = ignores, value: Any = value) -> Any:
                same = not isinstance(value, torch.Tensor) or value.shape == arguments[0].shape
                return ignores(*arguments) if same else torch.zeros(len(arguments[0]))

            verdict = check(called)
            assert not verdict and f"`{name}`" in verdict.message, (name, value, verdict)


@each_function
def test_every_mistake_is_caught_and_gets_a_hint_of_its_own(check: Exercise) -> None:
    assert check.mistakes, "typical wrong answers have hints of their own"
    hints = [mistake.hint for mistake in check.mistakes]
    assert len(set(hints)) == len(hints) and len(
        {mistake.name for mistake in check.mistakes}
    ) == len(hints)
    for mistake in check.mistakes:

        def wrong(*arguments: Any, mistake: Mistake = mistake) -> Any:
            return mistake.function(**dict(zip(check.names, arguments, strict=True)))

        assert check(wrong).message == mistake.hint, mistake.name


@few_functions
def test_arguments_that_change_places_are_told_by_name(check: Exercise) -> None:
    automatic = list(mixed_up(check.truth, check.drawn))
    right = outcomes(check, check.truth)
    for mistake in automatic:
        own = outcomes(check, mistake.function)
        if own == right:
            continue  # a symmetric reference
        hints = {
            other.hint
            for other in [*automatic, *check.mistakes]
            if outcomes(check, other.function) == own
        }

        def wrong(*arguments: Any, mistake: Mistake = mistake) -> Any:
            return mistake.function(**dict(zip(check.names, arguments, strict=True)))

        assert check(wrong).message in hints, mistake.name


def outcomes(check: Exercise, function: Any) -> list[Any]:
    return [run(function, case).tolist() for case in check.drawn]


@pytest.mark.parametrize(
    ("low", "high", "hint"),
    [
        (
            lambda low, high: 0.2,
            lambda low, high: 0.2,
            "the same whatever `eps_low` and `eps_high` are",
        ),
        (lambda low, high: 0.2, lambda low, high: high, "the same whatever `eps_low` is"),
        (lambda low, high: low, lambda low, high: 0.28, "the same whatever `eps_high` is"),
        (
            lambda low, high: low,
            lambda low, high: low,
            "`eps_low` is used where `eps_high` belongs",
        ),
        (
            lambda low, high: high,
            lambda low, high: high,
            "`eps_high` is used where `eps_low` belongs",
        ),
        (
            lambda low, high: high,
            lambda low, high: low,
            "`eps_low` and `eps_high` have changed places",
        ),
    ],
)
def test_a_written_in_one_sided_or_swapped_epsilon_is_named(low: Any, high: Any, hint: str) -> None:
    for check, right in ((grpo.check_clipped_loss, loss), (grpo.check_silenced, silent)):
        verdict = check(lambda *a, right=right: right(*a[:-2], low(*a[-2:]), high(*a[-2:])))
        assert not verdict and hint in verdict.message, verdict


@pytest.mark.parametrize(
    ("check", "answer", "hint"),
    [
        (grpo.check_advantages, without_floor, "NaN"),
        (grpo.check_advantages, lambda r, g: (r - r.mean()) / r.std(), "whole batch"),
        (
            grpo.check_advantages,
            lambda r, g: torch.stack(
                [
                    (x - r[g == k].sum().sub(x) / (int((g == k).sum()) - 1))
                    for x, k in zip(r, g, strict=True)
                ]
            ),
            "leave-one-out",
        ),
        (
            grpo.check_advantages,
            lambda r, g: advantages(r, g) * 0 + r,
            "the same whatever `group` is",
        ),
        (
            grpo.check_advantages,
            lambda r, g: 2 * advantages(r, g),
            "With `rewards` = [1, 0, 0, 1, 0] and `group` = [0, 0, 0, 0, 0] your function "
            "returns [2.19, -1.46, -1.46, 2.19, -1.46]. Every entry is off; the entry at index "
            "0, 2.19, is too large.",
        ),
        (
            grpo.check_advantages,
            lambda r, g: advantages(r, g)[:2],
            "the shape [2] instead of [5], with `rewards` of shape [5]",
        ),
        (
            grpo.check_clipped_loss,
            lambda n, o, A, low, high: (
                -torch.minimum((n - o) * A, (n - o).clamp(1 - low, 1 + high) * A)
            ),
            "the ratio is `exp(logp - logp_old)`",
        ),
        (grpo.check_clipped_loss, lambda n, o, *a: loss(o, n, *a), "new over old"),
        (grpo.check_clipped_loss, lambda n, *a: loss(n.detach(), *a), "no gradient"),
        (
            grpo.check_clipped_loss,
            lambda n, *a: loss(n.detach(), *a) + 0 * n,
            "the gradient in `logp` is not",
        ),
        (
            grpo.check_clipped_loss,
            lambda n, o, *a: loss(n, o, *a) + (n - n.detach()) * (o > -1),
            "the gradient in `logp`",
        ),
        (
            grpo.check_cispo,
            lambda n, o, A, low, high: -(n - o).exp().clamp(1 - low, 1 + high) * A * n,
            "fail to detach something that should",
        ),
        (grpo.check_clipped_loss, lambda n, o: n, "takes 2 positional arguments but 5 were given"),
        (
            grpo.check_silenced,
            lambda r, A, low, high: (r > 1 + high) | (r < 1 - low),
            "all tokens outside",
        ),
    ],
)
def test_mistakes_get_their_hint(check: Any, answer: Any, hint: str) -> None:
    verdict = check(answer)
    assert not verdict and hint in verdict.message, verdict


def test_an_exception_is_told_with_the_readers_own_line_and_the_inputs() -> None:
    source = (
        "import torch\n\n\ndef helper(x):\n    return x.nonsense\n\n\ndef silenced(ratio, A, low, "
        "high):\n"
        "    kept = torch.tensor(0)\n    return helper(ratio) + kept\n"
    )
    linecache.cache["<cell 7>"] = (len(source), None, source.splitlines(keepends=True), "<cell 7>")
    space: dict[str, Any] = {}
    exec(compile(source, "<cell 7>", "exec"), space)
    told = grpo.check_silenced(space["silenced"]).message
    assert told.startswith(
        "line 5 of your cell, `return x.nonsense`, raised AttributeError: 'Tensor' object has no "
        "attribute 'nonsense'. It was called with `ratio` = [1, 1.3, 0.7, 1.3, 0.7, 5, 0.01, 1.19, "
    )
    assert "`eps_low` = 0.2 and `eps_high` = 0.2." in told
    # An error deep inside torch is told with the reader's line too.
    inside = source.replace("x.nonsense", "torch.stack(5)")
    linecache.cache["<cell 8>"] = (len(inside), None, inside.splitlines(keepends=True), "<cell 8>")
    exec(compile(inside, "<cell 8>", "exec"), space)
    assert (
        "line 5 of your cell, `return torch.stack(5)`, raised TypeError"
        in grpo.check_silenced(space["silenced"]).message
    )


@pytest.mark.parametrize(
    ("check", "answers", "hint"),
    [
        (grpo.check_length_bias, (None, None), "`grpo` has no answer yet"),
        (grpo.check_length_bias, (7, 1), "7 is too small"),
        (grpo.check_rare_success, (3.75, ...), "`dr_grpo` has no answer yet"),
        (grpo.check_rare_success, (3.75, "much"), "expected a number, but this is a str"),
        (grpo.check_rare_success, (float("nan"), 1), "NaN"),
        (
            grpo.check_rare_success,
            (3.75,),
            "It is called with `grpo` and `dr_grpo`, in this order.",
        ),
    ],
)
def test_numbers_get_their_hint(check: Any, answers: tuple, hint: str) -> None:
    verdict = check(*answers)
    assert not verdict and hint in verdict.message, verdict


@pytest.mark.parametrize("check", NUMBERS.values(), ids=NUMBERS)
def test_every_wrong_number_gets_its_hint_and_none_passes(check: Numbers) -> None:
    right = {name: number.wanted for name, number in check.wanted.items()}
    assert check(**right)
    for name, number in check.wanted.items():
        assert number.mistakes
        for wrong, hint in number.mistakes.items():
            assert check(**{**right, name: wrong}).message == hint
        slack = 2 * (number.rtol or check.rtol)
        for factor in (0.5, 1 - slack, 1 + slack, 2, -1):
            assert not check(**{**right, name: factor * number.wanted})


@pytest.mark.parametrize(
    ("completions", "square"), [(512, 4096 * 0.03**2), (512, math.log(512)), (16, 42.0)]
)
def test_what_a_batch_shows_is_the_mean_of_its_effective_size_and_more_than_the_formula(
    completions, square
) -> None:
    log_w = math.sqrt(square) * torch.randn(
        20_000, completions, generator=torch.Generator().manual_seed(0)
    )
    w = (log_w - log_w.amax(1, keepdim=True)).double().exp()
    size = w.sum(1).square() / w.square().sum(1)
    error = float(size.std()) / math.sqrt(len(size))
    exact = long.shown(completions, math.sqrt(square))
    assert exact == pytest.approx(float(size.mean()), abs=4 * error)
    assert exact > max(1.0, 2 * completions * math.exp(-square))


def test_a_batch_of_many_alike_shows_the_formula() -> None:
    assert long.shown(512, 0.1) == pytest.approx(512 * math.exp(-0.01), rel=1e-3)


def test_a_simulation_of_a_thousand_batches_is_near_enough() -> None:
    """Four standard errors of its mean stay within the check's tolerance."""
    number = long.check_sizes.wanted["shows"]
    log_w = 1.92 * torch.randn(20_000, 512, generator=torch.Generator().manual_seed(1))
    w = log_w.double().exp()
    spread = float((w.sum(1).square() / w.square().sum(1)).std())
    assert number.rtol is not None and 4 * spread / math.sqrt(1000) < number.rtol * number.wanted


def test_praise_says_true_numbers() -> None:
    ratio, sign, low, high = grpo.check_silenced.examples[0]
    assert sum(abs(r - 1) > 0.2 for r in ratio) == 6 and len(ratio) == 9
    assert int(grpo._silenced(torch.tensor(ratio), torch.tensor(sign), low, high).sum()) == 2
    half = torch.tensor([1.0] * 8 + [0.0] * 8)
    assert float((1 - half.mean()) / half.std()) == pytest.approx(0.97, abs=0.005)


def sums(**changes: Any) -> Exercise:
    usual = {
        "truth": lambda values, other: values + other,
        "inputs": lambda draw: (draw.normal(2), draw.normal(2)),
    }
    return Exercise("Is it the sum?", praise="fine", **{**usual, **changes})


def test_an_answer_cannot_change_the_next_case() -> None:
    seen: list[float] = []

    def greedy(values: Any, other: Any) -> Any:
        seen.append(float(values.sum()))
        return values.add_(other)

    assert sums(inputs=lambda draw: (torch.tensor([1.0, 2.0]), draw.normal(2)))(greedy)
    assert set(seen) == {3.0}


def test_a_symmetric_reference_takes_arguments_in_any_order() -> None:
    assert sums()(lambda a, b: b + a)
    assert "`values` is used where `other` belongs" in sums()(lambda a, b: a + a).message


def test_draws_are_the_same_every_time_and_read_well() -> None:
    one, two = (Draw(3) for _ in range(2))
    assert torch.equal(one.uniform(0, 1, 4), two.uniform(0, 1, 4)) and one.number(
        0, 1
    ) == two.number(0, 1)
    values = Draw(0).normal(100)
    torch.testing.assert_close(values, (100 * values).round() / 100, rtol=0, atol=1e-12)
    assert (
        set(Draw(0).integers(2, 5, 100).tolist()) == {2, 3, 4}
        and 0.2 <= Draw(1).number(0.2, 0.3) <= 0.3
    )


def test_verdict_shows_itself() -> None:
    right, wrong = Verdict(True, "well done"), Verdict(False, "1 < 2 & more")
    assert (repr(right), bool(right)) == ("right: well done", True)
    assert (repr(wrong), bool(wrong)) == ("not yet: 1 < 2 & more", False)
    assert "<strong>✓ right:</strong> well done" in right._repr_html_()
    assert "1 &lt; 2 &amp; more" in wrong._repr_html_()
    assert "a <code>x &lt; 1</code> here" in Verdict(False, "a `x < 1` here")._repr_html_()


def test_keyboard_interrupt_is_the_readers_own() -> None:
    with pytest.raises(KeyboardInterrupt):
        grpo.check_silenced(raising(KeyboardInterrupt()))


def test_what_is_no_answer_is_named() -> None:
    assert sums()(None).message == "expected a function here, but this is still empty."
    assert Numbers("x?", praise="", x=Number(1.0, {}))(None).message == "`x` has no answer yet."


def cells(notebook: Path) -> list[dict[str, Any]]:
    return json.loads(notebook.read_text(encoding="utf-8"))["cells"]


def last_value(source: str) -> Any:
    """The value of a cell's last line, in a namespace of its own."""
    tree = ast.parse(source)
    space: dict[str, Any] = {}
    last = tree.body.pop()
    assert isinstance(last, ast.Expr), "an exercise's cell ends with its check"
    exec(compile(tree, "<cell>", "exec"), space)
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), space)


@pytest.mark.parametrize(
    "notebook",
    by_day(
        NOTEBOOKS, *NOTEBOOKS[6:9], reason="runs the exercises of a chapter; three stand for all"
    ),
    ids=lambda path: path.stem,
)
def test_exercises_of_a_chapter_say_not_yet_and_their_solutions_right(notebook: Path) -> None:
    """Cells tagged `exercise` and `solution` come in pairs, each complete in itself, the solution
    folded everywhere."""
    tagged = [
        (tag, cell)
        for cell in cells(notebook)
        for tag in ("exercise", "solution")
        if tag in cell["metadata"].get("tags", [])
    ]
    assert [tag for tag, _ in tagged] == ["exercise", "solution"] * (len(tagged) // 2)
    for tag, cell in tagged:
        verdict = last_value("".join(cell["source"]))
        assert isinstance(verdict, Verdict)
        assert verdict.right == (tag == "solution"), verdict
        # Who runs every cell must not read *right* below an answer that is still empty.
        assert repr(verdict).startswith(
            {"solution": "the solution is right: ", "exercise": "not yet: "}[tag]
        )
        assert ("✓ the solution is right:<" in verdict._repr_html_()) == (tag == "solution")
        if tag == "solution":
            assert "hide-cell" in cell["metadata"]["tags"]
            assert cell["metadata"]["jupyter"] == {"source_hidden": True, "outputs_hidden": True}
            assert cell["metadata"]["cellView"] == "form" and cell["source"][0].startswith(
                "# @title Solution"
            )


def test_every_check_has_a_place_in_a_chapter() -> None:
    text = "".join("".join(cell["source"]) for notebook in NOTEBOOKS for cell in cells(notebook))
    assert [name for name in CHECKS if f"{name.rpartition('.')[2]}(" not in text] == []


def test_checks_say_what_they_ask_and_name_the_readers_arguments() -> None:
    for name, check in CHECKS.items():
        assert repr(check) == check.asks and check.asks.endswith(("?", ".")), name
    for name, check in FUNCTIONS.items():
        bare = name.rpartition(".check_")[2]
        assert f"`{bare.replace('advantages', 'group_advantages')}" in check.asks
        assert f"({', '.join(check.names)})" in check.asks, (
            "arguments of the reference are those of the exercise"
        )


def test_right_answers_of_chapter_12_are_right() -> None:
    assert scale.check_at_once(8, 16)
    assert "power of two" in scale.check_at_once(10, 16).message, (
        "10 fits: that it is too large would be untrue"
    )
    assert scale.check_log(3, 2, 4, 1)
    verdict = scale.check_in_the_loop(score_in_pieces)
    assert verdict and "it held 0.5 MB" in verdict.message, verdict


def test_the_strange_log_shows_what_its_hints_say() -> None:
    log = strange_log()
    assert log["completions"].to_dict() == {"healthy": 128, "A": 128, "B": 128, "C": 128, "D": 64}
    assert log["different prompts"].to_dict() == {"healthy": 16, "A": 16, "B": 8, "C": 16, "D": 8}
    apart = log["mean |log r|"]
    assert (
        0.05 < apart["A"] < 0.2 and apart["C"] < 0.01 and apart[["healthy", "B", "D"]].max() < 1e-5
    )
    changed = log["weights changed"]
    assert 0 < changed["C"] < 0.1 and changed.drop("C").min() > 0.99
    assert log["gradient norm"].between(0.8, 1.2).all(), "the gradient tells none of them"


def score_in_pieces(
    hidden: Any, W: Any, y: Any, chunk: int, last: bool = False, mean: bool = True
) -> Any:
    """Chapter 12's last solution, with two mistakes to switch on."""
    peak, total = torch.full((len(hidden),), -torch.inf), torch.zeros(len(hidden))
    rows = torch.zeros_like(hidden)
    for part in W.split(chunk):
        logits = hidden @ part.T
        higher = torch.maximum(peak, logits.amax(-1))
        keep, p = (peak - higher).exp() * (not last), (logits - higher[:, None]).exp()
        total, rows, peak = total * keep + p.sum(-1), rows * keep[:, None] + p @ part, higher
    if last:
        peak = (hidden @ W.split(chunk)[-1].T).amax(-1)
        total = (hidden @ W.split(chunk)[-1].T - peak[:, None]).exp().sum(-1)
    u = rows / total[:, None] if mean else rows
    return (hidden * W[y]).sum(-1) - peak - total.log(), W[y] - u


def whole_logits(hidden: Any, W: Any, y: Any, chunk: int) -> Any:
    logits = hidden @ W.T
    return logits.log_softmax(-1).gather(1, y[:, None])[:, 0], W[y] - logits.softmax(-1) @ W


def without_a_peak(hidden: Any, W: Any, y: Any, chunk: int) -> Any:
    total = sum((hidden @ part.T).exp().sum(-1) for part in W.split(chunk))
    u = sum((hidden @ part.T).exp() @ part for part in W.split(chunk)) / total[:, None]
    return (hidden * W[y]).sum(-1) - total.log(), W[y] - u


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (whole_logits, "all logits at once"),
        (without_a_peak, "not finite where logits are large"),
        (lambda *a: score_in_pieces(*a, last=True), "of the last piece alone"),
        (lambda *a: score_in_pieces(*a, mean=False), "and is divided by it at the end"),
        (lambda *a: score_in_pieces(*a)[0], "expected two tensors"),
        (lambda *a: score_in_pieces(*a)[::-1], "`logp` has the shape [5, 8]"),
        (lambda h, W, y, c: ((h * W[y]).sum(-1), W[y]), "log Z is not subtracted yet"),
        (lambda h, W, y, c: ((h @ W.T).logsumexp(-1), W[y]), "this is log Z"),
        (lambda *a: (-score_in_pieces(*a)[0], score_in_pieces(*a)[1]), "never above 0"),
        (lambda *a: (score_in_pieces(*a)[0].exp(), score_in_pieces(*a)[1]), "take its logarithm"),
        (lambda h, W, y, c: (score_in_pieces(h, W, y, c)[0], W[y]), "W_y alone"),
        (
            lambda h, W, y, c: (score_in_pieces(h, W, y, c)[0], W[y] - whole_logits(h, W, y, c)[1]),
            "row u; the slope",
        ),
        (lambda *a: (score_in_pieces(*a)[0], -score_in_pieces(*a)[1]), "it is W_y - u"),
        (
            lambda h, W, y, c: (score_in_pieces(h, W, y, c)[0], W[y] - W.mean(0)),
            "counts by its probability",
        ),
        (lambda h, W, y: h, "takes 3 positional arguments but 4 were given"),
        ("score_in_pieces", "expected a function here, but this is a str"),
    ],
)
def test_wrong_answers_in_the_loop_of_chapter_12_hear_why(answer: Any, hint: str) -> None:
    verdict = scale.check_in_the_loop(answer)
    assert not verdict and hint in verdict.message, verdict


def dual_clipped(logp: Any, logp_old: Any, A: Any, low: float, high: float) -> Any:
    return torch.where(
        A < 0,
        torch.minimum(loss(logp, logp_old, A, low, high), -3 * A),
        loss(logp, logp_old, A, low, high),
    )


@pytest.mark.parametrize(
    ("check", "answer", "hint"),
    [
        (grpo.check_clipped_loss, dual_clipped, "this has a dual clip"),
        (
            shoot_out.check_choose,
            lambda accuracy, kl, near: min(
                (i for i in range(len(kl)) if accuracy[i] >= accuracy.max() * (1 - near)),
                key=lambda i: kl[i],
            ),
            "here `near` is a share of the best accuracy",
        ),
    ],
)
def test_answers_that_are_nearly_right_hear_what_is_off(check: Any, answer: Any, hint: str) -> None:
    verdict = check(answer)
    assert not verdict and hint in verdict.message, verdict


def test_an_answer_that_is_right_on_small_inputs_is_also_trained_with() -> None:
    def of_five(new: Any, old: Any, A: Any, mask: Any) -> Any:
        here = loss(new, old, A, 0.2, 0.2) if new.shape[1] == 5 else -(new - old).exp() * A
        return here[mask].mean()

    def raises(new: Any, old: Any, A: Any, mask: Any) -> Any:
        return (loss(new, old, A, 0.2, 0.2) * torch.ones(2, 5))[mask].mean()

    assert "in training it differs from the library" in ppo.check_loss(of_five).message
    assert "fails where it is used" in ppo.check_loss(raises).message


@pytest.mark.parametrize(
    ("check", "answers", "hint"),
    [
        (
            policies.check_variance,
            (0.11, 3 / 64),
            "`without` = 0.11 is rounded too far: give at least 3 significant digits",
        ),
        (
            policies.check_variance,
            (27 / 256, 0.05),
            "`with_baseline` = 0.05 is rounded too far: give at least 2 significant digits",
        ),
        (
            critic.check_lambda,
            (1, 0.66),
            "`first` = 0.66 is rounded too far: give at least 3 significant digits",
        ),
    ],
)
def test_a_number_that_is_rounded_too_far_hears_how_many_digits_it_needs(
    check: Any, answers: Any, hint: str
) -> None:
    assert check(*answers).message.startswith(hint)
    assert "too large" in check(*(10 * one for one in answers)).message
