"""What `token_microscope` shows: one real batch of `dial_rare`, token by token, after each of
sixteen updates.

The policy writes its steps only after an opener that is rare, so the tokens that have to grow have
small probabilities. The batch is used as in the recorded sweep `rare`: eight minibatches of two
prompts, twice over. Three policies learn from it. `python -m tools.pack.packs token_microscope`
writes the record; a test makes its first updates again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import trlib
from trbook.explorables.batch import logits
from trbook.explorables.recording import LARGEST, encode
from trbook.rollout import rewards_of
from trlib.algorithms import TokenLoss, dppo_loss, ppo_loss
from trlib.model.completions import Completions
from trlib.model.policy import Policy
from trlib.model.rollout import sample
from trlib.tasks.dial import CAREFUL

POLICY, PROMPTS, GROUP, SEED, MINIBATCHES, EPOCHS = "dial_rare", 16, 16, 0, 8, 2
UPDATES = MINIBATCHES * EPOCHS
DELTA_TV = 0.15


@dataclass(frozen=True)
class Run:
    """How one of the policies learned."""

    loss: Callable[..., TokenLoss]
    lr: float


def _dppo(logp: Tensor, old: Tensor, *, advantages: Tensor, mask: Tensor) -> TokenLoss:
    return dppo_loss(logp, old, advantages=advantages, mask=mask, delta_tv=DELTA_TV)


RUNS = {"ppo": Run(ppo_loss, 1e-4), "dppo": Run(_dppo, 1e-4), "fast": Run(ppo_loss, 3e-4)}


def record(updates: int = UPDATES) -> dict[str, Any]:
    """The record of this many updates, JSON-able, as `built/token_microscope.data.json` holds
    it."""
    task, policy = trlib.load_task("dial"), trlib.load_policy(POLICY)
    prompts = task.prompts(PROMPTS, seed=SEED)
    batch = sample(
        policy,
        [prompt.text for prompt in prompts],
        group=GROUP,
        max_tokens=task.max_tokens,
        seed=SEED,
    )
    rewards = rewards_of(task, prompts, batch)
    words = [
        [policy.tokenizer.decode([token]) for token in row[kept].tolist()]
        for row, kept in zip(batch.tokens, batch.mask, strict=True)
    ]
    with torch.no_grad():
        old = policy.score(batch).logp
    return {
        "command": "python -m tools.pack.packs token_microscope",
        "updates": updates,
        "largest": LARGEST,
        "group": GROUP,
        "prompts": [prompt.text for prompt in prompts],
        "rewards": rewards.int().tolist(),
        "words": words,
        "careful": sorted({row[0] for row in words} & set(CAREFUL)),
        "old": logits(old[batch.mask].tolist()),
        "runs": {
            name: {"lr": run.lr, **_learn(run, batch, rewards, old, words, updates)}
            for name, run in RUNS.items()
        },
    }


def _learn(
    run: Run, batch: Completions, rewards: Tensor, old: Tensor, words: list[list[str]], updates: int
) -> dict[str, Any]:
    """The log-ratio of every token after each update, and the probability that a completion begins
    with care."""
    policy = trlib.load_policy(POLICY)
    groups = rewards.view(-1, GROUP)
    advantages = (groups - groups.mean(1, keepdim=True)).flatten()[:, None].expand_as(old)
    optimizer = torch.optim.AdamW(policy.parameters, lr=run.lr, betas=(0.9, 0.95), weight_decay=0.0)
    careful, moved = [_careful(policy, batch)], []
    for rows in _minibatches()[:updates]:
        part = batch.rows(rows)
        per_token = run.loss(
            policy.score(part).logp, old[rows], advantages=advantages[rows], mask=part.mask
        ).per_token
        optimizer.zero_grad()
        ((per_token * part.mask).sum() / part.mask.sum()).backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters, 1.0)
        optimizer.step()
        with torch.no_grad():
            moved.append((policy.score(batch).logp - old)[batch.mask])
        careful.append(_careful(policy, batch))
    return {"careful": [round(value, 4) for value in careful], "moved": encode(torch.stack(moved))}


def _minibatches() -> list[Tensor]:
    """The completions of every update: two prompts each, all prompts in a new order for each
    epoch."""
    found = []
    for epoch in range(EPOCHS):
        order = torch.randperm(PROMPTS, generator=torch.Generator().manual_seed(epoch))
        found += [
            torch.cat([GROUP * prompt + torch.arange(GROUP) for prompt in part])
            for part in order.chunk(MINIBATCHES)
        ]
    return found


@torch.no_grad()
def _careful(policy: Policy, batch: Completions) -> float:
    """The probability that a completion begins with a careful opener, mean over the prompts."""
    first = policy.score(batch.rows(torch.arange(0, len(batch), GROUP)), full=True).full[:, 0]
    ids = [policy.encode([word])[0][0] for word in CAREFUL]
    return float(first[:, ids].exp().sum(-1).mean())
