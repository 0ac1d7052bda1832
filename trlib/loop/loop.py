"""A run, batch by batch: rollout, advantage, objective, update, the same for every method.

Both loops stand on this page: `Loop.batches` goes over the batches and `WholeBatch.minibatches`
over the updates of one. What a method may change is in `trlib.algorithms.method`; nothing here
knows a method by name."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from trlib import checks
from trlib.algorithms.method import Batch, Method, Scores
from trlib.errors import CheckpointError, RunError
from trlib.evaluation import Evaluation, evaluate
from trlib.loop import memory_check, metrics, requirements
from trlib.loop.callbacks import Callbacks
from trlib.loop.collect import Collector
from trlib.loop.learner import Learner
from trlib.loop.minibatch import Minibatch
from trlib.loop.optimizers import Maker
from trlib.loop.probe import on_probe
from trlib.loop.saving.progress import Progress
from trlib.loop.saving.run import Run, record_of
from trlib.loop.saving.stopping import stoppable
from trlib.loop.settings import FilledSettings
from trlib.loop.user_errors import user_errors
from trlib.model.completions import Completions
from trlib.model.policy import Policy
from trlib.seeds import generator
from trlib.tasks.task import Task

EVALUATED = 128  #: Prompts of an evaluation during a run.


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
        callbacks: Callbacks | None = None,
        measured_on: Task | None = None,
    ) -> None:
        """`measured_on`: the task of the evaluations; None: the run's own."""
        self.policy, self.method, self.settings = policy, method, settings
        self.callbacks, self.measured_on = callbacks or Callbacks(()), measured_on or task
        self.needs = requirements.needs_of(method, settings.anchor)
        requirements.check_vocabulary(method, self.needs, policy.vocabulary)
        memory_check.warn_if_short(policy, settings, self.needs)
        self.run = Run(policy, [], [], record_of(policy, task, method, settings), folder)
        self.learner = Learner(policy, settings, self.needs, make)
        self.collector = Collector(self.learner, task, method, settings)
        self.progress = Progress(self.run, self.learner, self.collector)
        updates = settings.minibatches * settings.epochs
        self.one_update = updates == 1 and type(method).update is Method.update
        """Whether a batch has one update, which begins by scoring all of it."""
        self.learning = False
        """Whether something has learned from a batch that has not ended."""
        self.evaluated: Evaluation | None = None
        """The evaluation after the last batch, if there was one."""

    def batches(self) -> Run:
        """Every batch that is left, with checkpoints in between."""
        run, s, begun = self.run, self.settings, len(self.run.rows)
        with self._telling(begun):
            self.callbacks.tell("on_train_begin", run)
        with self._bar(begun) as bar, stoppable() as stop:

            def stopping() -> bool:
                return stop.is_set() or run.should_training_stop

            while len(run.rows) < s.steps and not stopping():
                k = len(run.rows)
                # Looking at values makes a GPU wait for them: the first batch shows whether the
                # shapes and values fit.
                with self._telling(k):
                    with checks.value_checks(k == begun):
                        row, prompt_rows = self.batch(k)
                    self.progress.add(row, prompt_rows)
                    bar.set_postfix_str(f"reward {row['reward']:.2f}", refresh=False)
                    bar.update()
                    self._tell_of(row)
                    if (k + 1) % s.checkpoint_every == 0 and k + 1 < s.steps and not stopping():
                        self._save()
            run.interrupted = len(run.rows) < s.steps
            run.signal = stop.signal if run.interrupted else None
            with self._telling(len(run.rows) - 1):
                self._save()
                run.save()
                if run.out is not None:
                    self.policy.save(run.out / "policy")
                self.callbacks.tell("on_train_end", run)
        return run

    def _save(self) -> None:
        self.progress.save()
        if self.run.out is not None:
            self.callbacks.tell("on_save", self.run)

    def _tell_of(self, row: dict[str, float]) -> None:
        """Tell the callbacks of a batch that has ended."""
        self.callbacks.tell("on_step_end", self.run, row)
        self.callbacks.tell("on_log", self.run, row)
        if self.evaluated is not None:
            self.callbacks.tell("on_evaluate", self.run, self.evaluated)

    def evaluation(self, k: int) -> Evaluation | None:
        """The evaluation after batch `k`, if there is one: on the same prompts every time."""
        s = self.settings
        if not s.evaluate_every or (k + 1) % s.evaluate_every:
            return None
        how: dict[str, Any] = {"temperature": s.temperature, "max_tokens": s.max_tokens}
        with user_errors(self.measured_on, "verify"):
            return evaluate(
                self.policy, self.measured_on, prompts=EVALUATED, samples=1, seed=s.seed,
                progress=s.progress, **how,
            )  # fmt: skip

    def batch(self, k: int) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Sample, verify, learn, measure: the batch's row of the history, and a row for each of its
        prompts."""
        began, collector = time.perf_counter(), self.collector
        self.learner.sampler.remember()
        (prompts, left_out), plan = collector.prompts(k), collector.plan(k)
        completions, verdicts = collector.rollout(prompts, k, plan)
        again = self.learner.sampled_again() if collector.probed_again else None
        old = self.old_scores(completions)
        self.learning = True
        batch = collector.prepare(completions, verdicts, old, k)
        updates = self.updates(completions, batch, old)
        if bool(completions.mask.any()):
            collector.warn_of_silence(batch, updates, k)
        exact, divergences = on_probe(
            self.policy,
            completions,
            collector.probe_rows(plan),
            self.learner.reference,
            sampled=again,
            temperature=self.settings.temperature,
            at_once=self.settings.at_once,
        )
        near = self.method.kept_near
        if near is not None and near.moves_after(k):
            self.learner.move_reference(near.share)
        self.run.last = completions
        sampled = metrics.of_completions(completions, verdicts)
        row = {
            **sampled,
            **metrics.summarise(updates),
            **exact,
            **self.learner.memory.numbers(),
            **({"overlong": left_out} if left_out else {}),
            **metrics.timing(completions, time.perf_counter() - began),
        }
        self.evaluated = self.evaluation(k)
        if (found := self.evaluated) is not None:
            row |= {"eval_greedy": found.greedy.value, "eval_sampled": found.sampled.value}
        self.learning = False
        return row, metrics.of_prompts(k, prompts, completions, verdicts, divergences)

    def old_scores(self, completions: Completions) -> Scores:
        """What the learner says of a batch before its updates: `logp_old`, and with the anchor
        recomputed the distributions that the method compares with.

        Where the batch has one update, that update would score the same weights again. It begins
        with these scores instead, so they keep their gradient, and `logp_old` is `logp.detach()`."""
        s, needs = self.settings, self.needs
        full = s.anchor == "recomputed" and (needs.full_anchor or needs.topk_anchor > 0)
        if self.one_update:
            return self.learner.score(completions, full=full, at_once=s.at_once)
        with torch.no_grad():
            return self.policy.score(
                completions, temperature=s.temperature, full=full, at_once=s.at_once
            )

    def updates(self, completions: Completions, batch: Batch, old: Scores) -> list[metrics.Update]:
        """Stages 3 and 4: what the method learns from the batch."""
        done: list[metrics.Update] = []
        scored = old if self.one_update else None
        whole = WholeBatch(self.learner, self.method, completions, batch, done=done, scored=scored)
        with user_errors(self.method, "update"):
            self.method.update(whole)
        return done

    def _bar(self, begun: int) -> Any:
        from tqdm.auto import tqdm

        s, name = self.settings, self.run.settings["method"]["name"]
        shown = {"desc": name, "unit": "batch", "dynamic_ncols": True}
        return tqdm(total=s.steps, initial=begun, disable=not s.progress, **shown)

    @contextmanager
    def _telling(self, k: int) -> Iterator[None]:
        """An error of batch `k` carries the run so far, which is saved, and says how much of it a
        checkpoint has."""
        try:
            yield
        except Exception as error:
            told = "" if isinstance(error, CheckpointError) else self._keep(k)
            if isinstance(error, RunError):
                raise type(error)(f"batch {k}: {error}{told}", self.run) from None
            error.run = self.run  # type: ignore[attr-defined]
            if len(error.args) == 1 and isinstance(error.args[0], str):
                error.args = (f"batch {k}: {error.args[0]}{told}",)
            else:
                error.add_note(f"batch {k}{told}")
            raise

    def _keep(self, k: int) -> str:
        """Save what can be, after an error in batch `k`, and say what that is."""
        run, progress = self.run, self.progress
        if run.out is None:
            return ""
        with suppress(CheckpointError):  # the error that ends the run says more
            if not self.learning and progress.saved < len(run.rows):
                if len(run.rows) == k:
                    self.learner.sampler.forget()
                progress.save()
            if progress.saved:
                run.save()
        return (
            f"; {min(progress.saved, k)} of the {k} batches before it are saved in {str(run.out)!r}"
        )


class WholeBatch(Minibatch):
    """The batch that a method's `update` receives, which it may walk through in minibatches."""

    def minibatches(self) -> Iterator[Minibatch]:
        """Every epoch goes over the whole groups in a new order."""
        s, given = self.learner.settings, (self.learner, self.method)
        for epoch in range(s.epochs):
            for rows in self._rows_of_parts(epoch):
                completions, batch = self.completions, self.batch
                if rows is not None:
                    completions, batch = completions.rows(rows), batch.rows(rows)
                yield Minibatch(*given, completions, batch, done=self.done, scored=self.scored)

    def _rows_of_parts(self, epoch: int) -> list[Any]:
        """The rows of each minibatch; None: all of them, as they are."""
        s = self.learner.settings
        if s.minibatches == 1:
            return [None]
        number = self.batch.number
        order = torch.randperm(s.prompts, generator=generator(s.seed, "order", number, epoch))
        rows = torch.arange(s.prompts * s.group).view(s.prompts, s.group)[order]
        return [part.flatten() for part in rows.to(self.batch.mask.device).chunk(s.minibatches)]
