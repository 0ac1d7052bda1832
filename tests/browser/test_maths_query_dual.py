"""The numbers of `query_dual` against `trlib.algorithms.quatro`: roots, targets, the dual's curve,
its first order."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from scipy.optimize import brentq

from trlib.algorithms.quatro import solve_dual

D = torch.float64
GROUPS = [
    [1.0] + 7 * [0.0],
    7 * [1.0] + [0.0],
    15 * [1.0] + [0.0],
    [0.0, 1.0],
    [0.2, 0.9, 0.9, 0.35, 0.0],
    4 * [1.0] + 4 * [0.0],
    [0.5, 0.51],
]
RADII = (1e-4, 0.02, 0.1, 1.0)
CALL = """(m, [groups, radii, direction]) => groups.map(rewards => radii.map(delta => {
    const found = m.solve(rewards, { delta, lambda_min: 0.01, direction });
    return { ...found, first: m.firstOrder(rewards, delta), reach: m.reach(rewards),
        reward: m.rewardAt(rewards, found.target),
        at: [0.03, 0.4, 1, 7, 60].map(x => m.atMultiplier(rewards, x, delta, direction)),
        root: m.atMultiplier(rewards, found.multiplier, delta, direction) };
}))"""
near = {"rel": 1e-9, "abs": 1e-9}


def curve(
    rewards: list[float], multiplier: float, delta: float, direction: str
) -> tuple[list[float], float, float]:
    """Targets, KL and dual at a multiplier, from the chapter's formulas; ν by scipy."""
    r = torch.tensor(rewards, dtype=D)
    if direction == "backward":
        offset = float(multiplier * (torch.logsumexp(r / multiplier, 0) - math.log(len(rewards))))
        t = (r - offset) / multiplier
        return t.tolist(), float((t.exp() * t).mean()), multiplier * delta + offset
    most = max(rewards)
    nu = most + brentq(
        lambda g: sum(multiplier / (g + most - x) for x in rewards) / len(rewards) - 1,
        1e-3 * multiplier,
        1.1 * multiplier,
        xtol=1e-15,
        rtol=1e-14,
    )
    t = (multiplier / (nu - r)).log()
    return t.tolist(), float(-t.mean()), float(nu - multiplier + multiplier * (t.mean() + delta))


@pytest.mark.parametrize("direction", ["backward", "forward"])
def test_roots_targets_and_the_duals_curve_are_those_of_trlib(
    sources: Callable[..., Any], direction: str
) -> None:
    got = sources("query_dual/maths.js", CALL, [GROUPS, RADII, direction])
    for rewards, row in zip(GROUPS, got, strict=True):
        for delta, found in zip(RADII, row, strict=True):
            want = solve_dual(torch.tensor([rewards], dtype=D), delta_kl=delta, direction=direction)
            assert found["multiplier"] == pytest.approx(want.multiplier.item(), **near), (
                rewards,
                delta,
            )
            assert found["target"] == pytest.approx(want.target[0].tolist(), **near), (
                rewards,
                delta,
            )
            assert found["floored"] == want.floored.item()
            mean_reward = float((torch.tensor(rewards, dtype=D) * want.target[0].exp()).mean())
            assert found["reward"] == pytest.approx(mean_reward, **near)
            for multiplier, at in zip((0.03, 0.4, 1, 7, 60), found["at"], strict=True):
                target, spent, dual = curve(rewards, multiplier, delta, direction)
                assert at["target"] == pytest.approx(target, rel=1e-9, abs=1e-8), (
                    rewards,
                    delta,
                    multiplier,
                )
                assert at["spent"] == pytest.approx(spent, **near) and at["dual"] == pytest.approx(
                    dual, **near
                )
                if not found["floored"]:
                    assert at["dual"] >= found["root"]["dual"] - 1e-12, (
                        "the root is where the dual is lowest"
                    )
            if not found["floored"]:
                assert found["root"]["spent"] == pytest.approx(delta, **near)
                assert found["root"]["dual"] == pytest.approx(mean_reward, **near), (
                    "what the radius can buy"
                )


def test_a_small_radius_is_grpo_and_the_group_bounds_the_divergence(
    sources: Callable[..., Any],
) -> None:
    for direction in ("backward", "forward"):
        for rewards, row in zip(
            GROUPS, sources("query_dual/maths.js", CALL, [GROUPS, RADII, direction]), strict=True
        ):
            r = torch.tensor(rewards, dtype=D)
            for delta, found in zip(RADII, row, strict=True):
                first = math.sqrt(2 * delta) * (r - r.mean()) / r.std(correction=0)
                assert found["first"] == pytest.approx(first.tolist(), **near)
                assert found["reach"] == pytest.approx(
                    math.log(len(rewards) / rewards.count(max(rewards))), **near
                )
            assert row[0]["target"] == pytest.approx(row[0]["first"], abs=2e-3)


def test_equal_rewards_and_a_radius_of_nothing(sources: Callable[..., Any]) -> None:
    call = """(m, [rewards, delta]) => {
        const found = m.solve(rewards, { delta, lambda_min: 0.01, direction: "backward" });
        return [String(found.multiplier), found.target, m.firstOrder(rewards, delta)]; }"""
    assert sources("query_dual/maths.js", call, [[1, 1, 1], 0.1]) == ["0", [0, 0, 0], [0, 0, 0]]
    assert sources("query_dual/maths.js", call, [[1, 0, 1], 0])[:2] == ["Infinity", [0, 0, 0]]
    assert solve_dual(torch.ones(1, 3), delta_kl=0.1).target.tolist() == [[0, 0, 0]]
    with pytest.raises(ValueError, match="delta_kl"):
        solve_dual(torch.ones(1, 3), delta_kl=0.0)
