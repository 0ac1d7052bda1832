"""Every method's declaration that its loss is proportional to the advantage, held to the truth."""

import pytest
import torch

from tests.by_day import in_their_ring
from tests.losses import batch, tokens
from trlib.algorithms import Scores
from trlib.algorithms.method import is_proportional
from trlib.methods import OBJECTIVES

DECLARED = [name for name, kind in OBJECTIVES.items() if is_proportional(type(kind()))]


def data(seed, anchor):
    """A policy, and completions whose old policy and sampler differ from it and from each other;
    every third advantage is 0."""
    b = tokens(seed, b=8)
    advantages = b["advantages"] * (torch.arange(8) % 3 > 0).unsqueeze(1)
    known = {"logp_rollout": b["logp_rollout"], "logp_old": b["logp_anchor"], "anchor": anchor}
    rest = {"advantages": advantages, "rewards": b["rewards"], "group": torch.arange(8) // 4}
    return b["logp"].requires_grad_(), batch(b["mask"], **known, **rest)


@pytest.mark.parametrize("anchor", ["rollout", "recomputed"])
@pytest.mark.parametrize("name", in_their_ring(DECLARED))
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
