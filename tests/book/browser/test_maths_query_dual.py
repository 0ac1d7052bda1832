"""The numbers of `query_dual` against `trlib.algorithms.quatro`: roots, targets, what they spend, the
first order."""

import math

import pytest
import torch

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
        spent: m.spentOn(found.target, direction) };
}))"""
near = {"rel": 1e-9, "abs": 1e-9}


@pytest.mark.parametrize("direction", ["backward", "forward"])
def test_roots_targets_and_what_they_spend_are_those_of_trlib(sources, direction):
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
            t = want.target[0]
            spent = (t.exp() * t - t.expm1() if direction == "backward" else t.expm1() - t).mean()
            assert found["spent"] == pytest.approx(spent.item(), **near)
            if not found["floored"]:
                assert found["spent"] == pytest.approx(delta, **near), "the root spends the radius"


def test_a_small_radius_is_grpo_and_the_group_bounds_the_divergence(
    sources,
):
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


def test_equal_rewards_and_a_radius_of_nothing(sources):
    call = """(m, [rewards, delta]) => {
        const found = m.solve(rewards, { delta, lambda_min: 0.01, direction: "backward" });
        return [String(found.multiplier), found.target, m.firstOrder(rewards, delta)]; }"""
    assert sources("query_dual/maths.js", call, [[1, 1, 1], 0.1]) == ["0", [0, 0, 0], [0, 0, 0]]
    assert sources("query_dual/maths.js", call, [[1, 0, 1], 0])[:2] == ["Infinity", [0, 0, 0]]
    assert solve_dual(torch.ones(1, 3), delta_kl=0.1).target.tolist() == [[0, 0, 0]]
    with pytest.raises(ValueError, match="delta_kl"):
        solve_dual(torch.ones(1, 3), delta_kl=0.0)
