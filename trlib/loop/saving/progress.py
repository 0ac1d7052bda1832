"""How far a run has come: written to its folder, and taken up again from there."""

from typing import Any

from trlib.errors import CheckpointError
from trlib.loop.collect import Collector
from trlib.loop.learner import Learner
from trlib.loop.saving import checkpoints
from trlib.loop.saving.run import Run


class Progress:
    """The run so far, and everything that the rest of it depends on."""

    def __init__(self, run: Run, learner: Learner, collector: Collector) -> None:
        self.run, self.learner, self.collector = run, learner, collector
        self.saved = 0
        """Batches in the last checkpoint."""

    def save(self) -> None:
        """Write checkpoint and history, if the run has a folder."""
        run = self.run
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

    def restore(self) -> None:
        """Go on from what is saved in the run's folder, if anything is."""
        run, folder = self.run, self.run.out
        saved = None if folder is None else checkpoints.load(folder)
        if folder is None or saved is None:
            return
        tensors, meta = saved
        checkpoints.check_same_run(meta["settings"], run.settings)
        if len(meta["rows"]) > run.settings["steps"]:
            raise CheckpointError(
                f"steps: the run in {str(folder)!r} has {len(meta['rows'])} batches already, "
                f"expected at least as many, got {run.settings['steps']}"
            )
        checkpoints.check_tensors(folder, tensors, self.learner.tensors())
        self.learner.load(tensors, meta["learner"])
        run.rows, run.prompt_rows = meta["rows"], meta["prompts"]
        self.collector.warned_of_silence = meta["warned_of_silence"]
        self.saved = len(run.rows)
