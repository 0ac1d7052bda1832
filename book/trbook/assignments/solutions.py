"""The teacher's solutions of `skeleton.py`, in a few lines each."""

from __future__ import annotations

import itertools
import re

import torch
from torch import Tensor

SUM = re.compile(r"(\d+(?:\s*\+\s*\d+)+)\s*=\s*(\d+)")


def advantages(rewards: Tensor, group: Tensor) -> Tensor:
    found = torch.zeros_like(rewards)
    for one in group.unique():
        own = rewards[group == one]
        if (own != own[0]).any():
            found[group == one] = (own - own.mean()) / (own.std() + 1e-6)
    return found


def clipped_loss(
    logp: Tensor, old: Tensor, advantages: Tensor, mask: Tensor, low: float, high: float
) -> Tensor:
    A = advantages[mask]
    ratio = (logp[mask] - old[mask]).exp()
    return -torch.minimum(ratio * A, ratio.clamp(1 - low, 1 + high) * A).mean()


def nearest(new: Tensor, q: Tensor, delta: float) -> Tensor:
    def at(t: float) -> Tensor:
        return (t * new + (1 - t) * q).log_softmax(-1)

    def kl(p: Tensor) -> float:
        return float((p.exp() * (p - q)).sum())

    if kl(new) <= delta:
        return new
    inside, outside = 0.0, 1.0
    for _ in range(60):
        half = (inside + outside) / 2
        inside, outside = (half, outside) if kl(at(half)) <= delta else (inside, half)
    return at(inside)


def p_value(a: Tensor, b: Tensor) -> float:
    results, n = torch.cat([a, b]), len(a)
    dealt = torch.tensor(list(itertools.combinations(range(2 * n), n)))
    gaps = (2 * results[dealt].sum(-1) - results.sum()).abs() / n
    return float((gaps >= (a.mean() - b.mean()).abs() - 1e-12).double().mean())


def sums(text: str) -> tuple[int, int]:
    """For the half page, by the last four readings: 14 of 32 sums are right where a batch was used
    once, 16 of 32 where it was used eight times with a clip, 5 of 30 without. Each is one run."""
    found = SUM.findall(text)
    right = [sum(map(int, left.split("+"))) == int(told) for left, told in found]
    return sum(right), len(found)
