"""The loop: rollout, advantage, objective, update, the same for every method.

Its two loops stand on this page: `Loop.batches` goes over the batches and `WholeBatch.minibatches`
over the updates of one. What a method may change is in `trlib.algorithms.method`; nothing here
knows a method by name."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from trlib import checks
from trlib.algorithms.method import Batch, Method
from trlib.errors import RunError
from trlib.fields import documents, takes_fields
from trlib.loop import boxes, memory_check, metrics
from trlib.loop.collect import Collector
from trlib.loop.learner import Learner
from trlib.loop.minibatch import Minibatch
from trlib.loop.optimizers import Maker, maker
from trlib.loop.saving import checkpoints
from trlib.loop.saving.progress import Progress
from trlib.loop.saving.run import Run, record_of
from trlib.loop.saving.stopping import stoppable
from trlib.loop.settings import FilledSettings, RunSettings
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
        loop = Loop(policy, task, method, filled, make, folder)
        if filled.resume:
            loop.progress.restore()
        return loop.batches()


class Loop:
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
        self.policy, self.method, self.settings = policy, method, settings
        self.needs = boxes.needs_of(method, settings.anchor)
        boxes.check_vocabulary(method, self.needs, policy.vocabulary)
        memory_check.warn_if_short(policy, settings, self.needs)
        self.run = Run(policy, [], [], record_of(policy, task, method, settings), folder)
        self.learner = Learner(policy, settings, self.needs, make)
        self.collector = Collector(self.learner, task, method, self.needs, settings)
        self.progress = Progress(self.run, self.learner, self.collector)

    def batches(self) -> Run:
        """Every batch that is left, with checkpoints in between."""
        run, s, begun = self.run, self.settings, len(self.run.rows)
        with self._bar(begun) as bar, stoppable() as stop:
            while len(run.rows) < s.steps and not stop.is_set():
                k = len(run.rows)
                # Looking at values makes a GPU wait for them: the first batch shows whether the
                # shapes and values fit.
                with checks.value_checks(k == begun), self._telling(k):
                    row, prompt_rows = self.batch(k)
                run.rows.append(row)
                run.prompt_rows.extend(prompt_rows)
                bar.set_postfix_str(f"reward {row['reward']:.2f}", refresh=False)
                bar.update()
                if (k + 1) % s.checkpoint_every == 0 and k + 1 < s.steps and not stop.is_set():
                    self.progress.save()
            run.interrupted = len(run.rows) < s.steps
            run.signal = stop.signal if run.interrupted else None
            self.progress.save()
        if run.out is not None:
            self.policy.save(run.out / "policy")
        return run

    def batch(self, k: int) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Sample, verify, learn, measure: the batch's row of the history, and a row for each of its
        prompts."""
        began, collector = time.perf_counter(), self.collector
        prompts, plan = collector.prompts(k), collector.plan(k)
        completions, verdicts = collector.rollout(prompts, k, plan)
        batch = collector.prepare(completions, verdicts, k)
        updates = self.updates(completions, batch)
        if bool(completions.mask.any()):
            collector.warn_of_silence(batch, updates, k)
        exact, divergences = metrics.on_probe(
            self.policy,
            completions,
            collector.probe_rows(plan),
            self.settings,
            self.learner.reference,
        )
        ref = self.method.reference
        if ref is not None and ref.every and (k + 1) % ref.every == 0:
            self.learner.move_reference(ref.share)
        self.run.last = completions
        sampled = metrics.of_completions(completions, verdicts)
        row = {
            **sampled,
            **metrics.summarise(updates),
            **exact,
            **self.learner.memory.numbers(),
            **metrics.timing(completions, time.perf_counter() - began),
        }
        return row, metrics.of_prompts(k, prompts, completions, verdicts, divergences)

    def updates(self, completions: Completions, batch: Batch) -> list[metrics.Update]:
        """Boxes 3 and 4: what the method learns from the batch."""
        done: list[metrics.Update] = []
        whole = WholeBatch(self.learner, self.method, self.needs, completions, batch, done=done)
        with boxes.wrap_user_errors(self.method, "update"):
            self.method.update(whole)
        return done

    def _bar(self, begun: int) -> Any:
        from tqdm.auto import tqdm

        s, name = self.settings, self.run.settings["method"]["name"]
        shown = {"desc": name, "unit": "batch", "dynamic_ncols": True}
        return tqdm(total=s.steps, initial=begun, disable=not s.progress, **shown)

    @contextmanager
    def _telling(self, k: int) -> Iterator[None]:
        """An error of batch `k` carries the run so far, and says how much of it is saved."""
        try:
            yield
        except RunError as error:
            run, saved = self.run, ""
            if run.out is not None:
                number = self.progress.saved
                saved = f"; {number} of the {k} batches before it are saved in {str(run.out)!r}"
            raise type(error)(f"batch {k}: {error}{saved}", run) from None


class WholeBatch(Minibatch):
    """The batch that the update box receives, which it may walk through in minibatches."""

    def minibatches(self) -> Iterator[Minibatch]:
        """Every epoch goes over the whole groups in a new order."""
        s, given = self.learner.settings, (self.learner, self.method, self.needs)
        for epoch in range(s.epochs):
            for rows in self._rows_of_parts(epoch):
                completions, batch = self.completions, self.batch
                if rows is not None:
                    completions, batch = completions.rows(rows), batch.rows(rows)
                yield Minibatch(*given, completions, batch, done=self.done)

    def _rows_of_parts(self, epoch: int) -> list[Any]:
        """The rows of each minibatch; None: all of them, as they are."""
        s = self.learner.settings
        if s.minibatches == 1:
            return [None]
        number = self.batch.number
        order = torch.randperm(s.prompts, generator=generator(s.seed, "order", number, epoch))
        rows = torch.arange(s.prompts * s.group).view(s.prompts, s.group)[order]
        return [part.flatten() for part in rows.to(self.batch.mask.device).chunk(s.minibatches)]
