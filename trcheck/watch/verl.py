"""`trlib diagnose` inside the driver of verl's trainers, and how far a batch takes the policy:
`watch()` and `distance()` in the module that VERL_USE_EXTERNAL_MODULES names. The first needs
rollout.calculate_log_probs=True."""

import os
from collections.abc import Callable
from functools import partial, wraps
from importlib import import_module
from itertools import count
from typing import Any

import numpy as np
import torch

from trcheck.watch import UNSEEN, Watch, moved
from trlib.checks import whole

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
        reasons = "; ".join(
            f"{name}: {why}" for name, why in zip(TRAINERS, missing, strict=True) if why
        )
        raise ImportError(
            "watch: expected verl's default trainer (use_v1=False: an older one), got none that can "
            f"be imported ({reasons})"
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


def distance(every: int = 1, *, aside: bool = False) -> None:
    """Log how far an update takes the policy, measured after it: `actor/distance_kl`, k3 of
    KL(π before || π after) in nats per token, over the minibatch of the update. verl's `actor/ppo_kl`
    is taken before the update, and is 0 where one update follows a batch. Each worker scores the
    minibatch before and after (two forward passes); where the batch has the sampler's log-probs,
    `actor/distance_sampler_kl` is KL(μ || π before), which verl does not log in bypass mode. Calling
    it twice replaces the first.

    Args:
        every: so many updates of the worker are one that is measured.
        aside: every second completion is left out of the loss, these are measured from the first
            update on, and a line after each update says `kl` and `gain`, the mean of
            (π/π_first - 1) A. With actor.ppo_epochs=32, ppo_mini_batch_size as large as
            train_batch_size, and trainer.total_training_steps=1, one batch is fitted 32 times, and
            the KL where the gain stops rising is how far a batch may take this policy.
    """
    from verl.workers.engine.base import BaseEngine

    whole("every", every, least=1)
    own = getattr(BaseEngine.train_batch, "measured", BaseEngine.train_batch)
    first, updates = list[torch.Tensor](), count(1)

    @wraps(own)
    def train_batch(self: Any, data: Any, loss_function: Any) -> Any:
        update = next(updates)
        if update % every and not aside:
            return own(self, data, loss_function)
        before, fitted, kept = _scored(self, data), data, torch.arange(len(data)) % 2 == 0
        if aside:
            fitted = data.clone(recurse=False)
            for name in {"response_mask", "loss_mask"} & {*data.keys()}:
                fitted[name] = _rows(data[name], kept)
        with self.train_mode(disable_auto_offload=True):
            outputs = own(self, fitted, loss_function)
        after = _scored(self, data)
        if before is None or after is None:  # no outputs on this rank
            return outputs
        mask, advantage = (_padded(data, x).to(after) for x in ("response_mask", "advantages"))
        mask = mask.bool() & ~kept.to(mask.device)[:, None] if aside else mask.bool()
        first[:] = first or [before]
        kl, gain, tokens = moved(first[0] if aside else before, after, advantage, mask)
        means = {"kl": kl / tokens.clamp(min=1)}
        if "rollout_log_probs" in data:
            sampler = _padded(data, "rollout_log_probs").to(before)
            apart, _, tokens = moved(sampler, before, advantage, mask)
            means["sampler_kl"] = apart / tokens.clamp(min=1)
        if aside:
            means["gain"] = gain / tokens.clamp(min=1)
            line = f"update {update}, kl {means['kl']:.4g}, gain {means['gain']:+.4g}"
            print(f"distance: {line}", flush=True)
        metrics = {f"actor/distance_{name}": [float(value)] for name, value in means.items()}
        outputs["metrics"].update(metrics)
        return outputs

    train_batch.measured = own  # type: ignore[attr-defined]
    setattr(BaseEngine, "train_batch", train_batch)  # noqa: B010  a method, to a type checker


def _scored(engine: Any, data: Any) -> torch.Tensor | None:
    """[B, T] log-probs of a minibatch's completions by the weights as they are; None on a rank
    without outputs."""
    from verl.workers.utils.padding import no_padding_2_padding

    with engine.eval_mode(disable_auto_offload=True):
        outputs = engine.infer_batch(data)
    if not engine.is_mp_src_rank_with_outputs():
        return None
    return no_padding_2_padding(outputs["model_output"]["log_probs"], data).float()


def _padded(data: Any, name: str) -> torch.Tensor:
    values = data[name]
    return values.to_padded_tensor(0) if values.is_nested else values


def _rows(values: Any, kept: torch.Tensor) -> Any:
    """A mask with 0 in the other rows."""
    if not values.is_nested:
        return values * kept.to(values.device)[:, None]
    rows = [row * bool(keep) for row, keep in zip(values.unbind(), kept, strict=True)]
    return torch.nested.as_nested_tensor(rows, layout=torch.jagged)
