"""A batch of the task `dial`: what a policy writes, and what the verifier gives for it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trlib.model.completions import Completions
from trlib.model.policy import Policy
from trlib.model.rollout import sample
from trlib.tasks import Prompt, Task, load_task


def rollout(
    policy: Policy, seed: int, *, prompts: int, group: int = 8
) -> tuple[Completions, Tensor]:
    """`group` completions of each of so many prompts, and their rewards [B]."""
    task = load_task("dial")
    asked = task.prompts(prompts, seed=seed)
    texts = [prompt.text for prompt in asked]
    batch = sample(policy, texts, group=group, max_tokens=task.max_tokens, seed=seed)
    return batch, rewards_of(task, asked, batch)


def rewards_of(task: Task, prompts: Sequence[Prompt], batch: Completions) -> Tensor:
    """[B] the verifier's rewards of a batch, which holds as many completions of every prompt."""
    each = len(batch) // len(prompts)
    return torch.tensor(
        [
            task.verify(prompts[i // each], text, ended=ended).reward
            for i, (text, ended) in enumerate(zip(batch.texts(), batch.ended.tolist(), strict=True))
        ]
    )
