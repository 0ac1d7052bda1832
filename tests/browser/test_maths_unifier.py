"""The unifier's solutions in Chromium: each the optimum that trlib's dual, scipy's linear programs or a general solver
finds for the same bandit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import brentq, linprog, minimize

from tests.browser.test_maths_simplex import measured, radii
from trlib.algorithms.quatro import solve_dual

MATHS = "unifier/maths.js"
DELTAS = [0.002, 0.05, 0.3, 1.2]
BANDITS = [
    ([0.3, 0.25, 0.2, 0.15, 0.1], [0.1, 0.4, 0.35, 0.7, 1.0]),
    ([0.1, 0.2, 0.05, 0.3, 0.25, 0.1], [0.9, 0.2, 0.5, 0.5, 0.1, 0.3]),
    ([0.05, 0.35, 0.3, 0.2, 0.05, 0.04, 0.01], [0.2, 0.6, 0.3, 0.5, 0.0, 0.7, 1.0]),
    ([0.25, 0.25, 0.25, 0.15, 0.1], [1.0, 0.0, 1.0, 0.0, 0.5]),
    ([0.995, 0.002, 0.001, 0.001, 0.001], [0.5, 0.2, 0.9, 0.1, 0.3]),
]
CASES = [(q, rewards, delta) for q, rewards in BANDITS for delta in DELTAS]


@pytest.fixture(scope="module")
def solved(sources: Callable[..., Any]) -> list[dict[str, Any]]:
    """Every case's solutions, by key."""
    return sources(MATHS, "(m, cases) => cases.map(([q, R, delta]) => Object.fromEntries(m.KEYS.map(key => {"
                          "const { pi, gain, used, lambda, offset, ratio } = m.solve(key, q, R, delta);"
                          "return [key, { pi, gain, used, lambda, offset, ratio }]; })))", CASES)


def test_every_solution_is_a_policy_inside_its_region(solved: list[dict[str, Any]]) -> None:
    for (old, rewards, delta), found in zip(CASES, solved, strict=True):
        q, limits = torch.tensor(old, dtype=torch.float64), radii(delta, len(old))
        for key, one in found.items():
            pi = torch.tensor(one["pi"], dtype=torch.float64)
            assert pi.min() >= 0 and float(pi.sum()) == pytest.approx(1, abs=1e-12), key
            assert one["gain"] == pytest.approx(float(np.dot(rewards, one["pi"]) - np.dot(rewards, old)), abs=1e-12)
            assert one["ratio"] == pytest.approx((pi / q).tolist())
            spent = float(measured(pi.clamp(min=1e-300)[None], q[None])[key][0])
            if one["used"]:
                assert spent == pytest.approx(limits[key], rel=1e-9), (key, "the whole radius is used")
            else:
                assert spent <= limits[key] * (1 + 1e-9), key
                assert sum(p for p, r in zip(one["pi"], rewards, strict=True) if r == max(rewards)) == pytest.approx(1)


@pytest.mark.parametrize(("key", "direction"), [("kl_new_old", "backward"), ("kl_old_new", "forward")])
def test_both_kl_agree_with_trlib(solved: list[dict[str, Any]], key: str, direction: Any) -> None:
    """trlib solves it for a group of samples: an old policy in steps of 0.01 is a group of a hundred, some alike."""
    for (old, rewards, delta), found in zip(CASES, solved, strict=True):
        counts = [round(100 * share) for share in old]
        one = found[key]
        if counts != pytest.approx([100 * share for share in old]) or not one["used"]:
            continue
        group = torch.tensor(rewards, dtype=torch.float64).repeat_interleave(torch.tensor(counts))
        dual = solve_dual(group[None], delta_kl=delta, lambda_min=1e-9, direction=direction)
        first = np.cumsum([0, *counts[:-1]])
        assert np.log(one["ratio"]) == pytest.approx(dual.target[0, first].numpy(), rel=1e-9, abs=1e-9)
        assert one["lambda"] == pytest.approx(float(dual.multiplier), rel=1e-9)
        assert one["offset"] == pytest.approx(float(dual.offset), rel=1e-9)


def test_the_tilt_s_multiplier_is_brentq_s(solved: list[dict[str, Any]]) -> None:
    for (old, rewards, delta), found in zip(CASES, solved, strict=True):
        q, reward, one = np.array(old), np.array(rewards), found["kl_new_old"]

        def spent(log_lambda: float, q: np.ndarray = q, reward: np.ndarray = reward) -> float:
            slope = (reward - reward.max()) / math.exp(log_lambda)
            return float((q * np.exp(slope) * slope).sum() / (z := (q * np.exp(slope)).sum()) - math.log(z))

        if not one["used"]:
            assert delta >= -math.log(q[reward == reward.max()].sum()) and one["lambda"] == 0
            continue
        root = brentq(lambda x, delta=delta, spent=spent: spent(x) - delta, -6, 8, xtol=1e-14, rtol=1e-14)
        assert math.log(one["lambda"]) == pytest.approx(root, abs=1e-9)


def linear(key: str, old: list[float], rewards: list[float], limit: float) -> float:
    """The gain of a linear program: variables are a transport plan, or the policy with its absolute changes."""
    n, q, reward = len(old), np.array(old), np.array(rewards)
    if key == "wasserstein":
        places = np.arange(n)
        far = np.abs(places[:, None] - places[None]).ravel()
        gain = (reward[None] - reward[:, None]).ravel()
        found = linprog(-gain, A_ub=[far], b_ub=[limit], A_eq=np.kron(np.eye(n), np.ones(n)), b_eq=q)
    elif key == "tv":
        found = linprog(np.concatenate([-reward, reward]), A_ub=[[1.0] * n + [0.0] * n], b_ub=[limit],
                        A_eq=[[1.0] * n + [-1.0] * n], b_eq=[0], bounds=[(0, None)] * n + [(0, share) for share in q])
    else:
        box = [(share * max(0, 1 - limit), share * (1 + limit)) for share in q]
        found = linprog(-reward, A_eq=[[1.0] * n], b_eq=[1], bounds=box)
        return float(-found.fun - q @ reward)
    return float(-found.fun)


@pytest.mark.parametrize("key", ["tv", "ratio", "wasserstein"])
def test_linear_regions_agree_with_linprog(solved: list[dict[str, Any]], key: str) -> None:
    for (old, rewards, delta), found in zip(CASES, solved, strict=True):
        limit = radii(delta, len(old))[key]
        assert found[key]["gain"] == pytest.approx(linear(key, old, rewards, limit), rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("key", ["chi2", "euclid", "kl_new_old", "kl_old_new"])
def test_curved_regions_agree_with_a_general_solver(solved: list[dict[str, Any]], key: str) -> None:
    """SLSQP stops earlier than we do: it may not find more, and finds nearly as much."""
    for (old, rewards, delta), found in zip(CASES, solved, strict=True):
        q, reward = np.array(old), np.array(rewards)
        limit = radii(delta, len(old))[key]
        if min(old) < 0.01:
            continue  # badly scaled for it

        def room(x: np.ndarray, q: np.ndarray = q, limit: float = limit) -> float:
            p = np.clip(x, 1e-300, None)
            spent = {"chi2": ((p - q) ** 2 / q).sum(), "euclid": ((p - q) ** 2).sum(),
                     "kl_new_old": (p * np.log(p / q)).sum(), "kl_old_new": (q * np.log(q / p)).sum()}[key]
            return float((limit ** 2 if key == "euclid" else limit) - spent)

        best = minimize(lambda x, reward=reward: -reward @ x, q, method="SLSQP", bounds=[(1e-12, 1)] * len(q),
                        constraints=[{"type": "eq", "fun": lambda x: x.sum() - 1}, {"type": "ineq", "fun": room}],
                        options={"ftol": 1e-14, "maxiter": 500})
        assert found[key]["gain"] == pytest.approx(-best.fun - float(q @ reward), abs=2e-7), (old, delta)


def test_the_natural_step_is_grpo_s_to_first_order(solved: list[dict[str, Any]]) -> None:
    """log r = √(2δ) (R - mean)/σ + a constant, and every curved region comes to it as the radius shrinks."""
    for (old, rewards, delta), found in zip(CASES, solved, strict=True):
        q, reward = np.array(old), np.array(rewards)
        rho = math.sqrt(2 * delta)
        z = (reward - q @ reward) / math.sqrt(q @ (reward - q @ reward) ** 2)
        log_ratio = np.log(found["fisher"]["ratio"])
        assert log_ratio - log_ratio[0] == pytest.approx(rho * (z - z[0]), rel=1e-9, abs=1e-12)
        if delta == min(DELTAS) and np.abs(z).max() < 3:
            for key in ("kl_new_old", "kl_old_new", "chi2"):
                assert np.array(found[key]["ratio"]) - 1 == pytest.approx(rho * z, abs=1.5 * (rho * z).max() ** 2)


def test_no_other_optimum_is_inside_and_better(sources: Callable[..., Any]) -> None:
    """Random bandits, rare arms and ties among them: each optimum is tried against all others, also pulled back toward
    the old policy, wherever they lie inside its region."""
    draw = np.random.default_rng(5)
    cases = []
    for _ in range(80):
        n = int(draw.integers(5, 8))
        q = np.maximum(draw.dirichlet(np.full(n, draw.choice([0.3, 1, 5]))), 0.001)
        cases.append(((q / q.sum()).tolist(), draw.random(n).round(int(draw.integers(1, 3))).tolist(),
                      float(10 ** draw.uniform(-3, 0.3))))
    found = sources(MATHS, "(m, cases) => cases.map(([q, R, delta]) => m.KEYS.map(key => m.solve(key, q, R, delta))"
                           ".map(({ key, pi, gain }) => [key, pi, gain]))", cases)
    inside = 0
    for (old, rewards, delta), solutions in zip(cases, found, strict=True):
        q, limits = torch.tensor(old, dtype=torch.float64), radii(delta, len(old))
        rivals = torch.tensor([pi for _, pi, _ in solutions], dtype=torch.float64)
        rivals = torch.cat([q + share * (rivals - q) for share in (1.0, 0.9, 0.6, 0.3)]).clamp(min=1e-300)
        spent, gains = measured(rivals, q.expand_as(rivals)), (rivals - q) @ torch.tensor(rewards, dtype=torch.float64)
        for key, _, gain in solutions:
            if key != "fisher":
                allowed = gains[spent[key] <= limits[key] * (1 - 1e-9)]
                inside += len(allowed)
                assert allowed.max() <= gain + 1e-9, (key, old, rewards, delta)
    assert inside > 5000


def test_equal_rewards_move_nothing(sources: Callable[..., Any]) -> None:
    found = sources(MATHS, "(m) => m.KEYS.map(key => m.solve(key, [.2, .3, .5], [.4, .4, .4], .1))")
    assert [(one["pi"], one["gain"]) for one in found] == [([0.2, 0.3, 0.5], 0)] * len(found)
