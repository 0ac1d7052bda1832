"""Exercises whose answer runs inside the book's loop: its updates of a policy are compared with
ours, one by one.

    check_update = Built(
        "Does `update(policy, optimizer, batch, rewards)` take one step of REINFORCE?",
        truth=update,
        trace=of_updates,
        mistakes=[(downhill, "the parameters move away from what was rewarded: ...")],
        praise=trained)

`trace` runs a function in the loop and returns one row for each update: how far every parameter
moved. The reader's rows are compared with the reference's and then with those of each mistake. The
first mistake that agrees gives the hint.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from trbook.exercises.attempt import OfFunction, asked
from trbook.exercises.check import Mistake
from trbook.exercises.verdict import NotYet
from trbook.rollout import position
from trlib.model.policy import load_policy

Function = Callable[..., Any]


def movements(start: str, lr: float, update: Function, parts: Sequence[Sequence[Any]]) -> Tensor:
    """[updates, parameters]: how far each update moves an embedded policy, in float64.

    Args:
        start: the policy's name.
        lr: of plain gradient descent.
        update: takes the policy, the optimizer and a part.
        parts: what each update is made from.
    """
    policy = load_policy(start, dtype="float64")
    optimizer = torch.optim.SGD(policy.parameters, lr=lr)
    rows = []
    for part in copy.deepcopy(parts):
        before = position(policy)
        update(policy, optimizer, *part)
        rows.append(position(policy) - before)
    return torch.stack(rows)


@dataclass(frozen=True, repr=False)
class Built(OfFunction):
    """The check of a part of the loop that the reader wrote."""

    truth: Function
    """The reference."""
    trace: Callable[[Function], Tensor]
    """Runs a function in the loop: [updates, parameters], the movement of every update. It may
    raise `NotYet`."""
    mistakes: Sequence[Mistake]
    """Tried in turn where the answer is off; the first whose updates agree with the reader's gives
    the hint."""
    praise: Callable[[Function], str]
    """Given a right answer: trains with it, and reports the result."""
    rtol: float = 1e-4
    """Largest distance from the reference's movement, relative to its length."""

    @cached_property
    def wanted(self) -> Tensor:
        """The reference's updates."""
        return self.trace(self.truth)

    @cached_property
    def traces(self) -> list[Tensor]:
        """The updates of each mistake, computed at the first wrong answer, which takes a second or
        two."""
        return [self.trace(function) for function, _ in self.mistakes]

    def _tried(self, answer: Function) -> str:
        got = self.trace(partial(asked, answer))
        if self._same(got, self.wanted):
            return self.praise(answer)
        if not got.isfinite().all():
            raise NotYet(
                "after your update some parameters are NaN or infinite; is something divided by 0?"
            )
        for (_, hint), trace in zip(self.mistakes, self.traces, strict=True):
            if self._same(got, trace):
                raise NotYet(hint)
        if not got.any():
            raise NotYet("your function runs, but the policy's parameters have not moved.")
        raise NotYet(self._where(got))

    def _same(self, got: Tensor, wanted: Tensor) -> bool:
        return bool(((got - wanted).norm(dim=1) <= self.rtol * wanted.norm(dim=1)).all())

    def _where(self, got: Tensor) -> str:
        """Which update is the first to be off, and whether its length or its direction is wrong."""
        off = (got - self.wanted).norm(dim=1) > self.rtol * self.wanted.norm(dim=1)
        first = int(off.nonzero()[0])
        ours, theirs = self.wanted[first], got[first]
        times = float(theirs.norm() / ours.norm())
        cosine = float(theirs @ ours / (theirs.norm() * ours.norm()).clamp(min=1e-30))
        return (
            f"update {first + 1} of {len(got)} is off: it moves the parameters {times:.3g} times "
            "as far as it should, and the cosine between its direction and the right one is "
            f"{cosine:.3f}."
        )
