"""The regime of a run: the arguments of `trlib.train` that decide it, checked before any work is done."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trlib import checks
from trlib.algorithms.method import ANCHORS, Anchor
from trlib.loop.sampler import PRECISIONS

SAVINGS = {
    "sharing": "each distinct prefix is read once, in sampling and in scoring",
    "dropping": "completions that have ended leave the sampler's computation",
    "skipping": "completions that can teach nothing are not scored, where that is exact",
}
"""What the loop does not compute because nothing would come of it."""


@dataclass(frozen=True, kw_only=True)
class Regime:
    """What decides a run beside its policy, task and method; `trlib.train` says what each one means."""

    steps: int
    seed: int
    prompts: int
    group: int
    temperature: float
    max_tokens: int
    minibatches: int
    epochs: int
    optimizer: str
    lr: float
    betas: tuple[float, float]
    weight_decay: float
    warmup: int
    grad_norm: float
    anchor: Anchor
    lag: int
    sampler: str
    logit_noise: float
    probe: int
    checkpoint_every: int
    without: tuple[str, ...]
    at_once: int | None

    def __post_init__(self) -> None:
        checks.settle(self)
        least = {
            "steps": 1,
            "seed": 0,
            "prompts": 1,
            "group": 1,
            "max_tokens": 1,
            "minibatches": 1,
            "epochs": 1,
            "warmup": 0,
            "lag": 0,
            "probe": 0,
            "checkpoint_every": 1,
        }
        for name, low in least.items():
            checks.whole(name, getattr(self, name), least=low)
        for name in ("temperature", "lr", "grad_norm"):
            checks.number(name, getattr(self, name), above=0, below=math.inf)
        for name in ("weight_decay", "logit_noise"):
            checks.number(name, getattr(self, name), least=0, below=math.inf)
        for i, beta in enumerate(self.betas):
            checks.number(f"betas[{i}]", beta, least=0, below=1)
        checks.choice("anchor", self.anchor, ANCHORS)
        checks.choice("sampler", self.sampler, PRECISIONS)
        if self.at_once is not None:
            checks.whole("at_once", self.at_once, least=1)
        for saving in self.without:
            checks.choice("without", saving, tuple(SAVINGS))
        if self.prompts % self.minibatches:
            raise ValueError(
                f"minibatches: expected a divisor of prompts = {self.prompts} (a minibatch holds whole "
                f"groups), got {self.minibatches}"
            )
