"""SMART (arXiv 1911.03437), both halves, on the expert's answers."""

from dataclasses import dataclass

import torch
from common import symmetric_kl

from trlib.algorithms import SFT, Needs


@dataclass(frozen=True, kw_only=True)
class SMART(SFT):
    """Supervision, a pull to a moving average of the weights, and calm under noise on the embedded
    tokens."""

    pull: float = 1.0
    calm: float = 1.0
    average: float = 0.9
    noise: float = 1e-3

    def needs(self, anchor):
        return Needs(full=True)

    def update(self, step):
        past, expert = step.batch.memory, step.batch.forced
        average = {name: past.setdefault(name, p.clone()) for name, p in step.weights.items()}
        with torch.no_grad():
            before = step.score(weights=average).full[expert]
        now = step.score()
        shaken = step.score(
            perturb=lambda e: e + self.noise * torch.sin(torch.arange(e.numel()).view_as(e))
        )
        extra = self.pull * symmetric_kl(now.full[expert], before)
        step.descend(
            step.loss(now) + extra + self.calm * symmetric_kl(shaken.full[expert], now.full[expert])
        )
        for name, p in step.weights.items():
            past[name].lerp_(p.detach(), 1 - self.average)
