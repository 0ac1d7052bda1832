"""The plane of `natural_gradient` against autograd, and its line search by the rules of
`trlib.algorithms.TRPO`."""

import random

import pytest
import torch

from tests.book.browser.double import close, double
from trlib.algorithms import TRPO

pytestmark = pytest.mark.test_all("one figure's own mathematics")

MATHS = "natural_gradient/maths.js"
JS = """(m, vectors) => {
    return vectors.map(([a, b, c, d, delta]) => {
        const old = [a, b], at = [c, d], step = m.fullStep(old, m.natural(old), delta);
        return { reward: m.reward(at), surrogate: m.surrogate(at, old), kl: m.kl(at, old), gradient: m.gradient(old),
            fisher: m.fisher(old), natural: m.natural(old), step, tries: m.search(old, step, delta),
            down: m.search(old, step.map((x) => -x), delta),
            edges: m.edges(old, delta, 12), level: m.level(m.reward(at), c) };
    });
}"""


def vectors(count=40):
    pick = random.Random(5)
    return [
        [*(pick.uniform(-3, 3) for _ in range(4)), pick.uniform(0.001, 0.2)] for _ in range(count)
    ]


def asked(sources):
    given = vectors()
    return list(zip(given, sources(MATHS, JS, given), strict=True))


def full(theta):
    """[1, 2, 2] log-probabilities of yes and no at both tokens."""
    logits = torch.stack([theta[0], theta[1] + theta[0] / 2])
    return torch.stack(
        [torch.nn.functional.logsigmoid(logits), torch.nn.functional.logsigmoid(-logits)], -1
    )[None]


def reward(theta):
    p, q = full(theta)[0, :, 0].exp()
    return p * q + 0.6 * (1 - p) * (1 - q)


def kl(theta, old):
    before = full(old).detach()
    return (before.exp() * (before - full(theta))).sum(-1).mean()


def test_the_plane_is_autograds(sources):
    for (a, b, c, d, delta), found in asked(sources):
        old, at = (double(pair) for pair in ([a, b], [c, d]))
        before = old.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(reward(before), before)
        p, q = full(at)[0, :, 0].exp()
        p0, q0 = full(old)[0, :, 0].exp()
        close(found["reward"], reward(at))
        close(
            found["surrogate"], (q0 - 0.6 * (1 - q0)) * (p - p0) + (p0 - 0.6 * (1 - p0)) * (q - q0)
        )
        close(found["kl"], kl(at, old))
        close(found["gradient"], gradient)
        matrix = torch.autograd.functional.hessian(lambda theta, old=old: kl(theta, old), old)
        close(found["fisher"], matrix[[0, 0, 1], [0, 1, 1]])
        close(found["natural"], torch.linalg.solve(matrix, gradient), rtol=1e-8, atol=1e-10)
        for edge, ellipse in zip(found["edges"]["region"], found["edges"]["ellipse"], strict=True):
            place = double(edge)
            if (place - old).norm() < 29:
                close(kl(place, old).item(), delta, rtol=1e-5, atol=0)
            ray = double(ellipse) - old
            if ray.norm() < 29:
                close(ray @ matrix @ ray / 2, double(delta))
        close(found["level"], d)


def test_the_line_search_is_trpo_s(sources):
    """From a step that spends the radius to second order back, by TRPO's factor, to the first place
    inside the region where the surrogate rises."""
    shortened = 0
    for (a, b, _, _, delta), found in asked(sources):
        old, step, natural = (double(x) for x in ([a, b], found["step"], found["natural"]))
        ff, fg, gg = found["fisher"]
        close(step @ double([[ff, fg], [fg, gg]]) @ step / 2, delta)
        close(step / step.norm(), natural / natural.norm())
        *refused, last = found["tries"]
        assert (
            len(refused) < TRPO().tries and not last["why"] and all(one["why"] for one in refused)
        )
        for i, one in enumerate(found["tries"]):
            at = old + TRPO().backtrack ** i * step
            close(one["at"], at)
            close(one["kl"], kl(at, old))
            assert bool(one["why"]) == (one["kl"] > delta or one["surrogate"] <= 0)
        assert len(found["down"]) == TRPO().tries and all(one["why"] for one in found["down"])
        shortened += len(refused) > 0
    assert shortened >= 5, "some full steps spend more than the radius"
