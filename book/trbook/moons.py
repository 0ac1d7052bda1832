"""Two moons: a small classifier knows one pair, and learns a few examples of a turned one. What
does it forget?

    finetuned(RELATIVES["smart"](smooth=0.0), seed=0)

The method is itself, as on the lab's bandit: its own `update` trains the classifier. An example is
a completion of one token, its class, which an expert wrote; the two coordinates are what the model
reads as the embedded prompt.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import torch
from torch import Tensor

from trbook.small import Perturb, SmallStep, one_token
from trlib import checks
from trlib.algorithms import SFT, Batch, Method, Step
from trlib.algorithms.trapo import WithExpert
from trlib.divergences import kl
from trlib.seeds import generator

HIDDEN, KNOWN, SHOWN, TESTED = 24, 400, 24, 2000
"""Hidden units; examples of the first pair, learned beforehand; examples of the turned pair, shown;
tests of each."""
TURN, NOISE = -0.6, 0.15
"""Radians between the pairs, clockwise; standard deviation of the points about their arcs."""
WITHIN = 0.1
"""How far each coordinate is moved to see whether the class changes."""


@dataclass(frozen=True)
class Tuned:
    """What fine-tuning has made of a classifier."""

    old: float
    """Share of right classes on the pair that it knew."""
    new: float
    """The same on the turned pair."""
    moved: float
    """KL both ways from the classifier before, on the pair that it knew, nats."""
    flipped: float
    """Share of the turned pair's points whose class changes when each coordinate is moved by
    WITHIN."""


def moons(count: int, seed: int, name: str, turn: float = 0.0) -> tuple[Tensor, Tensor]:
    """Points [count, 2] of two interleaved half circles, turned about their middle, and their class
    [count]."""
    random = generator(seed, "moons", name)
    kind = torch.arange(count) % 2
    angle = math.pi * torch.rand(count, generator=random)
    x = torch.where(kind == 0, angle.cos(), 1 - angle.cos()) - 0.5
    y = torch.where(kind == 0, angle.sin(), 0.5 - angle.sin()) - 0.25
    points = torch.stack([x, y], -1) + NOISE * torch.randn(count, 2, generator=random)
    c, s = math.cos(turn), math.sin(turn)
    return points @ torch.tensor([[c, s], [-s, c]]), kind


def finetuned(method: Method | None, seed: int, *, updates: int = 200, lr: float = 0.02) -> Tuned:
    """What `method` makes of the classifier of a seed; None: the classifier as it was.

    Args:
        method: one that learns from an expert's completions, such as SFT.
        seed: of the points, the weights, and so of the classifier before.
        updates: of AdamW, each on all examples shown.
        lr: its learning rate.

    Raises:
        ValueError: a method that does not learn from an expert; no update.
    """
    if method is not None and not isinstance(method, WithExpert):
        raise ValueError(
            "method: expected one that learns from an expert's completions, got "
            f"{type(method).__name__}"
        )
    known, (x, old), (turned, new) = (
        knowing(seed),
        moons(TESTED, seed, "old"),
        moons(TESTED, seed, "new", TURN),
    )
    after = (
        known
        if method is None
        else learned(
            method,
            known,
            *moons(SHOWN, seed, "shown", TURN),
            updates=checks.whole("updates", updates, least=1),
            lr=checks.number("lr", lr, above=0),
        )
    )
    before, now, there = read(known, x), read(after, x), turned.requires_grad_()
    logits = read(after, there)
    (slope,) = torch.autograd.grad(logits.amax(-1).sum(), there)
    shaken = read(after, turned.detach() - WITHIN * slope.sign())
    return Tuned(
        _share(now.argmax(-1) == old),
        _share(logits.argmax(-1) == new),
        float((kl(before, now) + kl(now, before)).mean()),
        _share(shaken.argmax(-1) != logits.argmax(-1)),
    )


def read(weights: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """Log-probs [.., 2] of the two classes at points [.., 2]."""
    return ((x @ weights["w"].T + weights["b"]).tanh() @ weights["v"].T + weights["c"]).log_softmax(
        -1
    )


@lru_cache(maxsize=64)
def knowing(seed: int) -> dict[str, Tensor]:
    """The weights of the classifier that knows the first pair."""
    random = generator(seed, "moons", "weights")
    weights = {
        "w": torch.randn(HIDDEN, 2, generator=random),
        "b": torch.randn(HIDDEN, generator=random),
        "v": torch.randn(2, HIDDEN, generator=random) / math.sqrt(HIDDEN),
        "c": torch.zeros(2),
    }
    return learned(SFT(), weights, *moons(KNOWN, seed, "known"), updates=300, lr=0.02)


def _share(is_so: Tensor) -> float:
    return float(is_so.float().mean())


def learned(
    method: Method,
    weights: Mapping[str, Tensor],
    x: Tensor,
    kind: Tensor,
    *,
    updates: int,
    lr: float,
) -> dict[str, Tensor]:
    """The weights after the method's update on these examples."""
    net = Net(method, weights, x, kind, updates, lr)
    with checks.value_checks(False):
        method.update(cast(Step, net))
    return {name: p.detach() for name, p in net.weights.items()}


class Net(SmallStep):
    """The `Step` of a classifier: one batch, gone through `updates` times."""

    def __init__(
        self,
        method: Method,
        weights: Mapping[str, Tensor],
        x: Tensor,
        kind: Tensor,
        updates: int,
        lr: float,
    ) -> None:
        optimizer = torch.optim.AdamW
        super().__init__(weights, uses=updates, lr=lr, optimizer=optimizer, weight_decay=0.0)
        self.method, self.x = method, x.unsqueeze(1)
        none = torch.zeros(len(x))
        self.batch = one_token(
            kind, torch.arange(len(x)), none, none, forced=True, advantages=none.unsqueeze(-1)
        )

    def full(self, batch: Batch, weights: Mapping[str, Tensor], perturb: Perturb | None) -> Tensor:
        x = self.x[batch.group]
        return read(weights, x if perturb is None else perturb(x))
