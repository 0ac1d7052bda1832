"""The appendix of proofs, by numbers: both sides of every statement, on a policy whose completions
can be listed."""

from __future__ import annotations

import math
import re

import pytest
import torch
from torch import Tensor

from tools.paths import ROOT
from trlib.advantages import gae, group_relative, leave_one_out
from trlib.algorithms import pg_is_loss, pspo_loss
from trlib.divergences import kl, tv

V, T = 3, 3


class Tree:
    """Completions of three tokens from three words: logits for each of the 1 + 3 + 9 states."""

    def __init__(self, seed: int, *, near: Tree | None = None, by: float = 0.0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.logp: list[Tensor] = []
        for t in range(T):
            logits = torch.randn(V**t, V, generator=generator, dtype=torch.float64)
            if near is not None:
                logits = near.logp[t] + by * logits
            self.logp.append(logits.log_softmax(-1))

    def states(self, t: int) -> Tensor:
        """[V^t]: the probability of each state before token t."""
        chance = torch.ones(1, dtype=torch.float64)
        for logp in self.logp[:t]:
            chance = (chance[:, None] * logp.exp()).flatten()
        return chance


def test_a_baseline_of_the_state_changes_no_mean() -> None:
    """With rewards at every token: the score's weight may be the reward to go less any number of
    the state."""
    generator = torch.Generator().manual_seed(5)
    logits = [p.clone().requires_grad_() for p in Tree(4).logp]
    rewards = [torch.rand(V ** (t + 1), generator=generator, dtype=torch.float64) for t in range(T)]
    baselines = [torch.randn(V**t, generator=generator, dtype=torch.float64) for t in range(T)]
    words = torch.cartesian_prod(*[torch.arange(V)] * T)
    chance, score, before = (
        torch.ones(V**T, dtype=torch.float64),
        [],
        torch.zeros(V**T, dtype=torch.long),
    )
    gained, base = [], []
    for t in range(T):
        logp = logits[t].log_softmax(-1)[before, words[:, t]]
        base.append(baselines[t][before])
        before = before * V + words[:, t]
        chance, gained = chance * logp.exp(), [*gained, rewards[t][before]]
        score.append(logp)
    exact = torch.autograd.grad((chance * sum(gained)).sum(), logits, retain_graph=True)
    to_go = [sum(gained[t:]) - base[t] for t in range(T)]
    weighed = sum((chance.detach() * to_go[t] * score[t]).sum() for t in range(T))
    for found, expected in zip(torch.autograd.grad(weighed, logits), exact, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-14)


REWARD = torch.rand(V**T, generator=torch.Generator().manual_seed(9), dtype=torch.float64)


def advantages(policy: Tree) -> list[Tensor]:
    """[V^t, V] for each t: what a token adds to the value of its state."""
    value, found = REWARD, []
    for t in reversed(range(T)):
        after = value.view(-1, V)
        value = (policy.logp[t].exp() * after).sum(1)
        found.append(after - value[:, None])
    return found[::-1]


def gain(policy: Tree, old: Tree, states: Tree) -> float:
    """The mean advantage by `old` of what `policy` does, in the states that `states` comes to."""
    terms = [
        states.states(t) @ (policy.logp[t].exp() * A).sum(1) for t, A in enumerate(advantages(old))
    ]
    return sum(terms).item()


def reward(policy: Tree) -> float:
    return (policy.states(T) @ REWARD).item()


@pytest.mark.parametrize("by", [0.01, 0.3, 3.0])
def test_performance_difference_and_improvement_bound(by: float) -> None:
    old = Tree(1)
    new = Tree(2, near=old, by=by)
    true = reward(new) - reward(old)
    assert gain(new, old, new) == pytest.approx(true, abs=1e-14)
    surrogate = gain(new, old, old)
    alpha = max(tv(new.logp[t], old.logp[t]).max().item() for t in range(T))
    epsilon = max(A.abs().max().item() for A in advantages(old))
    assert 0 < abs(true - surrogate) <= 2 * epsilon * T * (T - 1) * alpha**2
    worst = max(kl(old.logp[t], new.logp[t]).max().item() for t in range(T))
    assert true >= surrogate - epsilon * T * (T - 1) * worst
    for t in range(T):
        assert (new.states(t) - old.states(t)).abs().sum().item() / 2 <= t * alpha + 1e-15


def test_the_discounted_sum_is_trpo_s_constant() -> None:
    gamma = 0.9
    assert sum(gamma ** (t - 1) * (t - 1) for t in range(1, 2000)) == pytest.approx(
        gamma / (1 - gamma) ** 2
    )


def two() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    a, b = torch.randn(2, 500, 6, generator=generator, dtype=torch.float64).mul(2).log_softmax(-1)
    return a, b


def test_pinsker_and_the_mean_distance_of_the_ratio() -> None:
    a, b = two()
    assert (tv(a, b).square() <= kl(a, b) / 2).all()
    torch.testing.assert_close((b.exp() * ((a - b).exp() - 1).abs()).sum(-1), 2 * tv(a, b))
    cut = b.exp() * (torch.arange(6) < 4)  # a sampler that cannot write the last two
    cut = cut / cut.sum(-1, keepdim=True)
    mean = (cut[:, :4] * (a.exp()[:, :4] / cut[:, :4] - 1).abs()).sum(-1)
    torch.testing.assert_close(mean, (a.exp() - cut).abs().sum(-1) - a.exp()[:, 4:].sum(-1))


def test_what_the_estimates_descend() -> None:
    z, fixed = torch.randn(2, 5, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    z.requires_grad_()
    logp, rho = z.log_softmax(-1), fixed.log_softmax(-1)
    chance, d = logp.detach().exp(), rho - logp

    def gradient(value: Tensor) -> Tensor:
        return torch.autograd.grad(value, z, retain_graph=True)[0]

    torch.testing.assert_close(gradient((chance * -d).sum()), torch.zeros_like(z))
    torch.testing.assert_close(gradient((chance * d.square() / 2).sum()), gradient(kl(logp, rho)))
    torch.testing.assert_close(
        gradient((chance * (d.exp() - d - 1)).sum()), gradient(kl(rho, logp))
    )
    torch.testing.assert_close((chance * (d.exp() - d - 1)).sum(), kl(logp, rho))


def test_gauss_newton_is_fisher_and_the_hessian_and_the_natural_step_is_the_longest() -> None:
    generator = torch.Generator().manual_seed(5)
    weight = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    start, g = torch.randn(2, 3, generator=generator, dtype=torch.float64)

    def logits(theta: Tensor) -> Tensor:
        return (
            weight @ theta.sin()
        ) ** 2  # bent, so that the second derivatives of the logits are not 0

    p = logits(start).softmax(-1)
    J = torch.autograd.functional.jacobian(logits, start)
    F = J.T @ (p.diag() - p[:, None] * p) @ J
    scores = torch.autograd.functional.jacobian(lambda theta: logits(theta).log_softmax(-1), start)
    torch.testing.assert_close(scores.T @ p.diag() @ scores, F)
    old = logits(start).log_softmax(-1)
    for divergence in (
        lambda theta: kl(old, logits(theta).log_softmax(-1)),
        lambda theta: kl(logits(theta).log_softmax(-1), old),
    ):
        torch.testing.assert_close(torch.autograd.functional.hessian(divergence, start), F)
    v = torch.randn(3, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(J.T @ (p * (J @ v) - p * (p @ (J @ v))), F @ v)

    delta, direction = 0.01, torch.linalg.solve(F, g)
    best = math.sqrt(2 * delta / (g @ direction)) * direction
    assert (best @ F @ best / 2).item() == pytest.approx(delta)
    others = torch.randn(2000, 3, generator=generator, dtype=torch.float64)
    others = others * (2 * delta / torch.einsum("ni,ij,nj->n", others, F, others)).sqrt()[:, None]
    assert (others @ g).max() <= g @ best


def test_no_policy_lies_beyond_the_exponential_tilt() -> None:
    generator = torch.Generator().manual_seed(6)
    mu = torch.randn(9, generator=generator, dtype=torch.float64).log_softmax(-1)
    R, lam = torch.rand(9, generator=generator, dtype=torch.float64), 0.4
    tilt = (mu + R / lam).log_softmax(-1)
    others = (mu + torch.randn(4000, 9, generator=generator, dtype=torch.float64)).log_softmax(-1)
    spent, log_z = kl(others, mu.expand_as(others)), (mu + R / lam).logsumexp(-1)
    earned = others.exp() @ R
    torch.testing.assert_close(earned, lam * (spent - kl(others, tilt.expand_as(others)) + log_z))
    within = spent <= kl(tilt, mu)
    assert 100 < within.sum() < 4000
    assert (earned[within] <= tilt.exp() @ R).all()


def test_gae_at_its_two_ends() -> None:
    generator = torch.Generator().manual_seed(7)
    rewards, values = torch.randn(2, 1, 6, generator=generator, dtype=torch.float64)
    mask = torch.ones(1, 6, dtype=torch.bool)
    following = torch.cat([values[:, 1:], torch.zeros(1, 1, dtype=torch.float64)], 1)
    gamma = 0.9
    torch.testing.assert_close(
        gae(rewards, values, mask, gamma=gamma, lam=0.0)[0], rewards + gamma * following - values
    )
    returns = torch.stack(
        [sum(gamma**i * rewards[0, t + i] for i in range(6 - t)) for t in range(6)]
    )[None]
    torch.testing.assert_close(
        gae(rewards, values, mask, gamma=gamma, lam=1.0)[0], returns - values
    )


def test_the_group_s_mean_and_pspo() -> None:
    generator = torch.Generator().manual_seed(8)
    rewards, group = torch.rand(8, generator=generator), torch.zeros(8, dtype=torch.int64)
    torch.testing.assert_close(
        group_relative(rewards, group, scale=None), 7 / 8 * leave_one_out(rewards, group)
    )
    a, b = two()
    mixed = (0.9 * a.exp() + 0.1 * b.exp()).log()
    torch.testing.assert_close(tv(mixed, b), 0.9 * tv(a, b))
    old = torch.full((1, 8), -2.0)
    logp = torch.randn(1, 8, generator=generator).sub(2).clamp(max=0).requires_grad_()
    given = {
        "advantages": torch.randn(1, 8, generator=generator),
        "mask": torch.ones(1, 8, dtype=torch.bool),
    }
    smooth, plain = (
        torch.autograd.grad(loss(logp, old, **given).per_token.sum(), logp)[0]
        for loss in (lambda *a, **k: pspo_loss(*a, alpha=0.1, **k), pg_is_loss)
    )
    torch.testing.assert_close(smooth, 0.9 * plain)


def test_every_statement_has_its_proof() -> None:
    text = (ROOT / "book" / "proofs.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert sections
    assert [
        part.splitlines()[0] for part in sections if "**Proof.**" not in part or "∎" not in part
    ] == []
