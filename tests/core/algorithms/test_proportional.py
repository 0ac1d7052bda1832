"""Every method's declaration that its loss is proportional to the advantage, held to the truth."""

import pytest
import torch

from tests.losses import D, batch
from trlib.algorithms import Scores
from trlib.algorithms.method import is_proportional
from trlib.methods import OBJECTIVES

DECLARED = [name for name, kind in OBJECTIVES.items() if is_proportional(type(kind()))]
B, T = 8, 5


def data(seed, anchor):
    """Ragged completions whose policy, old policy and sampler all differ; every third advantage is
    0."""
    g = torch.Generator().manual_seed(seed)
    old, now, rollout = (-3 * torch.rand(B, T, generator=g, dtype=D) for _ in range(3))
    mask = torch.arange(T) < torch.randint(1, T + 1, (B, 1), generator=g)
    advantages = torch.randn(B, 1, generator=g, dtype=D).expand(B, T).clone()
    advantages[::3] = 0
    known = {"logp_rollout": rollout, "logp_old": old, "advantages": advantages, "anchor": anchor}
    rewards = torch.rand(B, generator=g, dtype=D)
    held = batch(mask, rewards=rewards, group=torch.arange(B) // 4, **known)
    return now.requires_grad_(), held


@pytest.mark.parametrize("anchor", ["rollout", "recomputed"])
@pytest.mark.parametrize("name", DECLARED)
def test_a_completion_without_an_advantage_has_no_loss_no_weight_and_no_gradient(name, anchor):
    method = OBJECTIVES[name]()
    for seed in range(20):
        logp, held = data(seed, anchor)
        token_loss = method.objective(Scores(logp), held)
        (slope,) = torch.autograd.grad(method.loss(token_loss.per_token, held), logp)
        silent = held.mask & (held.advantages == 0)
        for values in (token_loss.per_token, token_loss.diagnostics["weight"], slope):
            assert bool((values[silent] == 0).all())
        learning = token_loss.diagnostics["kept"] & ~silent
        assert bool((slope[learning] != 0).any()) == bool(learning.any())
