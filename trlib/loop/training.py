"""The loop: rollout, advantage, objective, update, the same for every method.

`train` is the whole of it: a batch of prompts is sampled in groups, verified, turned into
advantages by the method, learned from in minibatches x epochs updates, and measured. What a method
may change is in `trlib.algorithms.method`; nothing here knows a method by name."""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trlib import checks
from trlib.algorithms.method import Batch, Method
from trlib.errors import CheckpointError, RunError
from trlib.fields import documents, takes_fields
from trlib.loop import boxes, checkpoints, memory_check
from trlib.loop.collect import Collector
from trlib.loop.learner import Learner
from trlib.loop.metrics import Update, distinct_right, means_by_group, measure, summarise
from trlib.loop.optimizers import Maker, maker
from trlib.loop.run import Run, record_of
from trlib.loop.settings import FilledSettings, RunSettings
from trlib.loop.skipping import SkippingStep, may_skip
from trlib.loop.step import LoopStep
from trlib.loop.stopping import stoppable
from trlib.model.completions import Completions
from trlib.model.policy import Policy
from trlib.other_names import names_its_arguments
from trlib.seeds import generator
from trlib.tasks.task import Task, check_task


@names_its_arguments
@documents(RunSettings)
@takes_fields(RunSettings)
def train(policy: Policy, task: Task, method: Method, settings: RunSettings) -> Run:
    """Train `policy` in place on `task` by `method`.

    Args:
        policy: what learns, from `trlib.load_policy`; it is changed in place.
        task: what it learns, from `trlib.load_task`.
        method: how, such as `trlib.algorithms.GRPO()`.
        ...: every other argument is a field of `trlib.loop.settings.RunSettings`, passed by its
            name; `help(trlib.train)` shows here what each one means.

    The first Ctrl-C or SIGTERM ends the run after the current batch, saved and valid; a second one
    ends it at once.

    Raises:
        ValueError, TypeError: an argument out of its range, or one that does not exist.
        CheckpointError: `out` cannot be written, is in use by another process, holds another run,
            or a damaged one.
        NonFiniteError: NaN or inf in a loss or a gradient.
        MethodError: one of the method's boxes, or the task's verifier, raised an error or returned
            something unusable.
        DemonstrationError: an expert's answer that the method asks for is missing, wrong or too
            long.

    The last three carry the run so far (`error.run`). Whatever ends a run, the last checkpoint in
    `out` is whole, and the run goes on from there, bit for bit."""
    if not isinstance(policy, Policy):
        raise TypeError(
            f"policy: expected a policy such as trlib.load_policy('dial'), got {policy!r}"
        )
    check_task(task)
    if not isinstance(method, Method):
        raise TypeError(
            f"method: expected a method such as trlib.algorithms.GRPO(), got {method!r}"
        )
    filled = settings.filled(max_tokens=task.max_tokens, anchor=method.anchor)
    boxes.check_anchor(method, filled)
    make = maker(filled.optimizer)
    with (
        checkpoints.holding(filled.out, filled.resume, policy) as folder,
        policy.threads(),
        policy.sharing("sharing" not in filled.without),
    ):
        loop = _Loop(policy, task, method, filled, make, folder)
        if folder is not None and filled.resume:
            loop.restore(folder)
        return loop.run()


class _Loop:
    """A run in progress: what has to be kept from one batch to the next."""

    def __init__(
        self,
        policy: Policy,
        task: Task,
        method: Method,
        settings: FilledSettings,
        make: Maker,
        folder: Path | None,
    ) -> None:
        self.policy, self.task, self.method, self.settings = policy, task, method, settings
        self.needs = boxes.needs_of(method, settings.anchor)
        boxes.check_vocabulary(method, self.needs, policy.vocabulary)
        memory_check.warn_if_short(policy, settings, self.needs)
        self.result = Run(policy, [], [], record_of(policy, task, method, settings), folder)
        self.saved = 0
        """Batches in the last checkpoint."""
        self.learner = Learner(policy, settings, self.needs, make)
        self.collector = Collector(self.learner, task, method, self.needs, settings)
        self.part = (
            SkippingStep if may_skip(method, self.needs, settings, self.learner) else LoopStep
        )

    def run(self) -> Run:
        """Every batch that is left, with checkpoints in between."""
        from tqdm.auto import tqdm

        run, s = self.result, self.settings
        begun = len(run.rows)
        shown = {"desc": run.settings["method"]["name"], "unit": "batch", "dynamic_ncols": True}
        with (
            tqdm(total=s.steps, initial=begun, disable=not s.progress, **shown) as bar,
            stoppable() as stop,
        ):
            while len(run.rows) < s.steps and not stop.is_set():
                k = len(run.rows)
                # Looking at values makes a GPU wait for them: the first batch shows whether the
                # shapes and values fit.
                with checks.value_checks(k == begun):
                    row, prompt_rows = self._told_batch(k)
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

    def _told_batch(self, k: int) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """One batch; if it fails, the error carries the run so far, and says how much of it is
        saved."""
        try:
            return self.batch(k)
        except RunError as error:
            run, saved = self.result, ""
            if run.out is not None:
                saved = f"; {self.saved} of the {k} batches before it are saved in {str(run.out)!r}"
            raise type(error)(f"batch {k}: {error}{saved}", run) from None

    def batch(self, k: int) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Sample, verify, learn, measure: the batch's row of the history, and a row for each of its
        prompts."""
        s, began = self.settings, time.perf_counter()
        prompts, plan = self.collector.prompts(k), self.collector.plan(k)
        completions, verdicts = self.collector.rollout(prompts, k, plan)
        batch = self.collector.prepare(completions, verdicts, k)
        updates = self._update(completions, batch, k)
        if bool(completions.mask.any()):
            self.collector.warn_of_silence(batch, updates, k)
        exact, divergences = self._measure(completions, self.collector.probe_rows(plan))
        self.result.last = completions
        rewards = torch.tensor([v.reward for v in verdicts], dtype=torch.float32).to(
            self.policy.device
        )
        lengths, free = completions.lengths.float(), ~completions.forced.any(1)
        seconds = time.perf_counter() - began
        row = {
            "reward": float(rewards[free].mean()),
            "length": float(lengths.mean()),
            "distinct": distinct_right(completions, verdicts),
            "age": 0.0
            if completions.age is None
            else float(completions.age[completions.mask].float().mean()),
            **summarise(updates),
            **exact,
            **self.learner.memory.numbers(),
            "seconds": seconds,
            "tokens_per_s": float(lengths.sum()) / seconds,
        }
        reward, length, unguided = (
            v.view(s.prompts, s.group).float().mean(1) for v in (rewards * free, lengths, free)
        )
        means = torch.stack([reward / unguided, length, 1 - unguided], 1).tolist()
        return row, [
            {
                "batch": k,
                "prompt": i,
                "text": prompt.text,
                "difficulty": prompt.difficulty,
                **dict(zip(("reward", "length", "guided"), of_prompt, strict=True)),
                # NaN: none of its completions is in the probe.
                "kl_seq_back": divergences.get(i, math.nan),
            }
            for i, (prompt, of_prompt) in enumerate(zip(prompts, means, strict=True))
        ]

    def _update(self, completions: Completions, batch: Batch, k: int) -> list[Update]:
        """Boxes 3 and 4: what the method learns from the batch."""
        done: list[Update] = []
        s, given = self.settings, (self.learner, self.method, self.needs)

        def minibatches() -> Iterator[LoopStep]:
            for epoch in range(s.epochs):
                if s.minibatches == 1:
                    yield self.part(*given, completions, batch, done=done)
                    continue
                # Whole groups, in a new order every epoch.
                order = torch.randperm(s.prompts, generator=generator(s.seed, "order", k, epoch))
                rows = torch.arange(s.prompts * s.group).view(s.prompts, s.group)[order]
                for part in rows.to(batch.mask.device).chunk(s.minibatches):
                    part = part.flatten()
                    yield self.part(*given, completions.rows(part), batch.rows(part), done=done)

        with boxes.wrap_user_errors(self.method, "update"):
            self.method.update(LoopStep(*given, completions, batch, done=done, parts=minibatches))
        return done

    @torch.no_grad()
    def _measure(
        self, completions: Completions, rows: Tensor
    ) -> tuple[dict[str, float], dict[int, float]]:
        """The exact metrics on a probe of some rows, and `kl_seq_back` by prompt."""
        s = self.settings
        probe = completions.rows(rows.to(self.policy.device))
        log_mu = completions.full[
            torch.searchsorted(completions.full_rows, rows.to(completions.full_rows.device))
        ]
        log_pi = log_mu  # of an empty probe
        if len(rows):
            log_pi = self.policy.score(
                probe, temperature=s.temperature, full=True, at_once=s.at_once
            ).full
        exact, back = measure(log_mu, log_pi, probe.tokens, probe.mask)
        return exact, means_by_group(probe.group, back)

    def save(self) -> None:
        """Write checkpoint and history, if the run has a folder."""
        run = self.result
        if run.out is None:
            return
        meta: dict[str, Any] = {
            "settings": run.settings,
            "rows": run.rows,
            "prompts": run.prompt_rows,
            "warned_of_silence": self.collector.warned_of_silence,
            "learner": self.learner.numbers(),
        }
        try:
            checkpoints.save(run.out, self.learner.tensors(), meta)
            run.save()
            self.saved = len(run.rows)
        except CheckpointError as error:
            error.run = run  # type: ignore[attr-defined]
            raise

    def restore(self, folder: Path) -> None:
        """Resume the run that is saved in a folder, if there is one."""
        saved = checkpoints.load(folder)
        if saved is None:
            return
        tensors, meta = saved
        run = self.result
        checkpoints.check_same_run(meta["settings"], run.settings)
        if len(meta["rows"]) > self.settings.steps:
            raise CheckpointError(
                f"steps: the run in {str(folder)!r} has {len(meta['rows'])} batches already, "
                f"expected at least as many, got {self.settings.steps}"
            )
        checkpoints.check_tensors(folder, tensors, self.learner.tensors())
        self.learner.load(tensors, meta["learner"])
        run.rows, run.prompt_rows = meta["rows"], meta["prompts"]
        self.collector.warned_of_silence = meta["warned_of_silence"]
        self.saved = len(run.rows)
