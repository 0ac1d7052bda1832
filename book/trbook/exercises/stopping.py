"""Training in which a rule of the reader's decides how long a batch is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import trlib
from trbook.exercises.attempt import call
from trbook.exercises.verdict import NotYet, kind
from trbook.rollout import adamw, descend, rollout
from trlib.algorithms import pg_is_loss

BATCHES, USES, LR = 10, 16, 1e-4
EARNED = 0.72
"""The mean reward that new completions must reach after training; with one epoch per batch, or with
sixteen, they reach less."""
AWAY = 0.01
"""The mean total variation per token beyond which the page's solution puts a batch away."""


@dataclass(frozen=True)
class Stopped:
    """What came of training with a rule."""

    updates: int
    reward: float
    """The mean reward of new completions afterwards."""
    moved: float
    """How far the policy had moved when a batch was put away or used up: the mean of |r - 1| / 2
    over its tokens."""
    used_up: int
    """Batches that the rule never put away."""


def stopped(enough: Callable[..., Any]) -> Stopped:
    """Ten batches of `dial`, each used without a region until the rule says that it is enough, at
    most sixteen times.

    Raises:
        NotYet: the rule raises an error, or says neither yes nor no.
    """
    policy, updates, moved, used_up = trlib.load_policy("dial"), 0, 0.0, 0
    optimizer = adamw(policy, LR)
    for number in range(BATCHES):
        batch, rewards = rollout(policy, number, prompts=16)
        advantages = (rewards - rewards.view(16, 8).mean(1).repeat_interleave(8))[
            :, None
        ].expand_as(batch.logp)
        with torch.no_grad():
            logp_mu = policy.score(batch).logp
        for _ in range(USES):
            logp = policy.score(batch).logp
            if _says_yes(enough, logp.detach().clone(), logp_mu.clone(), batch.mask.to(logp.dtype)):
                break
            tokens = pg_is_loss(logp, logp_mu, advantages=advantages, mask=batch.mask)
            updates += 1
            optimizer.param_groups[0]["lr"] = LR * min(1, updates / 10)
            loss = (tokens.per_token * batch.mask).sum() / batch.mask.sum()
            descend(policy, optimizer, loss)
        else:
            used_up += 1
        with torch.no_grad():
            far = (torch.exp(policy.score(batch).logp - logp_mu) - 1).abs() / 2
        moved += float(far[batch.mask].mean()) / BATCHES
    return Stopped(updates, float(rollout(policy, 99, prompts=64)[1].mean()), moved, used_up)


def _says_yes(enough: Callable[..., Any], *arguments: Tensor) -> bool:
    value = call(enough, *arguments)
    try:
        return bool(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise NotYet(
            f"expected `True` or `False`, but your function returns {kind(value)}."
        ) from error
