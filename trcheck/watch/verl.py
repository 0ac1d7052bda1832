"""`trlib diagnose` inside the driver of verl's trainers: `watch()` in the module that
VERL_USE_EXTERNAL_MODULES names. It needs rollout.calculate_log_probs=True."""

import os
from collections.abc import Callable
from functools import partial, wraps
from importlib import import_module
from typing import Any

import numpy as np
import torch

from trcheck.watch import UNSEEN, Watch

TRAINERS = (
    "verl.trainer.ppo.ray_trainer",
    "verl.experimental.separation.ray_trainer",
    "verl.trainer.ppo.v1.utils",
)
"""Where verl's trainers compute advantages, in the driver, from a batch that has the log-probs."""
METRICS = "verl.trainer.ppo.metric_utils", *TRAINERS[:2], "verl.trainer.ppo.v1.trainer_base"
"""Where they compute what they log."""


def watch(
    every: int = 2,
    tokens: int = 50_000,
    against: str | os.PathLike[str] | None = None,
    *,
    use_v1: bool = True,
) -> None:
    """`trlib diagnose` on every `every`-th batch of the driver: `causes/found` and `causes/NAME`
    among the metrics that verl logs (tensorboard, wandb), evidence and advice as a warning. Calling
    it twice replaces the first.

    Args:
        tokens: at most so many places of the batch, as whole completions.
        against: a file, as of `trcheck.watch.Watch`.
        use_v1: as verl's trainer.use_v1: False, where the run has an older trainer.
    Raises ImportError: the trainer cannot be imported, and what it lacks."""
    look = _Look(Watch(every, tokens, against))
    missing = [_around(name, "compute_advantage", look.at) for name in TRAINERS]
    for name in METRICS:
        _around(name, "compute_data_metrics", look.report)
    if all(missing) or (use_v1 and missing[-1]):
        told = "; ".join(
            f"{name}: {why}" for name, why in zip(TRAINERS, missing, strict=True) if why
        )
        raise ImportError(
            "watch: expected verl's default trainer (use_v1=False: an older one), got none that can "
            f"be imported ({told})"
        )


def _around(module: str, name: str, around: Callable[..., Any]) -> str:
    """Put `around(function, ...)` in the place of a module's function, and return ""; or why the
    module cannot be imported: most often another one that is missing."""
    try:
        home = import_module(module)
    except ImportError as error:
        return str(error)
    function = getattr(home, name)
    function = getattr(function, "watched", function)
    wrapped: Any = wraps(function)(partial(around, function))
    wrapped.watched = function
    setattr(home, name, wrapped)
    return ""


class _Look:
    """A driver's last batch: looked at when its advantages are there, reported when metrics are
    made."""

    def __init__(self, watch: Watch) -> None:
        self.watch, self.step = watch, 0
        self.found: dict[str, float] = {}

    def at(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        data = function(*args, **kwargs)
        if self.watch.due(self.step):
            self.found = self._look(data)
        self.step += 1
        return data

    def report(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        found, self.found = self.found, {}
        return {**function(*args, **kwargs), **found}

    def _look(self, data: Any) -> dict[str, float]:
        batch = data.batch
        names = set(batch.keys())
        if "old_log_probs" not in names:
            self.watch.say("it needs `old_log_probs`, which this trainer's batch has not")
            return {}
        if "rollout_log_probs" not in names:
            self.watch.say(
                UNSEEN.format("it needs actor_rollout_ref.rollout.calculate_log_probs=True")
            )
        rows = self.watch.rows(batch["response_mask"])
        uid = list(data.non_tensor_batch.get("uid", ()))
        # Of the weights that began a completion, where a trainer keeps them (fully_async_policy).
        version = list(data.non_tensor_batch.get("min_global_steps", ()))
        more = {"tokens": batch["responses"][rows]} if "responses" in names else {}
        if "token_level_rewards" in names:
            more["reward"] = batch["token_level_rewards"][rows].sum(-1)
        if uid and len(batch["response_mask"][rows]) == len(uid):  # halves of groups tell nothing
            more["group"] = torch.from_numpy(np.unique(uid, return_inverse=True)[1])
        if version and None not in version:
            more["version"] = torch.tensor(version)[rows]
        return self.watch.look(
            logp=batch["old_log_probs"][rows],
            logp_old=batch["old_log_probs"][rows],
            logp_rollout=batch.get("rollout_log_probs", batch["old_log_probs"])[rows],
            advantage=batch["advantages"][rows],
            mask=batch["response_mask"][rows],
            **more,
        )
