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

from pathlib import Path
from typing import Any

from trlab.sweeps._third import BATCH, BUDGET

__all__ = ["BATCH", "BUDGET", "DATA", "SAME", "TASK", "UPDATES"]

UPDATES = 16
"""Of each batch."""


def data(prompts: int, fits: int) -> dict[str, Any]:
    return {"prompts": prompts, "epochs": fits, "minibatches": UPDATES // fits}


DATA = {f"{p} x {f}": data(p, f) for p in (16, 64, 256) for f in (1, 4, 16)}
"""Prompts per batch x times that each is fitted."""
SAME = "same 16"
"""The arm whose batch holds sixteen times eight completions of each of sixteen prompts, each fitted
once: as many completions as 256 x 1, of as few prompts as 16 x 16."""
TASK = f"{Path(__file__).with_name('_same_prompts.py')}:SamePrompts"
