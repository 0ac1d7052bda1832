"""The unifier's solutions in Chromium: each the optimum that trlib's dual, scipy's linear programs
or the conditions of an optimum ask for."""

import math

import numpy as np
import pytest
from scipy.optimize import linprog

from tests.book.browser.double import double
from tests.book.browser.test_maths_simplex import measured, radii
from trbook.bandit import counterfactual_policy

pytestmark = pytest.mark.test_all("one figure's own mathematics")

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


def test_every_solution_is_a_policy_inside_its_region_that_uses_all_of_it(solved):
    for (old, rewards, delta), found in zip(CASES, solved, strict=True):
        q, reward = np.array(old), np.array(rewards)
        for key, one in found.items():
            pi = np.array(one["pi"])
            assert pi.min() >= 0 and pi.sum() == pytest.approx(1, abs=1e-12), key
            assert one["gain"] == pytest.approx(reward @ (pi - q))
        for key in OWN:
            one, limit = found[key], radii(delta, len(old))[key]
            pi = np.array(one["pi"])
            assert one["ratio"] == pytest.approx((pi / q).tolist())
            if one["used"]:
                assert far(key, pi, q) == pytest.approx(limit, rel=1e-9), key
            else:
                assert far(key, pi, q) <= limit * (1 + 1e-9), key
                assert pi[reward == reward.max()].sum() == pytest.approx(1)


def far(key, pi, q):
    """The distance of new policies [N, arms], or of one, from the old one."""
    pi = double(np.clip(pi, 1e-300, None)).view(-1, len(q))
    found = measured(pi, double(q).expand_as(pi))[key]
    return float(found) if len(found) == 1 else found.numpy()


CURVES = {
    "kl_new_old": lambda reward, slope, offset: np.exp(slope * (reward - offset)),
    "kl_old_new": lambda reward, slope, offset: 1 / (slope * (offset - reward)),
    "chi2": lambda reward, slope, offset: np.maximum(0, slope * (reward - offset)),
    "fisher": lambda reward, slope, offset: np.exp(slope * (reward - offset)),
}
"""The ratio against the reward by the conditions of an optimum, with the multiplier as the slope's
inverse."""


@pytest.mark.parametrize("key", CURVES)
def test_ratios_lie_on_the_curve_of_their_multiplier(solved, key):
    for (old, rewards, delta), found in zip(CASES, solved, strict=True):
        one, q, reward = found[key], np.array(old), np.array(rewards)
        if one["used"]:
            curve = CURVES[key](reward, 1 / one["lambda"], one["offset"])
            assert one["ratio"] == pytest.approx(curve, rel=1e-9, abs=1e-9)
        if key == "fisher":  # GRPO's step: the rewards' own scatter is the unit
            spread = math.sqrt(q @ (reward - q @ reward) ** 2)
            assert one["lambda"] == pytest.approx(spread / math.sqrt(2 * delta), rel=1e-9)


@pytest.mark.parametrize("key", [key for key in OWN if key not in CURVES])
def test_whatever_earns_more_lies_outside_the_region(solved, key):
    """Regions are convex: it suffices to look at small steps in all directions."""
    draw = np.random.default_rng(1)
    for (old, rewards, delta), found in zip(CASES, solved, strict=True):
        q, reward, pi = np.array(old), np.array(rewards), np.array(found[key]["pi"])
        if not found[key]["used"]:
            continue
        steps = draw.normal(size=(4000, len(q))) * draw.choice([0, 1], size=(4000, len(q))) * q
        others = pi + 1e-3 * (steps - steps.sum(1, keepdims=True) * q)
        others = others[(others.min(1) >= 0) & (others @ reward > pi @ reward + 1e-9)]
        outside = far(key, others, q) > radii(delta, len(q))[key] * (1 - 1e-12)
        assert outside.all(), (old, rewards, delta)


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
