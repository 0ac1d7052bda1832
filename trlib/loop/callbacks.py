"""Callbacks: what a run calls while it goes on, such as a tracker.

A callback is any object with some of these methods, which have the names that transformers gives
them. The first argument is always the run so far, with `history`, `settings` and `policy`:

    on_train_begin(run)              before the first batch; `run.rows` is not empty in a resumed run
    on_step_end(run, row)            after each batch, with its row of the history, a dict
    on_log(run, logs)                the same, after `on_step_end` (every batch is logged)
    on_evaluate(run, metrics)        after an evaluation, with a `trlib.evaluation.Evaluation`
    on_save(run)                     after a checkpoint
    on_train_end(run)                after the last batch, finished or interrupted

`run.should_training_stop = True` ends the run after the batch, saved and resumable as after Ctrl-C.
A callback of transformers itself has other arguments (args, state, control) and does not fit."""

from collections.abc import Sequence
from typing import Any

from trlib.errors import unknown
from trlib.loop.user_errors import user_errors

EVENTS = (
    "on_train_begin", "on_step_end", "on_log", "on_evaluate", "on_save", "on_train_end",
)  # fmt: skip


class Callbacks:
    """The callbacks of a run.
    Raises TypeError, ValueError: something else than a list of objects with such methods."""

    def __init__(self, callbacks: Sequence[Any]) -> None:
        if not isinstance(callbacks, Sequence) or isinstance(callbacks, str):
            raise TypeError(f"callbacks: expected a list of objects, got {callbacks!r}")
        self.each = tuple(callbacks)
        for one in self.each:
            if isinstance(one, type):
                raise TypeError(f"callbacks: expected objects, got the class {one.__name__}")
            named = [name for name in dir(one) if name.startswith("on_")]
            for name in named:
                if name not in EVENTS:
                    raise unknown(f"callbacks: a method of {type(one).__name__}", name, EVENTS)
            if not named:
                raise TypeError(
                    f"callbacks: expected objects with methods such as on_step_end(run, row), got "
                    f"{one!r}"
                )

    def tell(self, event: str, *arguments: Any) -> None:
        """Call a method of every callback that has it, in the order in which they were given.
        Raises MethodError: one of them raised an error."""
        for one in self.each:
            if hasattr(one, event):
                with user_errors(one, event):
                    getattr(one, event)(*arguments)
