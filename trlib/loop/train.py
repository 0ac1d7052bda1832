"""`trlib.train`: its arguments, what they mean, and what is checked before a run begins."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from trlib.algorithms.method import Method
from trlib.loop import requirements
from trlib.loop.loop import Loop
from trlib.loop.optimizers import maker
from trlib.loop.saving import checkpoints
from trlib.loop.saving.run import Run
from trlib.loop.settings import Anchor, Precision, RunSettings
from trlib.model.policy import Policy
from trlib.other_names import names_its_arguments
from trlib.tasks.task import Task, check_task


@names_its_arguments
def train(
    policy: Policy,
    task: Task,
    method: Method,
    *,
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
    grad_norm: float = 1.0,
    anchor: Anchor | None = None,
    optimizer: str | Callable[..., Any] = "adamw",
    lag: int = 0,
    buffer: int = 0,
    segments: int = 1,
    sampler_logp: bool = True,
    sampler: Precision = "fp32",
    logit_noise: float = 0.0,
    probe: int = 32,
    checkpoint_every: int = 10,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool = True,
    filter_overlong_prompts: bool = True,
    without: Sequence[str] = (),
    at_once: int | None = None,
    micro_batch_size: int | None = None,
) -> Run:
    """Train `policy` in place on `task` by `method`.

    Args:
        policy: what learns, from `trlib.load_policy`; it is changed in place.
        task: what it learns, from `trlib.load_task`.
        method: how, such as `trlib.algorithms.GRPO()`.
        steps: Number of batches.
        seed: Seed of every random draw. The same seed, machine and versions give the same history
            bit for bit, timings apart (on a CPU; a GPU adds up in an order of its own).
        prompts: Prompts per batch.
        group: Completions per prompt.
        temperature: Temperature of sampling, and of every log-probability.
        max_tokens: Token limit of a completion; by default the task's.
        minibatches: Parts into which a batch is split, by whole prompts; each part is one update.
        epochs: Passes over each batch, so a batch is used for minibatches x epochs updates.
        lr: Learning rate.
        betas: The optimiser's betas, if it takes any.
        weight_decay: The optimiser's weight decay, if it takes one.
        warmup: Updates over which the learning rate rises linearly to its full value.
        grad_norm: Largest Euclidean norm of the gradient; a longer gradient is scaled down to it.
        anchor: Policy around which the trust region is drawn: rollout (the one that sampled) or
            recomputed (the learner before the batch's first update); by default the method's
            choice, which is recomputed for most.
        optimizer: Optimiser: adamw, sgd, muon, frobenius, sign, auon, hybrid_auon, or FILE.py:NAME.
            In Python it can also be a callable that makes a torch.optim.Optimizer. Clipping,
            warm-up and float32 copies of 16-bit weights come with every one.
        lag: Batches by which the sampler's weights are behind the learner's.
        buffer: Batches by which a prompt's completions may be older still: 0 to this many, drawn at
            random, as from a buffer.
        segments: Parts of a completion that policies of different ages write: the first is `lag`
            batches behind, each later one a batch less. The parts are equally long, and each policy
            reads what is already written before it goes on: a partial rollout.
        sampler_logp: Whether the sampler reports the log-probs of its tokens. If it does not, the
            anchor must be recomputed: the learner's own log-probs then stand in for the old
            policy's, however old the completions are.
        sampler: What the sampler computes in: fp32, bf16, or float with weights rounded to int8,
            int4 (simulated).
        logit_noise: Standard deviation of Gaussian noise on the sampler's logits.
        probe: Completions per batch on which the exact metrics are computed, spread evenly over the
            prompts; 0 for none. The distribution over the whole vocabulary is held at each of their
            tokens: use few if the vocabulary is large.
        checkpoint_every: Batches between two checkpoints; after an error or a kill a run goes on
            from the last.
        out: Folder for the checkpoint, the history and the trained policy; by default nothing is
            written.
        resume: Continue the run in `out`, bit for bit; if there is none yet, begin it.
        progress: Show a progress bar.
        filter_overlong_prompts: Whether a prompt that leaves no room for `max_tokens` in the
            model's context is left out. Another is drawn in its place, and the history's column
            `overlong` counts those that were left out. If not, such a prompt ends the run, which
            can be resumed.
        without: Savings to switch off, to see that they change nothing: sharing. With sharing each
            distinct prefix is read once, in sampling and in scoring. It changes values and
            gradients in the last digits at most.
        at_once: Completions that are scored at a time; by default all of a minibatch. Fewer take
            less memory and a third more time, and change a gradient only in its last digits.
        micro_batch_size: Another name of `at_once`, which TRL and verl use.

    The first Ctrl-C or SIGTERM ends the run after the current batch, saved and valid; a second one
    ends it at once.

    Raises:
        ValueError, TypeError: an argument out of its range, or one that does not exist.
        CheckpointError: `out` cannot be written, is in use by another process, holds another run,
            or a damaged one.
        NonFiniteError: NaN or inf in a loss or a gradient.
        MethodError: a function of the method, or the task's verifier, raised an error or returned
            something unusable.
        DemonstrationError: an expert's answer that the method asks for is missing, wrong or too
            long.

    Whatever an error inside of a run is, it names the batch and carries the run so far
    (`error.run`). Every batch that has ended is in `history.jsonl` in `out`, the last checkpoint
    there is whole, and the run goes on from it, bit for bit. If the batch failed before it began to
    learn, as where a verifier raises an error, the checkpoint has every batch before it."""
    if not isinstance(policy, Policy):
        raise TypeError(
            f"policy: expected a policy such as trlib.load_policy('dial'), got {policy!r}"
        )
    check_task(task)
    if not isinstance(method, Method):
        raise TypeError(
            f"method: expected a method such as trlib.algorithms.GRPO(), got {method!r}"
        )
    settings = RunSettings(
        steps=steps,
        seed=seed,
        prompts=prompts,
        group=group,
        temperature=temperature,
        max_tokens=max_tokens,
        minibatches=minibatches,
        epochs=epochs,
        lr=lr,
        betas=betas,
        weight_decay=weight_decay,
        warmup=warmup,
        grad_norm=grad_norm,
        anchor=anchor,
        optimizer=optimizer,
        lag=lag,
        buffer=buffer,
        segments=segments,
        sampler_logp=sampler_logp,
        sampler=sampler,
        logit_noise=logit_noise,
        probe=probe,
        checkpoint_every=checkpoint_every,
        out=out,
        resume=resume,
        progress=progress,
        filter_overlong_prompts=filter_overlong_prompts,
        without=without,
        at_once=at_once,
        micro_batch_size=micro_batch_size,
    )
    filled = settings.filled(max_tokens=task.max_tokens, anchor=method.anchor)
    requirements.check_anchor(method, filled.anchor, filled.sampler_logp)
    make = maker(filled.optimizer)
    with (
        checkpoints.holding(filled.out, filled.resume, policy) as folder,
        policy.threads(),
        policy.sharing("sharing" not in filled.without),
    ):
        loop = Loop(policy, task, method, filled, make, folder)
        if filled.resume:
            loop.progress.restore()
        return loop.batches()
