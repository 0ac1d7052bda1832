"""The settings of a run: every keyword argument of `trlib.train`, with its default and what it
means.

The options of `trlib train` are made from `RunSettings`; the signature and the docstring of
`trlib.train` say the same, and a test compares them. This module imports no torch, so `trlib train
--help` is quick."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import InitVar, dataclass
from typing import Any, Literal, get_args

from trlib import arguments
from trlib.arguments import NOT_NEGATIVE, POSITIVE, setting

Anchor = Literal["rollout", "recomputed"]
Precision = Literal["fp32", "bf16", "int8", "int4"]
Schedule = Literal["constant", "linear", "cosine"]
PRECISIONS: tuple[str, ...] = get_args(Precision)
"""What a sampler can compute in; fp32: the learner's own numbers."""
PLACES = ("out", "resume", "progress", "evaluate_every", "reward_timeout")
"""Settings that say where a run is kept, what is shown of it, and how long it waits. They do not
decide what it computes."""


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What `trlib.train` takes besides the policy, the task and the method.

    The first paragraph below a field is also its help on the command line."""

    steps: int = setting(least=1)
    """Number of batches."""
    seed: int = setting(0, least=0)
    """Seed of every random draw.

    The same seed, machine and versions give the same history bit for bit, timings apart (on a CPU;
    a GPU adds up in an order of its own)."""
    prompts: int = setting(16, least=1)
    """Prompts per batch."""
    group: int = setting(16, least=1)
    """Completions per prompt."""
    temperature: float = setting(1.0, **POSITIVE)
    """Temperature of sampling, and of every log-probability."""
    max_tokens: int | None = setting(None, least=1)
    """Token limit of a completion; by default the task's."""
    minibatches: int = setting(1, least=1)
    """Parts into which a batch is split, by whole prompts; each part is one update."""
    epochs: int = setting(1, least=1)
    """Passes over each batch, so a batch is used for minibatches x epochs updates."""
    lr: float = setting(1e-4, **POSITIVE)
    """Learning rate."""
    betas: tuple[float, float] = (0.9, 0.95)
    """The optimiser's betas, if it takes any."""
    weight_decay: float = setting(0.0, **NOT_NEGATIVE)
    """The optimiser's weight decay, if it takes one."""
    warmup: int = setting(10, least=0)
    """Updates over which the learning rate rises linearly to its full value."""
    schedule: Schedule = setting("constant")
    """What the learning rate does after the warm-up: constant, or linear or cosine, which bring it to
    nearly 0 by the run's last update."""
    grad_norm: float = setting(1.0, **POSITIVE)
    """Largest Euclidean norm of the gradient; a longer gradient is scaled down to it."""
    anchor: Anchor | None = setting(None)
    """Policy around which the trust region is drawn: rollout (the one that sampled) or recomputed
    (the learner before the batch's first update); by default the method's choice,
    which is recomputed for most."""
    optimizer: str | Callable[..., Any] = "adamw"
    """Optimiser: adamw, sgd, muon, frobenius, sign, auon, hybrid_auon, or FILE.py:NAME.

    In Python it can also be a callable that makes a torch.optim.Optimizer. Clipping, warm-up and
    float32 copies of 16-bit weights come with every one."""
    lag: int = setting(0, least=0)
    """Batches by which the sampler's weights are behind the learner's."""
    segments: int = setting(1, least=1)
    """Parts of a completion that policies of different ages write: the first is `lag` batches
    behind, each later one a batch less.

    The parts are equally long, and each policy reads what is already written before it goes on: a
    partial rollout."""
    sampler: Precision = setting("fp32")
    """What the sampler computes in: fp32, bf16, or float with weights rounded to int8, int4
    (simulated)."""
    logit_noise: float = setting(0.0, **NOT_NEGATIVE)
    """Standard deviation of Gaussian noise on the sampler's logits."""
    probe: int = setting(32, least=0)
    """Completions per batch on which the exact metrics are computed, spread evenly over the
    prompts; 0 for none.

    The distribution over the whole vocabulary is held at each of their tokens, up to a gigabyte;
    larger ones are computed again after the updates, a few completions at a time."""
    checkpoint_every: int = setting(10, least=1)
    """Batches between two checkpoints; after an error or a kill a run goes on from the last."""
    evaluate_every: int = setting(0, least=0)
    """Batches between two evaluations, which enter the history as `eval_greedy` and `eval_sampled`;
    0: none.

    Each has 128 prompts, the same ones every time, with one greedy and one sampled completion."""
    reward_timeout: float | None = setting(None, **POSITIVE)
    """Seconds that the verifier or the reward function may take for a batch's completions; then the
    run ends with an error."""
    out: str | os.PathLike[str] | None = None
    """Folder for the checkpoint, the history and the trained policy; by default nothing is
    written."""
    resume: bool = setting(False)
    """Continue the run in `out`, bit for bit; if there is none yet, begin it."""
    progress: bool = setting(True)
    """Show a progress bar."""
    filter_overlong_prompts: bool = setting(True)
    """Whether a prompt that leaves no room for `max_tokens` in the model's context is left out.

    Another is drawn in its place, and the history's column `overlong` counts those that were left
    out. If not, such a prompt ends the run, which can be resumed."""
    at_once: int | None = setting(None, least=1)
    """Completions that are scored at a time; by default all of a minibatch.

    Fewer take less memory and a third more time, and change a gradient only in its last digits."""
    micro_batch_size: InitVar[int | None] = None
    """Another name of `at_once`, which TRL and verl use."""

    def __post_init__(self, micro_batch_size: int | None) -> None:
        if micro_batch_size is not None:
            if self.at_once is not None:
                raise ValueError(
                    "micro_batch_size, at_once: expected one of them, because they are one setting, "
                    f"got {micro_batch_size!r} and {self.at_once!r}"
                )
            arguments.whole("micro_batch_size", micro_batch_size, least=1)
            object.__setattr__(self, "at_once", micro_batch_size)
        if not isinstance(self.betas, tuple | list) or len(self.betas) != 2:
            raise ValueError(f"betas: expected two numbers, got {self.betas!r}")
        arguments.validate(self)
        object.__setattr__(self, "betas", tuple(self.betas))
        for i, beta in enumerate(self.betas):
            arguments.number(f"betas[{i}]", beta, least=0, below=1)
        if self.prompts % self.minibatches:
            wanted = f"a divisor of prompts = {self.prompts} (a minibatch holds whole groups)"
            raise ValueError(f"minibatches: expected {wanted}, got {self.minibatches}")
        if self.segments > self.lag + 1:
            wanted = (
                f"at most lag + 1 = {self.lag + 1} (each is sampled one batch later than the "
                "one before it)"
            )
            raise ValueError(f"segments: expected {wanted}, got {self.segments}")
        if self.resume and self.out is None:
            raise ValueError("resume: expected the run's folder as out, got out=None")

    def filled(self, *, max_tokens: int, anchor: Anchor) -> FilledSettings:
        """The same settings, with the task's token limit and the method's anchor where none was
        chosen."""
        limit = max_tokens if self.max_tokens is None else self.max_tokens
        if self.segments > limit:
            raise ValueError(
                f"segments: expected at most max_tokens = {limit} (each has a token), got "
                f"{self.segments}"
            )
        return FilledSettings(
            **{**vars(self), "max_tokens": limit, "anchor": self.anchor or anchor}
        )


@dataclass(frozen=True, kw_only=True)
class FilledSettings(RunSettings):
    """The settings of a run that has begun: nothing is left to the task or the method."""

    max_tokens: int
    anchor: Anchor
