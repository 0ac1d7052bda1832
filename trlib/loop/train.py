"""`trlib.train`: its arguments, what they mean, and what is checked before a run begins."""

import os
from collections.abc import Callable, Sequence
from dataclasses import fields
from textwrap import fill
from typing import Any

from trlib.algorithms.method import Method
from trlib.fields import settings as settings_of
from trlib.loop import requirements
from trlib.loop.callbacks import Callbacks
from trlib.loop.loop import Loop
from trlib.loop.optimizers import maker
from trlib.loop.saving import checkpoints
from trlib.loop.saving.run import Run
from trlib.loop.settings import Anchor, Precision, RunSettings, Schedule
from trlib.model.policy import Policy
from trlib.other_names import names_its_arguments
from trlib.tasks.data import Reward, task_of
from trlib.tasks.task import Task, check_task


@names_its_arguments
def train(
    policy: Policy,
    task: Task | Sequence[Any] | Any,
    method: Method,
    *,
    reward: Reward | Sequence[Reward] | None = None,
    eval_dataset: Any = None,
    callbacks: Sequence[Any] = (),
    steps: int,
    seed: int = 0,
    prompts: int = 16,
    group: int = 16,
    temperature: float = 1.0,
    max_tokens: int | None = None,
    minibatches: int = 1,
    epochs: int = 1,
    lr: float = 1e-4,
    betas: tuple[float, float] = (0.9, 0.95),
    weight_decay: float = 0.0,
    warmup: int = 10,
    schedule: Schedule = "constant",
    grad_norm: float = 1.0,
    anchor: Anchor | None = None,
    optimizer: str | Callable[..., Any] = "adamw",
    lag: int = 0,
    segments: int = 1,
    sampler: Precision = "fp32",
    logit_noise: float = 0.0,
    probe: int = 32,
    checkpoint_every: int = 10,
    evaluate_every: int = 0,
    reward_timeout: float | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool = True,
    filter_overlong_prompts: bool = True,
    at_once: int | None = None,
    micro_batch_size: int | None = None,
) -> Run:
    """Train `policy` in place on `task` by `method`.

    Args:
        policy: what learns, from `trlib.load_policy`; it is changed in place.
        task: what it learns, from `trlib.load_task`; or, with `reward`, a `datasets.Dataset` or a
            list of prompts (`trlib.tasks.DataTask` says what a row may be).
        method: how, such as `trlib.algorithms.GRPO()`.
        reward: a reward function as TRL takes it, `reward(prompts, completions, **columns)`, which
            returns a number for each completion; or several, whose rewards are added. Only with
            prompts as `task`.
        eval_dataset: what `evaluate_every` measures on: a task, or prompts for the same `reward`;
            by default the run's own task. Prompts of a data set on which it is trained say nothing
            about others.
        callbacks: objects whose methods are called during the run (`trlib.loop.callbacks`):
            on_train_begin, on_step_end, on_log, on_evaluate, on_save, on_train_end.
        {settings}

    The first Ctrl-C or SIGTERM ends the run after the current batch, saved and valid; a second one
    ends it at once.

    Raises:
        ValueError, TypeError: an argument out of its range, or one that does not exist.
        CheckpointError: `out` cannot be written, is in use by another process, holds another run,
            or a damaged one.
        NonFiniteError: NaN or inf in a loss or a gradient.
        MethodError: a function of the method, the task's verifier or a callback raised an error or
            returned something unusable, or the verifier took longer than `reward_timeout`.
        DemonstrationError: an expert's answer that the method asks for is missing, wrong or too
            long.

    Whatever an error inside of a run is, it names the batch and carries the run so far
    (`error.run`). Every batch that has ended is in `history.jsonl` in `out`, the last checkpoint
    there is whole, and the run goes on from it, bit for bit. If the batch failed before it began to
    learn, as where a verifier raises an error, the checkpoint has every batch before it."""
    given = dict(locals())
    if not isinstance(policy, Policy):
        raise TypeError(
            f"policy: expected a policy such as trlib.load_policy('dial'), got {policy!r}"
        )
    measured_on = None
    if eval_dataset is not None:
        own = None if hasattr(eval_dataset, "verify") else reward
        measured_on = task_of(eval_dataset, own, "eval_dataset")
        check_task(measured_on, argument="eval_dataset")
    task = task_of(task, reward)
    check_task(task)
    if not isinstance(method, Method):
        raise TypeError(
            f"method: expected a method such as trlib.algorithms.GRPO(), got {method!r}"
        )
    settings = RunSettings(
        **{f.name: given[f.name] for f in fields(RunSettings)}, micro_batch_size=micro_batch_size
    )
    filled = settings.filled(max_tokens=task.max_tokens, anchor=method.anchor)
    requirements.check_anchor(method, filled.anchor)
    make = maker(filled.optimizer)
    with (
        checkpoints.holding(filled.out, filled.resume, policy) as folder,
        policy.threads(),
    ):
        loop = Loop(policy, task, method, filled, make, folder, Callbacks(callbacks), measured_on)
        if filled.resume:
            loop.progress.restore()
        return loop.batches()


def _described() -> str:
    """The settings as lines of the docstring, each from below its field."""
    entries = [(s.name, " ".join(s.text.split())) for s in settings_of(RunSettings)]
    entries.append(("micro_batch_size", "Another name of `at_once`, which TRL and verl use."))
    lines = (f"{name}: {text}" for name, text in entries)
    return "\n        ".join(
        fill(line, 92, subsequent_indent=" " * 12, break_on_hyphens=False) for line in lines
    )


if train.__doc__:  # python -OO has none
    train.__doc__ = train.__doc__.replace("{settings}", _described())
