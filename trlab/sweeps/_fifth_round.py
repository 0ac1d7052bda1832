"""What the fifth round shares: its batch, its evaluation, and how many completions a batch holds and
how often it fits them.

Every run of `completions` makes 24 batches of sixteen updates. A batch of P prompts with 8
completions each is gone through F times, in 16/F parts each time: F = 1 fits nothing twice, F = 16
fits the whole batch sixteen times. So the number of updates and their age are the same everywhere.
What differs is how many completions a batch holds, and how often an update meets one that was fitted
before. The price: 16 prompts in sixteen parts are parts of one prompt, whose gradient is noisy.

How far a batch moves the policy is measured on completions that no update sees (`trlab.aside`), as
the run's **median** over batches. The mean would be the first batches: with many completions a run
learns nearly all in one of them and stands still afterwards.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trlab import Variant
from trlab.sweeps._third_round import BATCH, BUDGET

__all__ = ["ARMS", "BATCH", "BUDGET", "SAME", "TASK", "arm"]

UPDATES = 16
"""Of each batch."""
TASK = f"{Path(__file__).with_name('_few_prompts.py')}:FewPrompts"
SAME = "same 16"
"""The arm whose batch holds sixteen times eight completions of each of sixteen prompts, each fitted
once: as many completions as 256 x 1, of as few prompts as 16 x 16."""


def data(prompts: int, fits: int) -> dict[str, Any]:
    return {"prompts": prompts, "epochs": fits, "minibatches": UPDATES // fits}


ARMS = {
    **{
        f"{prompts} x {fits}": data(prompts, fits)
        for prompts in (16, 64, 256)
        for fits in (1, 4, 16)
    },
    SAME: data(256, 1),
}
"""Prompts per batch x times that each is fitted."""


def arm(label: str, axis: str, rates: Mapping[str, float]) -> Variant:
    """An arm whose learning rate is its own at each point of an axis."""
    few = {"task.different": 16} if label == SAME else {}
    own = {point: {"lr": rate, **few} for point, rate in rates.items()}
    return Variant("pg_is", label=label, train={**BATCH, **ARMS[label]}, instead={axis: own})
