"""The loop: rollout, advantage, objective, update, for every method alike.

`train` is the whole of it: a batch of prompts is sampled in groups, verified, turned into advantages by the method,
learnt from in minibatches x epochs updates, and measured. What a method may change stands in
`trlib.algorithms.method`; nothing here knows a method by name.
"""

from __future__ import annotations

import json
import math
import os
import platform
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trlib import __version__, checks
from trlib.algorithms.method import Anchor, Batch, Method
from trlib.errors import CheckpointError, RunError
from trlib.loop import checkpoints
from trlib.loop.boxes import Asked, box, needs_of, settings_of
from trlib.loop.collect import Collector
from trlib.loop.learner import Learner
from trlib.loop.metrics import Update, distinct_right, measure, summarise
from trlib.loop.optimizers import Maker, maker, name_of
from trlib.loop.regime import Regime
from trlib.loop.run import Run
from trlib.loop.step import LoopStep, proportional
from trlib.loop.stopping import stoppable
from trlib.model.completions import Completions
from trlib.model.policy import Policy
from trlib.own import origin
from trlib.seeds import derive, generator
from trlib.tasks.task import Task


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
    optimizer: str | Maker = "adamw",
    lr: float = 1e-4,
    betas: tuple[float, float] = (0.9, 0.95),
    weight_decay: float = 0.0,
    warmup: int = 10,
    grad_norm: float = 1.0,
    anchor: Anchor | None = None,
    lag: int = 0,
    sampler: str = "fp32",
    logit_noise: float = 0.0,
    probe: int = 32,
    checkpoint_every: int = 10,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool = True,
    without: Sequence[str] = (),
    at_once: int | None = None,
) -> Run:
    """Train `policy` in place on `task` by `method`.

    Args:
        steps: batches.
        seed: decides everything: same seed, machine and versions, same history bit for bit but for the timings (on a
            CPU; a GPU adds in an order of its own).
        prompts, group: prompts a batch, completions a prompt.
        temperature: of sampling and of every log-prob.
        max_tokens: token limit of a completion; None: the task's.
        minibatches, epochs: a batch is split by whole prompts and gone through `epochs` times; updates = their product.
        optimizer: what steps: a name of `trlib.loop.optimizers`, FILE.py:NAME, or a callable that makes a
            torch.optim.Optimizer. Clipping, warm-up and copies for weights of 16 bits come with every one.
        lr, betas, weight_decay: the optimiser's, as far as it takes them.
        warmup: updates over which the learning rate rises linearly.
        grad_norm: the gradient is scaled down to this Euclidean norm.
        anchor: which policy the trust region is drawn around, "rollout" or "recomputed"; None: the method's own.
        lag: the sampler is this many batches behind.
        sampler: "fp32", "bf16", "int8" or "int4": what the sampler computes in.
        logit_noise: standard deviation of Gaussian noise on the sampler's logits.
        probe: completions on which the exact metrics are computed, spread evenly over the prompts; 0: none. The whole
            vocabulary's distributions of each are held: of 150,000 tokens take few.
        checkpoint_every: batches between two checkpoints.
        out: folder for checkpoint, history and trained policy; None: nothing is written.
        resume: go on with the run in `out`, bit for bit; where there is none yet, begin.
        progress: show a progress bar.
        without: what not to save on, of `trlib.loop.regime.SAVINGS`: "sharing", "dropping", "skipping". None of these
            changes a value or a gradient but in its last digits; they can be switched off to see that.
        at_once: completions that are scored at a time; None: all of a minibatch. Fewer take less memory and a third
            more time, and change a gradient in its last digits only.

    Ctrl-C, and SIGTERM, ends the run after the batch in hand, saved and valid; a second one at once.

    Raises:
        ValueError, TypeError: an argument outside its meaning.
        CheckpointError: `out` cannot be written, is another process's, holds another run, or a damaged one.
        NonFiniteError: NaN or inf in a loss or a gradient, after saving.
        MethodError: one of the method's boxes, or the task's verifier, raised an error or returned what is no use,
            after saving.
        DemonstrationError: an expert's answer that the method asks for is missing, wrong or too long, after saving.
    """
    if not isinstance(policy, Policy):
        raise TypeError(f"policy: expected a policy such as trlib.load_policy('dial'), got {policy!r}")
    if not all(hasattr(task, name) for name in ("prompts", "verify", "max_tokens")):
        raise TypeError(f"task: expected a task such as trlib.load_task('dial'), got {task!r}")
    if resume and out is None:
        raise ValueError("resume: expected the run's folder beside it as out, got out=None")
    if not isinstance(betas, tuple | list) or len(betas) != 2:
        raise ValueError(f"betas: expected two numbers, got {betas!r}")
    if isinstance(without, str) or not isinstance(without, Sequence):
        raise TypeError(f"without: expected a list of words, got {without!r}")
    if not isinstance(method, Method):
        raise TypeError(f"method: expected a method such as trlib.algorithms.GRPO(), got {method!r}")
    settings = Regime(
        steps=steps,
        seed=seed,
        prompts=prompts,
        group=group,
        temperature=temperature,
        max_tokens=task.max_tokens if max_tokens is None else max_tokens,
        minibatches=minibatches,
        epochs=epochs,
        optimizer=name_of(optimizer),
        lr=lr,
        betas=(betas[0], betas[1]),
        weight_decay=weight_decay,
        warmup=warmup,
        grad_norm=grad_norm,
        anchor=method.anchor if anchor is None else anchor,
        lag=lag,
        sampler=sampler,
        logit_noise=logit_noise,
        probe=probe,
        checkpoint_every=checkpoint_every,
        without=tuple(without),
        at_once=at_once,
    )
    if method.correction is not None and settings.anchor == "rollout":
        warnings.warn(
            "correction: with anchor='rollout' a ratio corrects for the sampler already, and a correction "
            "beside it does so twice; take anchor='recomputed', or no correction",
            stacklevel=2,
        )
    make = maker(optimizer)
    with (
        checkpoints.holding(out, resume, policy) as folder,
        policy.threads(),
        policy.sharing("sharing" not in settings.without),
    ):
        loop = _Loop(policy, task, method, settings, make, folder)
        if folder is not None and resume:
            loop.restore()
        return loop.run(progress)


class _Loop:
    """A run in progress: what has to be kept from one batch to the next."""

    def __init__(
        self, policy: Policy, task: Task, method: Method, settings: Regime, make: Maker, out: Path | None
    ) -> None:
        self.policy, self.task, self.method, self.settings = policy, task, method, settings
        self.needs = needs_of(method, settings.anchor)
        self.result = Run(policy, [], [], self._settings(), out)
        self.learner = Learner(policy, settings, self.needs, make)
        self.collector = Collector(self.learner, task, method, self.needs, settings)

    # -- the loop ---------------------------------------------------------------------------------------------------

    def run(self, progress: bool) -> Run:
        from tqdm.auto import tqdm

        run, s = self.result, self.settings
        bar = tqdm(
            total=s.steps,
            initial=len(run.rows),
            desc=run.settings["method"]["name"],
            unit="batch",
            disable=not progress,
            leave=True,
            dynamic_ncols=True,
        )
        begun = len(run.rows)
        with bar, stoppable() as stop:
            while len(run.rows) < s.steps and not stop.is_set():
                k = len(run.rows)
                with checks.value_checks(k == begun):
                    row, prompt_rows = self._batch_or_stop(k)
                run.rows.append(row)
                run.prompt_rows.extend(prompt_rows)
                bar.set_postfix_str(f"reward {row['reward']:.2f}", refresh=False)
                bar.update()
                if (k + 1) % s.checkpoint_every == 0 and k + 1 < s.steps and not stop.is_set():
                    self.save()
            run.interrupted = len(run.rows) < s.steps
            run.signal = stop.signal if run.interrupted else None
            self.save()
        if run.out is not None:
            self.policy.save(run.out / "policy")
        return run

    def _batch_or_stop(self, k: int) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """One batch; where it cannot be, the state before it is saved and the run handed over with the error."""
        before = None if self.result.out is None else (self.learner.tensors(), self.learner.numbers())
        try:
            return self.batch(k)
        except Exception as error:
            if before is not None:
                self.learner.load(*before)
                self.save()
            if not isinstance(error, RunError):
                raise
            raise type(error)(f"batch {k}: {error}" + self._where_saved(), self.result) from None

    def batch(self, k: int) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Sample, verify, learn, measure."""
        s, began = self.settings, time.perf_counter()
        asked = self.task.prompts(s.prompts, seed=derive(s.seed, "train", k))
        completions, verdicts = self.collector.rollout(asked, k)
        batch = self.collector.prepare(completions, verdicts, k)
        updates = self._update(completions, batch, k)
        exact, per_prompt = self._measure(completions, self.collector.probe_rows(k))
        self.result.last = completions
        rewards = torch.tensor([v.reward for v in verdicts], dtype=torch.float32).to(self.policy.device)
        lengths, free = completions.lengths.float(), ~completions.forced.any(1)
        written = [row[:n] for row, n in zip(completions.tokens.tolist(), completions.lengths.tolist(), strict=True)]
        right = [v.reason == "right" and own for v, own in zip(verdicts, free.tolist(), strict=True)]
        seconds = time.perf_counter() - began
        row = {
            "reward": float(rewards[free].mean()),
            "length": float(lengths.mean()),
            "distinct": distinct_right(written, right, completions.group.tolist()),
            **summarise(updates),
            **exact,
            **self.learner.memory.numbers(),
            "seconds": seconds,
            "tokens_per_s": float(lengths.sum()) / seconds,
        }
        reward_of, length_of, free_of = (
            v.view(s.prompts, s.group).float().mean(1) for v in (rewards * free, lengths, free)
        )
        by_prompt = zip(asked, (reward_of / free_of).tolist(), length_of.tolist(), (1 - free_of).tolist(), strict=True)
        return row, [
            {
                "batch": k,
                "prompt": i,
                "text": p.text,
                "difficulty": p.difficulty,
                "reward": reward,
                "length": length,
                "guided": guided,
                "kl_seq_back": per_prompt.get(i, math.nan),
            }
            for i, (p, reward, length, guided) in enumerate(by_prompt)
        ]

    def _update(self, completions: Completions, batch: Batch, k: int) -> list[Update]:
        """Boxes 3 and 4: what the batch changes."""
        done: list[Update] = []
        make = partial(LoopStep, self.learner, self.method, self.needs, done=done)

        def parts() -> Iterator[LoopStep]:
            skip = "skipping" not in self.settings.without and self._exactly_skippable()
            for rows in self._parts(k):
                if rows is None:
                    yield make(completions, batch, skip=skip)
                else:
                    rows = rows.to(batch.mask.device)
                    yield make(completions.rows(rows), batch.rows(rows), skip=skip)

        with box(self.method, "update"):
            self.method.update(make(completions, batch, parts=parts))
        return done

    def _parts(self, k: int) -> Iterator[Tensor | None]:
        """The rows of each minibatch, whole groups in an order of their own every epoch; None: all."""
        s = self.settings
        for epoch in range(s.epochs):
            if s.minibatches == 1:
                yield None
                continue
            order = torch.randperm(s.prompts, generator=generator(s.seed, "order", k, epoch))
            rows = torch.arange(s.prompts * s.group).view(s.prompts, s.group)[order]
            yield from (part.flatten() for part in rows.chunk(s.minibatches))

    def _exactly_skippable(self) -> bool:
        """Whether a completion without an advantage has no gradient and shows nothing: the method says that its loss
        is proportional, sees nothing but the tokens' log-probs, and with one update a batch every ratio is 1."""
        s = self.settings
        return (
            s.minibatches * s.epochs == 1
            and s.anchor == "recomputed"
            and self.needs == Asked(old=self.needs.old)
            and proportional(type(self.method))
        )

    @torch.no_grad()
    def _measure(self, completions: Completions, rows: Tensor) -> tuple[dict[str, float], dict[int, float]]:
        """The exact metrics on a probe of some rows, and `kl_seq_back` by prompt."""
        probe = completions.rows(rows.to(self.policy.device))
        slot = torch.searchsorted(completions.full_rows, rows.to(completions.full_rows.device))
        log_mu = completions.full[slot]
        log_pi = (
            self.policy.score(
                probe, temperature=self.settings.temperature, full=True, at_once=self.settings.at_once
            ).full
            if len(rows)
            else None
        )
        exact, back = measure(log_mu, log_mu if log_pi is None else log_pi, probe.tokens, probe.mask)
        by_prompt: dict[int, list[float]] = {}
        for g, value in zip(probe.group.tolist(), back.tolist(), strict=True):
            if not math.isnan(value):
                by_prompt.setdefault(g, []).append(value)
        return exact, {g: sum(values) / len(values) for g, values in by_prompt.items()}

    # -- saving and resuming ----------------------------------------------------------------------------------------

    def save(self) -> None:
        run = self.result
        if run.out is None:
            return
        try:
            meta = {
                "settings": run.settings,
                "told_equal": self.collector.told_equal,
                "learner": self.learner.numbers(),
                "rows": run.rows,
                "prompts": run.prompt_rows,
            }
            checkpoints.save(run.out, self.learner.tensors(), meta)
            run.save()
        except CheckpointError as error:
            error.run = run  # type: ignore[attr-defined]
            raise

    def restore(self) -> None:
        """Take up the run in `out`, if there is one."""
        run = self.result
        assert run.out is not None
        found = checkpoints.load(run.out)
        if found is None:
            return
        tensors, meta = found
        _same(meta["settings"], run.settings)
        if len(meta["rows"]) > self.settings.steps:
            raise CheckpointError(
                f"steps: the run in {str(run.out)!r} has {len(meta['rows'])} batches already, "
                f"expected at least as many, got {self.settings.steps}"
            )
        checkpoints.check(run.out, tensors, self.learner, len(meta["rows"]))
        self.learner.load(tensors, meta["learner"])
        run.rows, run.prompt_rows = meta["rows"], meta["prompts"]
        self.collector.told_equal = meta["told_equal"]

    def _settings(self) -> dict[str, Any]:
        import transformers

        versions = {
            "trust-region-book": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "transformers": transformers.__version__,
        }
        found = {
            **asdict(self.settings),
            "method": settings_of(self.method),
            "policy": self.policy.name,
            "versions": versions,
            "task": {"name": self.task.name, **self.task.settings},
            "parameters": self.policy.size,
            "model": self.policy.identity(),
            "task_file": origin(type(self.task)),
        }
        return json.loads(json.dumps(found))

    def _where_saved(self) -> str:
        out = self.result.out
        return "" if out is None else f"; the {len(self.result.rows)} batches before it are saved in {str(out)!r}"


def _same(saved: dict[str, Any], asked: dict[str, Any]) -> None:
    """Check that a resumed run is the run that was saved; it may only be longer."""
    first = dict.fromkeys(("method", "task", "policy"))  # the names a reader looks for, before what follows from them
    for name in {**first, **saved, **asked}:
        if name in ("steps", "checkpoint_every", "interrupted", "task_file") or saved.get(name) == asked.get(name):
            continue
        was, now = saved.get(name), asked.get(name)
        if isinstance(was, dict) and isinstance(now, dict):
            differ = {key for key in was.keys() | now.keys() if was.get(key) != now.get(key)}
            field = "name" if "name" in differ else sorted(differ)[0]
            name, was, now = f"{name}.{field}", was.get(field), now.get(field)
        if name.startswith("versions."):
            warnings.warn(
                f"resume: {name[9:]} was {was} and is {now}: the history may differ in its last digits", stacklevel=5
            )
            continue
        raise CheckpointError(f"resume: the saved run has {name} = {was!r}, expected the same, got {now!r}")
