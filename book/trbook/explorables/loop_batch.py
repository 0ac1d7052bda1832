"""What the figure of the loop carries around: groups of four completions that the shipped model
wrote.

Each group is a batch of its own: four completions of one prompt of `dial`, their rewards,
advantages and gradient weights, and what one step of REINFORCE makes of their probabilities.
`book.build.pack.packs` writes the file that `js/loop.js` reads.
"""

from __future__ import annotations

from typing import Any

import torch

from trbook.rollout import adamw
from trlib.advantages import group_relative
from trlib.aggregation import aggregate
from trlib.algorithms import reinforce_loss
from trlib.model.completions import Completions
from trlib.model.policy import load_policy
from trlib.model.rollout import sample
from trlib.tasks import Prompt, Task, load_task

GROUP = 4
SEED = 7
SHOWN = {"two": 0, "none": 1, "luck": 8}
"""Which prompts of that seed: two of the four completions are right; none is; the only right one is
a guess."""
LR = 1e-4
"""Chapter 1's, with its AdamW; one step from the shipped weights for each group."""
DIGITS = 5


def batch() -> dict[str, Any]:
    """The groups by name, and the learning rate; numbers to five significant digits."""
    task, policy = load_task("dial"), load_policy("dial")
    prompts = task.prompts(max(SHOWN.values()) + 1, seed=SEED)
    written = sample(
        policy,
        [prompt.text for prompt in prompts],
        group=GROUP,
        max_tokens=task.max_tokens,
        seed=SEED,
    )
    return {
        "lr": LR,
        "groups": {
            name: _around(task, prompts[i], written.rows(torch.arange(GROUP) + GROUP * i))
            for name, i in SHOWN.items()
        },
    }


def _around(task: Task, prompt: Prompt, written: Completions) -> dict[str, Any]:
    """One group carried around the loop: rollout, advantage, objective, update."""
    policy, mask = load_policy("dial"), written.mask
    verdicts = [
        task.verify(prompt, text, ended=ended)
        for text, ended in zip(written.texts(), written.ended.tolist(), strict=True)
    ]
    rewards = torch.tensor([verdict.reward for verdict in verdicts])
    advantages = group_relative(rewards, written.group, scale=None)

    logp = policy.score(written).logp
    loss = reinforce_loss(logp, advantages=advantages[:, None].expand_as(logp), mask=mask)
    total = aggregate(loss.per_token, mask, "token-mean")

    optimizer = adamw(policy, LR)
    total.backward()
    length = torch.stack([p.grad.norm() for p in policy.parameters if p.grad is not None]).norm()
    optimizer.step()
    with torch.no_grad():
        logp_after = policy.score(written).logp

    before, after = (
        (tokens.detach() * mask).sum(1).exp().tolist() for tokens in (logp, logp_after)
    )
    weights = loss.diagnostics["weight"]
    return {
        "prompt": prompt.text,
        "answer": prompt.answer,
        "loss": _short(total.item()),
        "gradient": _short(length.item()),
        "rows": [
            {
                "text": text,
                "tokens": int(mask[i].sum()),
                "reward": int(verdict.reward),
                "why": verdict.reason,
                "advantage": _short(advantages[i].item()),
                "weight": _short(weights[i][mask[i]][0].item()),
                "before": _short(before[i]),
                "after": _short(after[i]),
            }
            for i, (text, verdict) in enumerate(zip(written.texts(), verdicts, strict=True))
        ],
    }


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
