"""Five runs of one update on two processes, one healthy and four with a fault: a log to read in
chapter 12.

The two processes are simulated by two halves of one batch. Everything else is what it says: the
policy's own tokens, ratios, gradient and step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

import trlib
from trbook.rollout import adamw
from trlib.loop.sampler import cast, round_trip
from trlib.model.rollout import sample

if TYPE_CHECKING:
    import pandas as pd

GROUP, PROMPTS, LR = 8, 8, 1e-5
"""Completions per prompt, prompts per process, learning rate of the one AdamW step."""


@dataclass(frozen=True)
class Fault:
    """One of the runs."""

    name: str
    seeds: tuple[int, ...] = (100, 101)
    """The seed with which each process draws its prompts."""
    bits: int = 0
    """Bits to which the sampler's matrices are rounded; 0: not at all."""
    bfloat16: bool = False
    """The learner's weights are 16-bit numbers, and AdamW steps on them directly."""


RUNS = (
    Fault("healthy"),
    Fault("A", bits=4),
    Fault("B", seeds=(100, 100)),
    Fault("C", bfloat16=True),
    Fault("D", seeds=(100,)),
)


def strange_log() -> pd.DataFrame:
    """A row per run: completions, different prompts, mean |log r| before the step, gradient norm,
    weights changed."""
    import pandas as pd

    return pd.DataFrame([{"run": fault.name, **_update(fault)} for fault in RUNS]).set_index("run")


def _update(fault: Fault) -> dict[str, float]:
    task, learner, sampler = (
        trlib.load_task("dial"),
        trlib.load_policy("dial"),
        trlib.load_policy("dial"),
    )
    if fault.bits:
        with torch.no_grad():
            for weight in sampler.model.parameters():
                if weight.dim() >= 2:
                    weight.copy_(round_trip(weight, fault.bits))
    if fault.bfloat16:
        cast(learner.model, torch.bfloat16)
    prompts = [prompt for seed in fault.seeds for prompt in task.prompts(PROMPTS, seed=seed)]
    batch = sample(
        sampler,
        [prompt.text for prompt in prompts],
        group=GROUP,
        max_tokens=task.max_tokens,
        seed=0,
    )
    R = task.judge(prompts, batch).view(-1, GROUP)
    A = (R - R.mean(1, keepdim=True)).view(-1, 1)

    log_ratio = learner.score(batch).logp.float() - batch.logp
    weights = learner.parameters
    before = [weight.detach().clone() for weight in weights]
    optimizer = adamw(learner, LR)
    (-(A * log_ratio.exp())[batch.mask].mean()).backward()
    gradients = torch.stack(
        [weight.grad.float().norm() for weight in weights if weight.grad is not None]
    )
    optimizer.step()
    changed = sum(int((now != old).sum()) for now, old in zip(weights, before, strict=True))
    return {
        "completions": len(batch),
        "different prompts": len({prompt.text for prompt in prompts}),
        "mean |log r|": log_ratio[batch.mask].abs().mean().item(),
        "gradient norm": gradients.norm().item(),
        "weights changed": changed / sum(weight.numel() for weight in weights),
    }
