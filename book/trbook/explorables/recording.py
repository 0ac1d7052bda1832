"""What `staleness` shows: one real batch of `dial`, used for 32 updates, with every token's ratio
after each of them.

Two policies learn from the same batch, one without a region and one with PPO's clip. The record
holds the log-ratio of every sampled token to the policy that sampled, and what either policy earns
with new completions after each update. `python -m book.build.pack.packs staleness` writes it; a test
makes its first updates again.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

import trlib
from trbook.rollout import adamw, descend
from trlib.advantages import group_relative
from trlib.algorithms import TokenLoss, pg_is_loss, ppo_loss
from trlib.model.completions import Completions
from trlib.model.policy import Policy
from trlib.model.rollout import sample
from trlib.tasks.task import Task

PROMPTS, GROUP, SEED, LR, UPDATES = 8, 8, 0, 3e-4, 32
"""Of the seeds 0 to 7 this one is in the middle by what the clip changes after the last update: with
three others new completions earn more with it, with four less."""
TESTED, EACH = 64, 4
"""New prompts whose completions show what a policy earns, and completions of each."""
LARGEST = 6.0
"""The largest log-ratio that the record can hold; what lies beyond is recorded as this."""
LOSSES: dict[str, Callable[..., TokenLoss]] = {"none": pg_is_loss, "ppo": ppo_loss}


def record(updates: int = UPDATES) -> dict[str, Any]:
    """The record of this many updates, JSON-able, as `built/staleness.data.json` holds it."""
    task, policy = trlib.load_task("dial"), trlib.load_policy("dial")
    shown, batch, rewards = drawn(policy, task, prompts=PROMPTS, group=GROUP, seed=SEED)
    return {
        "command": "python -m book.build.pack.packs staleness",
        "lr": LR,
        "updates": updates,
        **shown,
        "runs": {name: _run(loss, task, batch, rewards, updates) for name, loss in LOSSES.items()},
    }


def drawn(
    policy: Policy, task: Task, *, prompts: int, group: int, seed: int
) -> tuple[dict[str, Any], Completions, Tensor]:
    """A batch of a task: what a record says of it, its completions, and their rewards."""
    asked = task.prompts(prompts, seed=seed)
    texts = [prompt.text for prompt in asked]
    batch = sample(policy, texts, group=group, max_tokens=task.max_tokens, seed=seed)
    rewards = task.judge(asked, batch)
    words = [
        [policy.tokenizer.decode([token]) for token in row[kept].tolist()]
        for row, kept in zip(batch.tokens, batch.mask, strict=True)
    ]
    shown = {"largest": LARGEST, "group": group, "prompts": texts, "words": words}
    return {**shown, "rewards": rewards.int().tolist()}, batch, rewards


def updated(
    policy: Policy,
    batch: Completions,
    advantages: Tensor,
    parts: Iterable[Tensor],
    *,
    loss: Callable[..., TokenLoss],
    lr: float,
) -> Iterator[Tensor]:
    """Makes an update on each part of a batch; gives the log-ratio of every token to the policy
    that sampled, [tokens], after each.

    Args:
        policy: as it sampled; it is trained.
        advantages: [B], one per completion.
        parts: the rows of every update.
    """
    with torch.no_grad():
        old = policy.score(batch).logp
    optimizer = adamw(policy, lr)
    for rows in parts:
        part, own = batch.rows(rows), advantages[rows, None]
        logp = policy.score(part).logp
        per_token = loss(logp, old[rows], advantages=own.expand_as(logp), mask=part.mask).per_token
        descend(policy, optimizer, (per_token * part.mask).sum() / part.mask.sum())
        with torch.no_grad():
            moved = policy.score(batch).logp - old
        yield moved[batch.mask]


def _run(
    loss: Callable[..., TokenLoss], task: Task, batch: Completions, rewards: Tensor, updates: int
) -> dict[str, Any]:
    """Use the batch again and again: what the policy earns, and the log-ratio of every token, after
    each update."""
    policy = trlib.load_policy("dial")
    advantages = group_relative(rewards, batch.group, scale=None)
    earned, moved = [_earned(policy, task)], []
    whole = updates * [torch.arange(len(batch))]
    for log_ratio in updated(policy, batch, advantages, whole, loss=loss, lr=LR):
        moved.append(log_ratio)
        earned.append(_earned(policy, task))
    return {"earned": [round(value, 4) for value in earned], "moved": encode(torch.stack(moved))}


def _earned(policy: Policy, task: Task) -> float:
    """The mean reward of new completions of prompts that are not in the batch."""
    prompts = task.prompts(TESTED, seed=SEED + 1)
    fresh = sample(
        policy,
        [prompt.text for prompt in prompts],
        group=EACH,
        max_tokens=task.max_tokens,
        seed=SEED,
    )
    return task.judge(prompts, fresh).mean().item()


def encode(log_ratio: Tensor) -> str:
    """Log-ratios as one signed byte each, in base64: finest near 0, where windows end.

    A byte c stands for sign(c) · 6 (c/127)², so a ratio near 1.2 is kept to within 0.01, and one
    near 1 far closer.
    """
    code = 127 * (log_ratio.abs().clamp(max=LARGEST) / LARGEST).sqrt() * log_ratio.sign()
    return base64.b64encode(code.round().to(torch.int8).numpy().tobytes()).decode()


def decode(text: str, tokens: int) -> Tensor:
    """[updates, tokens] float64 log-ratios from what `encode` made."""
    code = (
        torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.int8)
        .double()
        .view(-1, tokens)
    )
    return code.sign() * LARGEST * (code / 127) ** 2
