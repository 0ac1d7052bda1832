"""The unifier's solutions in Chromium: each the optimum that trlib's dual, scipy's linear programs
or the conditions of an optimum ask for."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from tests.book.browser.double import double
from tests.book.browser.test_maths_simplex import measured, radii
from trbook.bandit import counterfactual_policy
from trlib.algorithms.quatro import solve_dual

MATHS = "unifier/maths.js"
OWN = ["kl_new_old", "kl_old_new", "chi2", "fisher", "tv", "ratio", "wasserstein", "euclid"]
"""Cards whose optimum stands at the radius of a distance; the others ask something else."""
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
def solved(sources):
    """Every case's solutions, by key."""
    return sources(
        MATHS,
        "(m, cases) => cases.map(([q, R, delta]) => Object.fromEntries(m.KEYS.map(key => {"
        "const { pi, gain, used, lambda, offset, ratio } = m.solve(key, q, R, delta);"
        "return [key, { pi, gain, used, lambda, offset, ratio }]; })))",
        CASES,
    )


def test_every_solution_is_a_policy_inside_its_region(solved):
    for (old, rewards, delta), found in zip(CASES, solved, strict=True):
        q, limits = double(old), radii(delta, len(old))
        for key, one in found.items():
            assert min(one["pi"]) >= 0 and sum(one["pi"]) == pytest.approx(1, abs=1e-12), key
            assert one["gain"] == pytest.approx(np.dot(rewards, one["pi"]) - np.dot(rewards, old))
        for key in OWN:
            one = found[key]
            pi = double(one["pi"])
            assert one["ratio"] == pytest.approx((pi / q).tolist())
            spent = float(measured(pi.clamp(min=1e-300)[None], q[None])[key][0])
            if one["used"]:
                assert spent == pytest.approx(limits[key], rel=1e-9), (
                    key,
                    "the whole radius is used",
                )
            else:
                assert spent <= limits[key] * (1 + 1e-9), key
                assert sum(
                    p for p, r in zip(one["pi"], rewards, strict=True) if r == max(rewards)
                ) == pytest.approx(1)


@pytest.mark.parametrize(
    ("key", "direction"), [("kl_new_old", "backward"), ("kl_old_new", "forward")]
)
def test_both_kl_agree_with_trlib(solved, key, direction):
    """trlib solves it for a group of samples: an old policy in steps of 0.01 is a group of a
    hundred, some alike."""
    for (old, rewards, delta), found in zip(CASES, solved, strict=True):
        counts = [round(100 * share) for share in old]
        one = found[key]
        if counts != pytest.approx([100 * share for share in old]) or not one["used"]:
            continue
        group = double(rewards).repeat_interleave(torch.tensor(counts))
        dual = solve_dual(group[None], delta_kl=delta, lambda_min=1e-9, direction=direction)
        first = np.cumsum([0, *counts[:-1]])
        assert np.log(one["ratio"]) == pytest.approx(
            dual.target[0, first].numpy(), rel=1e-9, abs=1e-9
        )
        assert one["lambda"] == pytest.approx(float(dual.multiplier), rel=1e-9)
        assert one["offset"] == pytest.approx(float(dual.offset), rel=1e-9)


def test_the_box_agrees_with_linprog(solved):
    for (old, rewards, delta), found in zip(CASES, solved, strict=True):
        q, reward, limit = np.array(old), np.array(rewards), radii(delta, len(old))["ratio"]
        box = [(share * max(0, 1 - limit), share * (1 + limit)) for share in q]
        best = linprog(-reward, A_eq=[[1.0] * len(q)], b_eq=[1], bounds=box)
        gain = -best.fun - q @ reward
        assert found["ratio"]["gain"] == pytest.approx(gain, rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("key", ["fisher", "chi2", "euclid"])
def test_a_curved_region_s_solution_is_a_line_in_the_rewards(solved, key):
    """log r of the natural step, which is GRPO's; r behind χ², as R2VPO's penalty has it; and π in
    Euclid's ball: the last two are cut off at 0."""
    for (old, rewards, delta), found in zip(CASES, solved, strict=True):
        one, q, reward = found[key], np.array(old), np.array(rewards)
        if not one["used"]:
            continue
        value = np.array(one["pi" if key == "euclid" else "ratio"])
        base, kept = (q if key == "euclid" else 1.0), value > 0
        if key == "fisher":
            value, base = np.log(value), 0.0
        slope, shift = np.polyfit(reward[kept], (value - base)[kept], 1)
        line = base + slope * reward + shift
        expected = line if key == "fisher" else np.maximum(line, 0)
        assert value == pytest.approx(expected, rel=1e-9, abs=1e-9) and slope > 0
        if key == "fisher":
            spread = math.sqrt(q @ (reward - q @ reward) ** 2)
            assert slope == pytest.approx(math.sqrt(2 * delta) / spread, rel=1e-9)
        if key == "chi2":
            assert slope == pytest.approx(1 / one["lambda"], rel=1e-9)


def test_equal_rewards_move_nothing(sources):
    found = sources(MATHS, "(m) => m.KEYS.map(key => m.solve(key, [.2, .3, .5], [.4, .4, .4], .1))")
    for one in found:
        assert (one["pi"], one["gain"]) == ([0.2, 0.3, 0.5], 0)


def places(arms, cost):
    at = np.arange(arms)
    return np.abs(at[:, None] - at[None]) if cost == "line" else 1.0 - np.eye(arms)


@pytest.mark.parametrize("cost", ["line", "one"])
def test_transport_is_the_linear_program_and_at_one_price_it_is_tv(sources, cost):
    found = sources(
        MATHS,
        "(m, [cost, cases]) => cases.map(([q, R, delta]) => [m.solve('wasserstein', q, R, delta, "
        "{ cost }), m.solve('tv', q, R, delta)])",
        [cost, CASES],
    )
    split = 0
    for (old, rewards, delta), (one, tv) in zip(CASES, found, strict=True):
        n, q, reward = len(old), np.array(old), np.array(rewards)
        limit, far = radii(delta, n)["tv"], places(n, cost)
        best = linprog(
            -(reward[None] - reward[:, None]).ravel(),
            A_ub=[far.ravel()],
            b_ub=[limit],
            A_eq=np.kron(np.eye(n), np.ones(n)),
            b_eq=q,
        )
        assert one["gain"] == pytest.approx(-best.fun, rel=1e-9, abs=1e-11)
        if one["used"]:  # the price of the last journeys is the dual's
            assert one["lambda"] == pytest.approx(-best.ineqlin.marginals[0], rel=1e-9)
            split += one["split"] is not None
        if cost == "one":
            assert one["gain"] == pytest.approx(tv["gain"], rel=1e-9, abs=1e-12)
    assert split > 5, "the arm at the last price is split"


def test_a_target_is_a_radius_of_the_tilt(sources):
    """The tilt that earns a target; below the old return that of the rewards turned round."""
    solve = """(m, [key, q, R, delta, more]) => {
        const { pi, slope, offset, used } = m.solve(key, q, R, delta, more); return { pi, slope, offset, used }; }"""
    for old, rewards in BANDITS:
        q, reward = np.array(old), np.array(rewards)
        start = float(q @ reward)
        for end, sign in ((reward.max(), 1), (reward.min(), -1)):
            for share in (0.02, 0.3, 0.8):
                target = start + share * (end - start)
                one = sources(MATHS, solve, ["target", old, rewards, 0.1, {"target": target}])
                wanted = counterfactual_policy(*(double(x) for x in (old, rewards)), target)
                assert one["pi"] == pytest.approx(wanted.tolist(), rel=1e-9, abs=1e-9)
                pi = np.array(one["pi"])
                assert np.sign(one["slope"]) == sign and one["used"]
                assert np.log(pi / q) == pytest.approx(
                    one["slope"] * (reward - one["offset"]), rel=1e-9, abs=1e-9
                )
            beyond = sources(MATHS, solve, ["target", old, rewards, 0.1, {"target": float(end)}])
            assert not beyond["used"] and np.dot(beyond["pi"], reward) == pytest.approx(end)


def clipped(pi, q, reward, eps):
    r, advantage = pi / q, reward - q @ reward
    return float((q * np.minimum(r * advantage, r.clip(1 - eps, 1 + eps) * advantage)).sum())


def test_ppo_s_objective_does_not_know_the_box(sources):
    """Maximised by a linear program: min(r A, clip(r) A) of every arm as a variable below both."""
    found = sources(
        MATHS,
        "(m, cases) => cases.map(([q, R, delta]) => [m.solve('ppo', q, R, delta), "
        "m.solve('ratio', q, R, delta)])",
        CASES,
    )
    outside = 0
    for (old, rewards, delta), (one, box) in zip(CASES, found, strict=True):
        n, q, reward, eps = len(old), np.array(old), np.array(rewards), math.sqrt(2 * delta)
        a, eye = reward - q @ reward, np.eye(n)
        flat = np.where(a >= 0, (1 + eps) * q * a, np.where(a < 0, (1 - eps) * q * a, 0))
        rows = np.vstack(
            [np.hstack([-np.diag(a), eye]), np.hstack([0 * eye, eye])]
        )  # u <= π A and u <= clip(r) A
        best = linprog(
            np.r_[np.zeros(n), -np.ones(n)],
            A_ub=rows,
            b_ub=np.r_[np.zeros(n), flat],
            A_eq=[np.r_[np.ones(n), np.zeros(n)]],
            b_eq=[1],
            bounds=[(0, None)] * n + [(None, None)] * n,
        )
        assert clipped(np.array(one["pi"]), q, reward, eps) == pytest.approx(
            -best.fun, rel=1e-9, abs=1e-12
        )
        assert -best.fun >= clipped(np.array(box["pi"]), q, reward, eps) - 1e-12
        assert one["gain"] >= box["gain"] - 1e-12
        top = (
            reward == reward.max()
        )  # the page draws the largest share of the best arm, and says the least
        for way, share in ((1, np.array(one["pi"])[top].sum()), (-1, one["least"])):
            end = linprog(
                np.r_[-way * top, np.zeros(n)],
                A_ub=np.vstack([rows, np.r_[np.zeros(n), -np.ones(n)]]),
                b_ub=np.r_[np.zeros(n), flat, best.fun + 1e-12],
                A_eq=[np.r_[np.ones(n), np.zeros(n)]],
                b_eq=[1],
                bounds=[(0, None)] * n + [(None, None)] * n,
            )
            assert share == pytest.approx(-way * end.fun, abs=1e-8)
        outside += float(np.abs(np.array(one["ratio"]) - 1).max()) > 1.5 * eps
    assert outside > 8
