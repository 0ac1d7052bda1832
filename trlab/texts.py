"""What a policy writes while it learns: the batches themselves, with their rewards. A run whose texts
are kept is the same, to the last bit, as one without them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from trlib.tasks.task import Prompt, Task, Verdict


class Written(NamedTuple):
    """One completion of a batch: the last line of its prompt, what was written, its reward."""

    prompt: str
    text: str
    reward: float


class KeepingTask:
    """A task that keeps every completion that it verifies, in order."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.written: list[Written] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.task, name)

    def verify(self, prompt: Prompt, completion: str, *, ended: bool) -> Verdict:
        """The task's own verdict."""
        verdict = self.task.verify(prompt, completion, ended=ended)
        asked = prompt.text.rpartition("\n")[2]
        self.written.append(Written(asked, completion, verdict.reward))
        return verdict

    def as_json(self, size: int, every: int) -> str:
        """One line of text, for a row of a table: the completions of one batch of `every`, where a
        batch has `size`."""
        batches = range(len(self.written) // size)
        kept = {k: self.written[k * size : (k + 1) * size] for k in batches if k % every == 0}
        return json.dumps(kept, ensure_ascii=False)


def texts_of(row: Any) -> dict[int, list[Written]]:
    """By batch the completions of a row of a record, one prompt's after the other's."""
    batches = json.loads(row["texts"]).items()
    return {int(batch): [Written(*one) for one in written] for batch, written in batches}
