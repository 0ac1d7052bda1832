"""Every expectation exactly: a policy over three tokens whose fifteen completions can all be
written down.

Token 2 ends a completion, three tokens are the limit: lengths 1, 2, 3, so that aggregations and
masks matter. The policy is a table of logits, one row for each of the seven states (the empty
completion, two of one token, four of two).
"""

from functools import partial
from itertools import product

import pytest
import torch

from tests.losses import D, noise
from trlib.advantages import group_relative, leave_one_out
from trlib.algorithms import (
    ppo_loss,
    reinforce_loss,
)

same = partial(torch.testing.assert_close, rtol=1e-12, atol=1e-14)
V, T, END = 3, 3, 2


def _completions():
    found = []
    for tokens in product(range(V), repeat=T):
        length = tokens.index(END) + 1 if END in tokens else T
        if tokens[:length] not in found:
            found.append(tokens[:length])
    return found


COMPLETIONS = _completions()
STATES = [(), (0,), (1,), (0, 0), (0, 1), (1, 0), (1, 1)]
N = len(COMPLETIONS)
TOKENS = torch.tensor([list(y) + [0] * (T - len(y)) for y in COMPLETIONS])
LENGTHS = torch.tensor([len(y) for y in COMPLETIONS])
MASK = torch.arange(T) < LENGTHS.unsqueeze(-1)
AT = torch.tensor(
    [[STATES.index(y[:t]) if t < len(y) else 0 for t in range(T)] for y in COMPLETIONS]
)


def _table(seed):
    return 0.8 * torch.randn(len(STATES), V, generator=torch.Generator().manual_seed(seed), dtype=D)


OLD = _table(1)
NEW = OLD + 0.4 * _table(2)
REWARDS = noise(N, seed=3)


def logp_of(theta):
    """[N, T] log-probs of every completion's tokens."""
    return theta.log_softmax(-1)[AT, TOKENS].masked_fill(~MASK, 0.0)


def probabilities(theta):
    """[N] of the completions."""
    return logp_of(theta).sum(-1).exp()


def true_gradient(theta):
    """dJ/dθ of J = Σ_y π(y) R(y)."""
    theta = theta.clone().requires_grad_()
    return torch.autograd.grad((probabilities(theta) * REWARDS).sum(), theta)[0]


def expected_gradient(per_token, theta, sampler, divisor=1.0):
    """-E_{y ~ sampler} d(Σ_t L_t / divisor)/dθ, the mean update direction."""
    total = (sampler.detach() * per_token.sum(-1) / divisor).sum()
    return -torch.autograd.grad(total, theta, retain_graph=True)[0]


def rows(values):
    return values.unsqueeze(-1).expand(N, T)


@pytest.mark.parametrize("baseline", [0.0, 0.7])
def test_on_policy_it_is_the_policy_gradient(baseline):
    """Σ_t over a completion's tokens, with any constant baseline: exactly dJ/dθ. At ratio 1 the other
    losses are this one (`laws.py`)."""
    theta = NEW.clone().requires_grad_()
    loss = reinforce_loss(logp_of(theta), advantages=rows(REWARDS - baseline), mask=MASK)
    found = expected_gradient(loss.per_token, theta, probabilities(theta))
    same(found, true_gradient(NEW))


def group_gradient(size, rule, loss=ppo_loss):
    """The mean update direction over every group of `size` completions drawn from π, mean over the
    group."""
    theta = NEW.clone().requires_grad_()
    members = torch.tensor(list(product(range(N), repeat=size)))
    group = torch.arange(len(members)).repeat_interleave(size)
    flat = members.flatten()
    advantages = rule(REWARDS[flat], group).unsqueeze(-1).expand(len(flat), T)
    logp = logp_of(theta)[flat]
    per_token = loss(logp, logp.detach(), advantages=advantages, mask=MASK[flat]).per_token
    weight = probabilities(theta).detach()[members].prod(-1)
    return -torch.autograd.grad((weight * per_token.sum(-1).view(-1, size).mean(-1)).sum(), theta)[
        0
    ]


@pytest.mark.parametrize("size", [2, 3])
def test_group_baselines(size):
    exact = true_gradient(NEW)
    same(group_gradient(size, leave_one_out), exact, rtol=1e-11)
    # The group's own mean contains the completion: the direction is right, its length (G-1)/G.
    mean = group_gradient(size, lambda r, g: group_relative(r, g, scale=None))
    same(mean, exact * (size - 1) / size, rtol=1e-11)
    # Divided by the group's own standard deviation it is the gradient of something else.
    std = group_gradient(size, lambda r, g: group_relative(r, g, scale="std"))
    cosine = torch.nn.functional.cosine_similarity(std.flatten(), exact.flatten(), 0)
    assert 0 < cosine < 0.999


# Off-policy: the completions are sampled from π_old = OLD, the gradient is taken at π = NEW.
