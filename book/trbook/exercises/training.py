"""The last exercise of a chapter: a short training run with what the reader wrote, beside the
library's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from trbook.exercises.verdict import NotYet
from trlib.algorithms import PPO, Method, TokenLoss

COMPARED = ("reward", "kl", "grad_norm")
"""Columns of a run's history that must agree."""
RTOL = 1e-3


def trained(yours: Method, ours: Method, *, task: str = "dial", lag: int = 0, **knobs: Any) -> str:
    """Three batches of a task with each method, four updates per batch, from the same seed; says
    what came out.

    Args:
        task: an embedded task, with these knobs.
        lag: batches by which the sampler is behind.

    Raises:
        NotYet: the two runs differ.
    """
    mine, reference = (_history(method, task, lag, knobs) for method in (yours, ours))
    for column in COMPARED:
        for batch, (a, b) in enumerate(zip(mine[column], reference[column], strict=True)):
            if not math.isclose(a, b, rel_tol=RTOL, abs_tol=1e-6):
                raise NotYet(
                    "your function is right on the drawn inputs, but in training it differs from "
                    f"the library's: `{column}` of batch {batch} is {a:.4g} instead of {b:.4g}. "
                    "Does it depend on a shape, or on something outside of it?"
                )
    return (
        f"Three batches of `{task}` with your function gave the library's run: rewards "
        f"{', '.join(f'{reward:.2f}' for reward in mine['reward'])}; in the last, "
        f"{mine['kl'][-1]:.3f} nats per token."
    )


def with_loss(loss: Callable[..., Any], old: str = "logp_anchor") -> PPO:
    """PPO with a loss of its own.

    Args:
        loss: takes log-probs, the old ones, advantages and the mask, [B, T] each.
        old: the batch's name for the old log-probs.
    """

    class Yours(PPO):
        def objective(self, scores: Any, batch: Any) -> TokenLoss:
            return TokenLoss(loss(scores.logp, getattr(batch, old), batch.advantages, batch.mask))

    return Yours()


def _history(method: Method, task: str, lag: int, knobs: dict[str, Any]) -> dict[str, list[float]]:
    import trlib

    run = trlib.train(
        trlib.load_policy(task),
        trlib.load_task(task, **knobs),
        method,
        seed=0,
        steps=3,
        prompts=8,
        group=8,
        minibatches=2,
        epochs=2,
        lag=lag,
        progress=False,
    )
    columns: Any = run.history
    return {name: columns[name].tolist() for name in COMPARED}
