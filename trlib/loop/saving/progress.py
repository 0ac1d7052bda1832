"""How far a run has come: written to its folder, and taken up again from there."""

from typing import Any

from trlib.errors import CheckpointError
from trlib.loop.collect import Collector
from trlib.loop.learner import Learner
from trlib.loop.saving import checkpoints
from trlib.loop.saving.history import History
from trlib.loop.saving.run import Run


class Progress:
    """The run so far, and everything that the rest of it depends on."""

    def __init__(self, run: Run, learner: Learner, collector: Collector) -> None:
        self.run, self.learner, self.collector = run, learner, collector
        self.saved = 0
        """Batches in the last checkpoint."""
        self.history = None if run.out is None else History(run.out)

    def add(self, row: dict[str, float], prompt_rows: list[dict[str, Any]]) -> None:
        """A batch has ended: enter it into the run, and into its folder's history."""
        run = self.run
        run.rows.append(row)
        run.prompt_rows.extend(prompt_rows)
        if self.history is not None:
            self.history.append(len(run.rows) - 1, row, prompt_rows)

    def save(self) -> None:
        """Write a checkpoint, if the run has a folder."""
        run = self.run
        if run.out is None or self.history is None:
            return
        meta: dict[str, Any] = {
            "settings": run.settings,
            "batches": len(run.rows),
            "history": self.history.mark(),
            "said": self.collector.said,
            "learner": self.learner.numbers(),
        }
        checkpoints.save(run.out, self.learner.tensors(), meta)
        run.save_settings()
        self.saved = len(run.rows)

    def restore(self) -> None:
        """Go on from what is saved in the run's folder, if anything is."""
        run, folder = self.run, self.run.out
        saved = None if folder is None else checkpoints.load(folder)
        if folder is None or self.history is None or saved is None:
            return
        tensors, meta = saved
        whole = "rows" in meta  # until 1.0.0rc1 a checkpoint held the history itself
        rows, prompts = (
            (meta["rows"], meta["prompts"]) if whole else self.history.resume(meta["history"])
        )
        checkpoints.check_same_run(meta["settings"], run.settings)
        if len(rows) > run.settings["steps"]:
            raise CheckpointError(
                f"steps: the run in {str(folder)!r} has {len(rows)} batches already, "
                f"expected at least as many, got {run.settings['steps']}"
            )
        checkpoints.check_tensors(folder, tensors, self.learner.tensors())
        self.learner.load(tensors, meta["learner"])
        run.rows, run.prompt_rows = rows, prompts
        self.collector.said = meta.get("said", ["silence"] * meta.get("warned_of_silence", False))
        self.saved = len(rows)
        if whole:
            for k, row in enumerate(rows):
                self.history.append(k, row, [one for one in prompts if one["batch"] == k])
        self.history.cut()
