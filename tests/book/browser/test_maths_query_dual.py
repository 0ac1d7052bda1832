"""The numbers of `query_dual` against `trlib.algorithms.quatro`: roots, targets, what they spend, the
first order."""

import math

import pytest
import torch

from trlib.algorithms.quatro import solve_dual

pytestmark = pytest.mark.test_all("one figure's own mathematics")

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
def test_targets_what_they_spend_their_first_order_and_their_reach(sources, direction):
    got = sources("query_dual/maths.js", CALL, [GROUPS, RADII, direction])
    for rewards, row in zip(GROUPS, got, strict=True):
        r = torch.tensor(rewards, dtype=D)
        reach = math.log(len(rewards) / rewards.count(max(rewards)))
        for delta, found in zip(RADII, row, strict=True):
            want = solve_dual(r[None], delta_kl=delta, direction=direction)
            if not want.floored.item():
                assert found["spent"] == pytest.approx(delta, **near), "the root spends the radius"
            first = math.sqrt(2 * delta) * (r - r.mean()) / r.std(correction=0)
            assert found["first"] == pytest.approx(first.tolist(), **near)
            assert found["reach"] == pytest.approx(reach, **near)
        assert row[0]["target"] == pytest.approx(row[0]["first"], abs=2e-3), (
            "a small radius is GRPO"
        )


def test_equal_rewards_and_a_radius_of_nothing(sources):
    call = """(m, [rewards, delta]) => {
        const found = m.solve(rewards, { delta, lambda_min: 0.01, direction: "backward" });
        return [String(found.multiplier), found.target, m.firstOrder(rewards, delta)]; }"""
    assert sources("query_dual/maths.js", call, [[1, 1, 1], 0.1]) == ["0", [0, 0, 0], [0, 0, 0]]
    assert sources("query_dual/maths.js", call, [[1, 0, 1], 0])[:2] == ["Infinity", [0, 0, 0]]
