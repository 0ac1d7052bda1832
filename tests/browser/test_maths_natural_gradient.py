"""The plane of `natural_gradient` against autograd, and its step and line search against
`trlib.algorithms.TRPO`."""

from __future__ import annotations

import random
from typing import Any

import torch
from torch import Tensor

from trlib.algorithms import TRPO, Provided
from trlib.algorithms.method import Batch, Scores

MATHS = "natural_gradient/maths.js"
JS = """(m, vectors) => {
    return vectors.map(([a, b, c, d, delta]) => {
        const old = [a, b], at = [c, d], step = m.fullStep(old, m.natural(old), delta);
        return { reward: m.reward(at), surrogate: m.surrogate(at, old), kl: m.kl(at, old), gradient: m.gradient(old),
            fisher: m.fisher(old), natural: m.natural(old), step, tries: m.search(old, step, delta),
            edges: m.edges(old, delta, 12), level: m.level(m.reward(at), c) };
    });
}"""


def vectors(count: int = 40) -> list[list[float]]:
    pick = random.Random(5)
    return [
        [*(pick.uniform(-3, 3) for _ in range(4)), pick.uniform(0.001, 0.2)] for _ in range(count)
    ]


def asked(sources: Any) -> list[tuple[list[float], dict[str, Any]]]:
    given = vectors()
    return list(zip(given, sources(MATHS, JS, given), strict=True))


def full(theta: Tensor) -> Tensor:
    """[1, 2, 2] log-probabilities of yes and no at both tokens."""
    logits = torch.stack([theta[0], theta[1] + theta[0] / 2])
    return torch.stack(
        [torch.nn.functional.logsigmoid(logits), torch.nn.functional.logsigmoid(-logits)], -1
    )[None]


def reward(theta: Tensor) -> Tensor:
    p, q = full(theta)[0, :, 0].exp()
    return p * q + 0.6 * (1 - p) * (1 - q)


def kl(theta: Tensor, old: Tensor) -> Tensor:
    before = full(old).detach()
    return (before.exp() * (before - full(theta))).sum(-1).mean()


def close(found: Any, wanted: Any) -> None:
    got, want = (torch.as_tensor(value, dtype=torch.float64).detach() for value in (found, wanted))
    torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-12)


def test_the_plane_is_autograds(sources: Any) -> None:
    for (a, b, c, d, delta), found in asked(sources):
        old, at = (torch.tensor(pair, dtype=torch.float64) for pair in ([a, b], [c, d]))
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
        torch.testing.assert_close(
            torch.tensor(found["natural"], dtype=torch.float64),
            torch.linalg.solve(matrix, gradient),
            rtol=1e-8,
            atol=1e-10,
        )
        for edge, ellipse in zip(found["edges"]["region"], found["edges"]["ellipse"], strict=True):
            place = torch.tensor(edge, dtype=torch.float64)
            if (place - old).norm() < 29:
                torch.testing.assert_close(kl(place, old).item(), delta, rtol=1e-5, atol=0)
            ray = torch.tensor(ellipse, dtype=torch.float64) - old
            if ray.norm() < 29:
                close(ray @ matrix @ ray / 2, torch.tensor(delta, dtype=torch.float64))
        close(found["level"], d)


class Plane:
    """The policy as TRPO's update box sees it: every answer once, each token's advantage weighed by
    its chance."""

    def __init__(self, method: TRPO, old: Tensor) -> None:
        self.method, self.theta = method, old.clone().requires_grad_()
        self.parameters = [self.theta]
        self.tokens = torch.tensor([[0, 0], [1, 1]])
        before = full(old).expand(2, -1, -1)
        logp = self._picked(before)
        p, q = before[0, :, 0].exp()
        worth = torch.stack([q - 0.6 * (1 - q), p - 0.6 * (1 - p)])
        chance = (
            logp.exp()
        )  # the mean over two answers stands for a mean under the policy: weigh by 2 x chance
        advantages = (
            2
            * chance
            * (torch.tensor([[1.0], [0.0]], dtype=torch.float64) - before[0, :, 0].exp())
            * worth
        )
        mask = torch.ones(2, 2, dtype=torch.bool)
        self.batch = Batch(
            tokens=self.tokens,
            mask=mask,
            forced=~mask,
            rewards=torch.zeros(2),
            horizon=2,
            group=torch.arange(2),
            ended=mask[:, 0],
            logp_rollout=logp,
            anchor="recomputed",
            provided=Provided(logp_old=logp, full_anchor=before),
            advantages=advantages,
        )

    def _picked(self, distribution: Tensor) -> Tensor:
        return distribution.gather(-1, self.tokens.unsqueeze(-1)).squeeze(-1)

    def score(self, rows: Tensor | None = None, *, twice: bool = False) -> Scores:
        every = full(self.theta).expand(2, -1, -1)
        scores = Scores(self._picked(every), every)
        return scores if rows is None else Scores(scores.logp[rows], scores.full[rows])

    def minibatches(self) -> Any:
        return iter([self])

    def directional(self, direction: Any, rows: Tensor | None = None) -> Tensor:
        along = torch.func.jvp(
            lambda theta: full(theta).expand(2, -1, -1), (self.theta,), tuple(direction)
        )[1]
        return along if rows is None else along[rows]

    def loss(self) -> Tensor:
        return self.method.loss(
            self.method.objective(self.score(), self.batch).per_token, self.batch
        )

    def report(self, loss: float, grad_norm: float) -> None:
        """Nothing."""


def test_the_line_search_takes_the_step_that_trpo_takes(sources: Any) -> None:
    shortened = 0
    for (a, b, _, _, delta), found in asked(sources):
        old = torch.tensor([a, b], dtype=torch.float64)
        step = Plane(TRPO(delta_kl=delta, damping=0.0), old)
        step.method.update(step)
        last = found["tries"][-1]
        assert not last["why"] and all(one["why"] for one in found["tries"][:-1])
        shortened += len(found["tries"]) > 1
        torch.testing.assert_close(
            torch.tensor(last["at"], dtype=torch.float64), step.theta.detach(), rtol=1e-7, atol=1e-9
        )
        assert last["kl"] <= delta and last["surrogate"] > 0
    assert shortened >= 5, "some full steps spend more than the radius"


def test_what_the_presets_say_is_so(sources: Any) -> None:
    """Accepted and worse at δ = 0.15, better at 0.02; a corner where a rate crawls that leaves the
    region elsewhere."""
    found = sources(
        MATHS,
        """m => {
        const full = (old, delta) => m.search(old, m.fullStep(old, m.natural(old), delta), delta);
        const plain = old => m.kl(m.plus(old, m.gradient(old), 20), old);
        return { far: full([-0.8, 0.08], 0.15), near: full([-0.8, 0.08], 0.02),
            corner: plain([-4.6, 5.6]), middle: plain([0, 0.4]), wide: full([-3.5, 4.2], 0.3) };
    }""",
    )
    far, near = found["far"], found["near"]
    assert len(far) == len(near) == 1 and not far[0]["why"] and not near[0]["why"], (
        "the full step passes"
    )
    assert far[0]["surrogate"] > 0.03 and far[0]["gain"] < -0.03
    assert 0 < near[0]["gain"] < near[0]["surrogate"]
    assert found["corner"] < 0.1 * 0.05 and found["middle"] > 2 * 0.05
    assert len(found["wide"]) == 3 and found["wide"][0]["kl"] > 2 * 0.3


def test_the_verdict_names_a_step_that_stops_short_and_a_rate_that_is_small(
    visit: Any, sources: Any
) -> None:
    """Away from the map's middle the KL grows more slowly than the bowl: then ellipse and region do
    not agree."""
    one = visit("NaturalGradient")

    def read(theta1: float, theta2: float, delta: float, lr: float) -> tuple[str, float]:
        one.set(theta1=theta1, theta2=theta2, delta=delta, lr=lr, way="natural")
        tries = sources(
            MATHS,
            "(m, [old, delta]) => m.search(old, m.fullStep(old, m.natural(old), delta), delta)",
            [[theta1, theta2], delta],
        )
        return one.text(".trx .verdict"), tries[0]["kl"] / delta

    short, share = read(2, 2, 0.5, 10)
    assert "The step stops short" in short and share < 2 / 3
    small, corner = read(0, 0.4, 0.05, 1)[0], read(-4.6, 5.6, 0.05, 20)[0]
    assert "The gradient crawls" in small and "the rate itself is small" in small
    assert "The gradient crawls" in corner and "almost certain" in corner
    agree, share = read(-0.85, 1.27, 0.1, 10)
    assert "Ellipse and region agree" in agree and 2 / 3 < share < 1.5
