"""AdamW whose learning rate falls linearly to 0 over a run, what `horizon_decay` sets beside
constant rates."""

from typing import Any

import torch


class Falling(torch.optim.AdamW):
    """Before update t = 0, 1, ... of T the rate is multiplied by 1 - t/T; the loop sets it anew
    before each."""

    updates = 0
    """T: batches times uses of each."""

    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            taken = group.setdefault("taken", 0)
            group["lr"] *= 1 - taken / self.updates
            group["taken"] = taken + 1
        return super().step(closure)


class Over24(Falling):
    """Over 24 batches, each used 16 times."""

    version = 1
    updates = 24 * 16


class Over120(Falling):
    """Over 120 batches, each used 16 times."""

    version = 1
    updates = 120 * 16
