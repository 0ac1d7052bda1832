"""What a policy writes while it learns: a few prompts that are always the same, read again and again.

Each completion is sampled at temperature 1 from uniform numbers that never change, so a text that
differs from the one before it differs because the policy does. The draws have a generator of their
own: a run whose texts are kept is the same, to the last bit, as one without them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from trlab.aside import replaced
from trlib.algorithms.method import Method
from trlib.model.rollout import sample
from trlib.seeds import derive, generator

if TYPE_CHECKING:
    from trlib.algorithms.plan import Stage
    from trlib.model.policy import Policy
    from trlib.tasks.task import Task

PROMPTS = 4
SEED = 2026
"""Seed of the prompts and of the draws, the same in every run."""


class Texts:
    """The texts of one run: `written` holds, by batch, a completion of each prompt and its
    reward."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.prompts = task.prompts(PROMPTS, seed=derive(SEED, "texts"))
        self.written: dict[int, list[tuple[str, float]]] = {}

    def read(self, policy: Policy, batch: int) -> None:
        """Keep what the policy writes before this batch."""
        done = sample(
            policy,
            [prompt.text for prompt in self.prompts],
            max_tokens=self.task.max_tokens,
            seed=generator(SEED, "texts"),
            ends_at=getattr(self.task, "ends_at", None),
        )
        self.written[batch] = [
            (text, self.task.verify(prompt, text, ended=ended).reward)
            for prompt, text, ended in zip(
                self.prompts, done.texts(), done.ended.tolist(), strict=True
            )
        ]

    def watching(self, method: Method, policy: Policy, every: int) -> Method:
        """The method; when it plans every `every`-th batch, the policy is read."""
        whole = type(method).plan

        def plan(this: Method, group: int, batch: int) -> tuple[Stage, ...]:
            if batch % every == 0:
                self.read(policy, batch)
            return whole(this, group, batch)

        return replaced(method, plan=plan)

    def as_json(self) -> str:
        """One line of text, for a row of a table."""
        asked = [prompt.text.rpartition("\n")[2] for prompt in self.prompts]
        return json.dumps({"prompts": asked, "written": self.written}, ensure_ascii=False)


def texts_of(row: Any) -> tuple[list[str], dict[int, list[tuple[str, float]]]]:
    """The last lines of the prompts, and by batch the completions with their rewards, of a row of a
    record."""
    said = json.loads(row["texts"])
    return said["prompts"], {
        int(batch): [(text, reward) for text, reward in written]
        for batch, written in said["written"].items()
    }
