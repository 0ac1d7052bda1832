"""What `token_microscope` shows: one real batch of `dial_rare`, token by token, after each of
sixteen updates.

The policy writes its steps only after an opener that is rare, so the tokens that have to grow have
small probabilities. The batch is used as in the recorded sweep `rare`: eight minibatches of two
prompts, twice over. Three policies learn from it. `python -m book.build.pack.packs token_microscope`
writes the record; a test makes its first updates again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

import trlib
from trbook.explorables.batch import logits
from trbook.explorables.recording import drawn, encode, updated
from trlib.advantages import group_relative
from trlib.algorithms import TokenLoss, dppo_loss, ppo_loss
from trlib.model.completions import Completions
from trlib.model.policy import Policy
from trlib.tasks.dial import CAREFUL

POLICY, PROMPTS, GROUP, SEED, MINIBATCHES, EPOCHS = "dial_rare", 16, 16, 0, 8, 2
UPDATES = MINIBATCHES * EPOCHS


dppo = partial(dppo_loss, delta_tv=0.15)
RUNS: dict[str, tuple[Callable[..., TokenLoss], float]] = {
    "ppo": (ppo_loss, 1e-4),
    "dppo": (dppo, 1e-4),
    "fast": (ppo_loss, 3e-4),
}
"""Each policy's loss and learning rate."""


def record(updates: int = UPDATES) -> dict[str, Any]:
    """The record of this many updates, JSON-able, as `built/token_microscope.data.json` holds
    it."""
    task, policy = trlib.load_task("dial"), trlib.load_policy(POLICY)
    shown, batch, rewards = drawn(policy, task, prompts=PROMPTS, group=GROUP, seed=SEED)
    with torch.no_grad():
        old = policy.score(batch).logp
    return {
        "command": "python -m book.build.pack.packs token_microscope",
        "updates": updates,
        **shown,
        "careful": sorted({row[0] for row in shown["words"]} & set(CAREFUL)),
        "old": logits(old[batch.mask]),
        "runs": {
            name: {"lr": lr, **_learn(loss, lr, batch, rewards, updates)}
            for name, (loss, lr) in RUNS.items()
        },
    }


def _learn(
    loss: Callable[..., TokenLoss], lr: float, batch: Completions, rewards: Tensor, updates: int
) -> dict[str, Any]:
    """The log-ratio of every token after each update, and the probability that a completion begins
    with care."""
    policy = trlib.load_policy(POLICY)
    advantages = group_relative(rewards, batch.group, scale=None)
    careful, moved = [_careful(policy, batch)], []
    parts = _minibatches()[:updates]
    for log_ratio in updated(policy, batch, advantages, parts, loss=loss, lr=lr):
        moved.append(log_ratio)
        careful.append(_careful(policy, batch))
    return {"careful": [round(value, 4) for value in careful], "moved": encode(torch.stack(moved))}


def _minibatches() -> list[Tensor]:
    """The completions of every update: two prompts each, all prompts in a new order for each
    epoch."""
    minibatches = []
    for epoch in range(EPOCHS):
        order = torch.randperm(PROMPTS, generator=torch.Generator().manual_seed(epoch))
        minibatches += [
            torch.cat([GROUP * prompt + torch.arange(GROUP) for prompt in part])
            for part in order.chunk(MINIBATCHES)
        ]
    return minibatches


@torch.no_grad()
def _careful(policy: Policy, batch: Completions) -> float:
    """The probability that a completion begins with a careful opener, mean over the prompts."""
    first = policy.score(batch.rows(torch.arange(0, len(batch), GROUP)), full=True).full[:, 0]
    ids = [policy.encode([word])[0][0] for word in CAREFUL]
    return float(first[:, ids].exp().sum(-1).mean())
