"""The appendix of proofs, by numbers: both sides of every statement, on a policy whose completions
can be listed."""

import math

import pytest
import torch

from trbook.tiny import Tiny
from trlib.advantages import group_relative, leave_one_out
from trlib.divergences import kl, tv


def test_a_baseline_of_the_state_changes_no_mean():
    """With rewards at every token: the score's weight may be the reward to go less any number of
    the state."""
    tiny = Tiny(tokens=3, length=3)
    logits = tiny.random(5).requires_grad_()
    logp, rewards = tiny.logp(logits), tiny.random(6)[tiny.prefixes, tiny.completions]
    chance, baseline = logp.sum(1).exp(), tiny.random(7)[:, 0][tiny.prefixes]
    (exact,) = torch.autograd.grad(chance @ rewards.sum(1), logits, retain_graph=True)
    to_go = rewards.flip(1).cumsum(1).flip(1) - baseline
    (found,) = torch.autograd.grad((chance.detach() @ (to_go * logp)).sum(), logits)
    torch.testing.assert_close(found, exact, rtol=0, atol=1e-14)


def two():
    generator = torch.Generator().manual_seed(3)
    a, b = torch.randn(2, 500, 6, generator=generator, dtype=torch.float64).mul(2).log_softmax(-1)
    return a, b


def test_pinsker_and_the_mean_distance_of_the_ratio():
    a, b = two()
    assert (tv(a, b).square() <= kl(a, b) / 2).all()
    torch.testing.assert_close((b.exp() * ((a - b).exp() - 1).abs()).sum(-1), 2 * tv(a, b))
    cut = b.exp() * (torch.arange(6) < 4)  # a sampler that cannot write the last two
    cut = cut / cut.sum(-1, keepdim=True)
    mean = (cut[:, :4] * (a.exp()[:, :4] / cut[:, :4] - 1).abs()).sum(-1)
    torch.testing.assert_close(mean, (a.exp() - cut).abs().sum(-1) - a.exp()[:, 4:].sum(-1))


def test_what_the_estimates_descend():
    z, fixed = torch.randn(2, 5, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    z.requires_grad_()
    logp, rho = z.log_softmax(-1), fixed.log_softmax(-1)
    chance, d = logp.detach().exp(), rho - logp

    def gradient(value):
        return torch.autograd.grad(value, z, retain_graph=True)[0]

    torch.testing.assert_close(gradient((chance * -d).sum()), torch.zeros_like(z))
    torch.testing.assert_close(gradient((chance * d.square() / 2).sum()), gradient(kl(logp, rho)))
    torch.testing.assert_close(
        gradient((chance * (d.exp() - d - 1)).sum()), gradient(kl(rho, logp))
    )
    torch.testing.assert_close((chance * (d.exp() - d - 1)).sum(), kl(logp, rho))


def test_gauss_newton_is_fisher_and_the_hessian_and_the_natural_step_is_the_longest():
    generator = torch.Generator().manual_seed(5)
    weight = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    start, g = torch.randn(2, 3, generator=generator, dtype=torch.float64)

    def logits(theta):
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

    delta, direction = 0.01, torch.linalg.solve(F, g)
    best = math.sqrt(2 * delta / (g @ direction)) * direction
    assert (best @ F @ best / 2).item() == pytest.approx(delta)
    others = torch.randn(2000, 3, generator=generator, dtype=torch.float64)
    others = others * (2 * delta / torch.einsum("ni,ij,nj->n", others, F, others)).sqrt()[:, None]
    assert (others @ g).max() <= g @ best


def test_the_group_s_mean_and_what_pspo_measures():
    """PSPO's gradient is that of the rows in `tests/vectors.json`."""
    generator = torch.Generator().manual_seed(8)
    rewards, group = torch.rand(8, generator=generator), torch.zeros(8, dtype=torch.int64)
    torch.testing.assert_close(
        group_relative(rewards, group, scale=None), 7 / 8 * leave_one_out(rewards, group)
    )
    a, b = two()
    torch.testing.assert_close(tv((0.9 * a.exp() + 0.1 * b.exp()).log(), b), 0.9 * tv(a, b))


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_a_pull_holds_a_late_learner():
    """One logit, a word that one prompt wants and the other does not, exact expectations: around the
    limit of age, and far beyond it."""
    best, rate = sigmoid(2), 0.05
    limit = math.pi / 2 / (2 * best * (1 - best) * (2 * best - 1))

    def strays(pull, time):
        x, late = [-0.05], round(time / rate)
        for _ in range(30000):
            pushes = []
            for sign in (1, -1):
                q, p = (sigmoid(2 + sign * at) for at in (x[max(0, len(x) - 1 - late)], x[-1]))
                pushes.append(sign * (q * (1 - q) + pull * q * (q - p)))
            x.append(x[-1] + rate * sum(pushes))
        return max(map(abs, x[-5000:]))

    assert strays(0, 0.97 * limit) < 0.05 < 0.3 < strays(0, 1.03 * limit)
    assert strays(1, 4 * limit) < 1e-3


def test_a_pull_chases_a_sampler_that_follows():
    """Eight words, six good ones are enough, the sampler's are good with 0.9 p: exact expectations."""

    def counts(p):
        return [math.comb(8, n) * p**n * (1 - p) ** (8 - n) for n in range(9)]

    def right(pull):
        x = 0.4
        for _ in range(4000):
            p = sigmoid(x)
            seen = counts(0.9 * p)
            mean = sum(seen[6:])
            covariance = sum(seen[n] * (n - 7.2 * p) for n in (6, 7, 8))
            x += 0.05 * (covariance + pull * mean * (7.2 * p - 8 * p))
        return sum(counts(sigmoid(x))[6:])

    assert math.isclose(right(1), 0.8725, abs_tol=1e-4)
    assert right(0) > 0.999
