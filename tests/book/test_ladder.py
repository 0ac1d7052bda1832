"""The ladder: every rung runs and is the library's loss, value and gradient; each changes one line;
curves are those of the record."""

import pytest
import torch

from trbook.ladder import RUNGS, Tokens
from trlib.algorithms import (
    dppo_loss,
    gspo_loss,
    pg_is_loss,
    ppo_loss,
    quatro_loss,
    reinforce_loss,
    troll_loss,
)


def batch(seed):
    """Logits, and a batch made of them: two prompts with four completions each, so far from the old
    policy that every region binds somewhere."""
    draw = torch.Generator().manual_seed(seed)
    old = 1.5 * torch.randn(8, 5, 6, generator=draw, dtype=torch.float64)
    now = (
        old
        + 0.9
        * torch.randn(8, 5, 6, generator=draw, dtype=torch.float64)
        * (torch.arange(8) % 3)[:, None, None]
    )
    mask = torch.arange(5) < torch.randint(2, 6, (8, 1), generator=draw)
    rewards = torch.tensor([1.0, 0, 0, 1, 0, 1, 0, 0], dtype=torch.float64)
    now.requires_grad_()
    return now, Tokens(
        now.log_softmax(-1),
        old.log_softmax(-1),
        torch.randint(0, 6, (8, 5), generator=draw),
        rewards[:, None],
        torch.arange(8) // 4,
        mask,
    )


def library(name, b):
    own = {"advantages": b.A.expand_as(b.logp), "mask": b.mask}
    return {
        "REINFORCE with plain rewards": lambda: reinforce_loss(
            b.logp, advantages=b.R.expand_as(b.logp), mask=b.mask
        ),
        "REINFORCE with a baseline": lambda: reinforce_loss(b.logp, **own),
        "The ratio": lambda: pg_is_loss(b.logp, b.old, **own),
        "PPO's clip": lambda: ppo_loss(b.logp, b.old, **own),
        "Clip-higher": lambda: ppo_loss(b.logp, b.old, **own, eps_high=0.28),
        "One ratio for a completion": lambda: gspo_loss(b.logp, b.old, **own),
        "A divergence instead of the ratio": lambda: dppo_loss(b.logp, b.old, **own, delta_tv=0.15),
        "A constraint for each prompt": lambda: quatro_loss(
            b.logp, b.old, rewards=b.R[:, 0], group=b.group, mask=b.mask
        ),
        "A projection": lambda: troll_loss(b.full, b.full_old, tokens=b.tokens, **own),
    }[name]()


def slope(loss, mask, logits):
    """The gradient of the tokens' losses, each weighted differently, so that none stands for
    another."""
    weights = torch.arange(1.0, mask.numel() + 1).view_as(mask)
    return torch.autograd.grad(
        (weights * loss.masked_fill(~mask, 0.0)).sum(), logits, retain_graph=True
    )[0]


@pytest.mark.parametrize("rung", RUNGS, ids=lambda rung: rung.name)
def test_a_rung_is_the_library_s_loss(rung):
    kept_parts = []
    for seed in range(4):
        logits, b = batch(seed)
        found, wanted = rung.loss(b), library(rung.name, b)
        torch.testing.assert_close(
            slope(found, b.mask, logits),
            slope(wanted.per_token, b.mask, logits),
            rtol=1e-6,
            atol=1e-8,
        )
        torch.testing.assert_close(found[b.mask], wanted.per_token[b.mask], rtol=1e-6, atol=1e-8)
        kept_parts.append(wanted.diagnostics["kept"][b.mask])
    kept = torch.cat(kept_parts)
    if rung.label in ("ppo", "clip-higher", "gspo", "dppo-tv"):
        assert 0 < int((~kept).sum()) < len(kept), (
            "the region binds on these batches, and not everywhere"
        )
