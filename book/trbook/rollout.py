"""A batch of the task `dial`, what the verifier gives for it, and a step of AdamW on it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from trlib.model.completions import Completions
from trlib.model.policy import Policy
from trlib.model.rollout import sample
from trlib.tasks import load_task


def rollout(
    policy: Policy, seed: int, *, prompts: int, group: int = 8
) -> tuple[Completions, Tensor]:
    """`group` completions of each of so many prompts, and their rewards [B]."""
    task = load_task("dial")
    asked = task.prompts(prompts, seed=seed)
    texts = [prompt.text for prompt in asked]
    batch = sample(policy, texts, group=group, max_tokens=task.max_tokens, seed=seed)
    return batch, task.judge(asked, batch)


def adamw(policy: Policy, lr: float) -> torch.optim.Optimizer:
    """The optimizer of the book's short runs."""
    return torch.optim.AdamW(policy.parameters, lr=lr, betas=(0.9, 0.95), weight_decay=0.0)


def descend(policy: Policy, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step, with the gradient cut at a norm of 1."""
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(policy.parameters, 1.0)
    optimizer.step()


def position(policy: Policy) -> Tensor:
    """All parameters in a row."""
    return parameters_to_vector(policy.parameters).detach()
