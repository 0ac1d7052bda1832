"""What a batch's updates did to completions that they did not see: prompts from the same
distribution, the same policy, put aside.

Before each batch's updates the policy writes as many completions of other prompts as it learns from
at once. After them both are scored again:

- `kl_aside`: KL(μ || π) on those put aside, as the history's `kl` is on the batch's own;
- `gain`: the mean of (r - 1) A over the tokens of the batch's first prompts, r = π(y)/μ(y), A the
  reward less its group's mean, whatever advantage the method itself takes: what the batch promises
  that the step has won;
- `gain_aside`: the same over those put aside: what the step has won there;
- `rank`: how many directions of the last hidden layer hold 99 % of its energy over the tokens put
  aside. It falls where features collapse (Moalla et al. 2024, arXiv 2405.00662);
- `fits`: the updates that the batch made.

`gain` less `gain_aside` is the luck that was fitted. Both are NaN where an older policy wrote the
batch (`lag`): its ratio then holds what earlier batches did. Every draw has its own generator, so a
run with these columns is the same, to the last bit, as one without them. With one update per batch
it is the same but for rounding: the loop then scores the batch in a pass of its own before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from trlib.advantages import group_relative
from trlib.algorithms.method import Method
from trlib.loop.probe import measure
from trlib.model.completions import Completions
from trlib.model.rollout import sample
from trlib.seeds import derive, generator
from trlib.tasks import verify_batch

if TYPE_CHECKING:
    from trlib.loop.minibatch import Minibatch
    from trlib.tasks.task import Task

COLUMNS = ("kl_aside", "gain", "gain_aside", "rank", "fits")
"""Columns of a history that only runs with completions put aside have."""
PROMPTS = 16
"""Prompts that are put aside, and of the batch's own that `gain` looks at: what an update sees at
least."""
ENERGY = 0.99
"""The share of the hidden layer's energy that `rank` asks for."""


def with_heldout_columns(method: Method, task: Task, every: int = 1) -> Method:
    """The method, whose runs on this task also record `COLUMNS`, in every `every`-th batch."""

    whole = type(method).update

    def update(self: Method, step: Minibatch) -> None:
        if step.batch.number % every:
            whole(self, step)
            return
        before = _put_aside(step, task)
        whole(self, step)
        step.batch.memory.update(_after(step, *before))

    return replaced(method, update=update)


def replaced(method: Method, **functions: Callable[..., Any]) -> Method:
    """A method of the same name and settings with other functions."""
    kind = type(
        type(method).__name__,
        (type(method),),
        {**functions, "__module__": type(method).__module__, "may_stop": method.may_stop},
    )
    same: Method = kind(**{f.name: getattr(method, f.name) for f in fields(method) if f.init})
    return same


def _put_aside(step: Minibatch, task: Task) -> tuple[Completions, Tensor]:
    """Completions by the policy before the batch's updates, and their rewards [B]."""
    s, number = step.learner.settings, step.batch.number
    prompts = task.prompts(PROMPTS, seed=derive(s.seed, "aside", number))
    probe = [i * PROMPTS * s.group // s.probe for i in range(min(s.probe, PROMPTS * s.group))]
    aside = sample(
        step.learner.policy,
        [prompt.text for prompt in prompts],
        group=s.group,
        temperature=s.temperature,
        max_tokens=step.batch.horizon,
        seed=generator(s.seed, "aside", number, "sample"),
        full_rows=probe,
        ends_at=getattr(task, "ends_at", None),
    )
    rewards = [verdict.reward for verdict in verify_batch(task, prompts, aside)]
    return aside, torch.tensor(rewards, dtype=torch.float32)


@torch.no_grad()
def _after(step: Minibatch, aside: Completions, rewards: Tensor) -> dict[str, float]:
    s, policy, batch = step.learner.settings, step.learner.policy, step.batch
    own = torch.arange(min(PROMPTS * s.group, len(batch.mask)))
    asked: dict[str, Any] = {"temperature": s.temperature}
    scored = policy.score(aside, full=True, hidden=True, **asked)
    probe = aside.rows(aside.full_rows)
    columns = {
        "kl_aside": measure(aside.full, scored.full[aside.full_rows], probe.tokens, probe.mask)[0][
            "kl"
        ],
        "gain": math.nan,
        "gain_aside": math.nan,
        "rank": _rank(scored.hidden[aside.mask]),
        "fits": float(len(step.done)),
    }
    if not s.lag:
        columns["gain"] = _gain(
            policy.score(step.completions.rows(own), **asked).logp,
            step.completions.rows(own),
            batch.rewards[own],
        )
        columns["gain_aside"] = _gain(scored.logp, aside, rewards)
    return columns


def _rank(hidden: Tensor) -> float:
    """The fewest singular directions of the tokens' hidden states [N, H] that hold `ENERGY` of the
    sum of squares."""
    energy = torch.linalg.svdvals(hidden.double()).square().cumsum(0)
    return float((energy < ENERGY * energy[-1]).sum() + 1)


def _gain(logp: Tensor, completions: Completions, rewards: Tensor) -> float:
    """Mean of (r - 1) A over tokens, A the reward less the mean of its group."""
    advantages = group_relative(rewards, completions.group, scale=None)
    terms = torch.expm1(logp - completions.logp) * advantages.unsqueeze(-1)
    return float(terms[completions.mask].double().mean())
