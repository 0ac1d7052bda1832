"""Checks that run what the reader built: a loss inside the loop, and a fault that is named after
reading a log."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

import trlib
from trbook.exercises.attempt import OfFunction, asked
from trbook.exercises.check import Mistake
from trbook.exercises.verdict import Check, NotYet, Verdict, kind, one_number, quoted
from trbook.rollout import adamw, descend
from trlib.model.policy import Policy

CLOSE = 2e-3
"""How far a gradient may lie from the library's, as a share of the library's largest."""


class Part(NamedTuple):
    """A batch as a loss sees it."""

    scored: Any
    """What `policy.score` takes."""
    rewards: Tensor
    """[B] the verifier's rewards."""
    arguments: tuple[Any, ...]
    """What the loss takes after the log-probs."""


@dataclass(frozen=True, repr=False)
class InTheLoop(OfFunction):
    """The check of a loss that the reader writes.

    First the library's loss makes some updates on one batch. At every state on the way the gradient
    of the reader's loss is compared with the library's: at the first update all ratios are 1, so
    most mistakes show only later. A loss that agrees everywhere then trains a policy, and the
    verdict says how far it came.
    """

    truth: Callable[..., Tensor]
    """The library's loss: (log-probs [B, T], what a part's `arguments` hold, a setting) -> one
    number."""
    start: str
    """The name of the embedded policy that learns."""
    rollout: Callable[[Policy, int], Part]
    """(policy, seed) -> a batch."""
    settings: Sequence[tuple[Any, ...]]
    """The loss's last arguments; the updates take them in turn, so that no fixed number can stand
    in for them."""
    praise: str
    mistakes: Sequence[Mistake] = ()
    """Losses that are wrong in a typical way, with their hints."""
    updates: int = 8
    lr: float = 1e-3
    batches: int = 4
    """How many batches a right loss is trained on, each used `uses` times at `rate`."""
    uses: int = 4
    rate: float = 3e-4

    @cached_property
    def states(self) -> list[tuple[Tensor, tuple[Any, ...], Tensor]]:
        """(log-probs, the loss's other arguments, the library's gradient) before every update on
        one batch."""
        policy = trlib.load_policy(self.start)
        part = self.rollout(policy, 0)
        optimizer = adamw(policy, self.lr)
        visited = []
        for update in range(self.updates):
            rest = (*part.arguments, *self.settings[update % len(self.settings)])
            logp = policy.score(part.scored).logp
            loss = self.truth(logp, *rest)
            (gradient,) = torch.autograd.grad(loss, logp, retain_graph=True)
            visited.append((logp.detach().clone(), rest, gradient))
            descend(policy, optimizer, loss)
        return visited

    def _tried(self, answer: Callable[..., Any]) -> str:
        slopes = []
        for update, (logp, rest, wanted) in enumerate(self.states):
            slopes.append(self._slope(answer, logp, rest))
            if not torch.isfinite(slopes[-1]).all():
                raise NotYet(
                    f"at update {update + 1} your loss has a gradient of NaN; is something "
                    "divided by 0?"
                )
            if not _near(slopes[-1], wanted):
                raise NotYet(self._hint(answer, update, slopes[-1], wanted))
        first, last = self._train(answer)
        return (
            f"your loss has the library's gradient at each of {self.updates} updates on one batch. "
            f"In {self.batches} batches with {self.uses} epochs each it raised the mean reward "
            f"from {first:.2f} to {last:.2f}. {self.praise}"
        )

    def _slope(self, loss: Callable[..., Any], logp: Tensor, rest: tuple[Any, ...]) -> Tensor:
        leaf = logp.clone().requires_grad_()
        value = one_number(asked(loss, leaf, *copy.deepcopy(rest)))
        (slope,) = torch.autograd.grad(value, leaf, allow_unused=True)
        return torch.zeros_like(leaf) if slope is None else slope

    def _hint(self, answer: Callable[..., Any], update: int, slope: Tensor, wanted: Tensor) -> str:
        rest_of_states = self.states[update + 1 :]
        slopes = [slope, *(self._slope(answer, logp, rest) for logp, rest, _ in rest_of_states)]

        def agrees(loss: Callable[..., Any]) -> bool:
            theirs = (self._slope(loss, logp, rest) for logp, rest, _ in self.states[update:])
            return all(_near(own, other) for own, other in zip(slopes, theirs, strict=True))

        for function, hint in self.mistakes:
            if agrees(function):
                return hint
        for name, loss in self._written_in():
            if agrees(loss):
                return (
                    f"`{name}` makes no difference to your loss; did you write in a number for it?"
                )
        share = float((slope * wanted).sum() / wanted.square().sum())
        if share != 0 and _near(slope / share, wanted):
            if share < 0:
                return (
                    "your loss descends in the wrong direction: a loss is minus what you want "
                    "more of."
                )
            return (
                f"your gradient is {share:.3g} times the library's: what do you divide the sum by?"
            )
        off = (slope - wanted).abs() > CLOSE * wanted.abs().max()
        before = f"Until update {update} your gradient is the library's. " if update else ""
        if not off[wanted != 0].any():
            return (
                f"{before}At update {update + 1} it is the library's wherever that is not 0. At "
                f"{int(off.sum())} places it should be 0 but is not: padding, or tokens that "
                "should be left out."
            )
        return (
            f"{before}At update {update + 1} it is off at {int(off.sum())} of {off.numel()} "
            "places. The largest log-ratio there is "
            f"{float((self.states[update][0] - self.states[0][0])[off].abs().max()):.2f}."
        )

    def _written_in(self) -> Iterator[tuple[str, Callable[..., Tensor]]]:
        """The library's loss with a number written in for one of the settings, and that setting's
        name."""
        parameters = inspect.signature(self.truth).parameters.values()
        names = [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
        count = len(self.settings[0])
        for place, name in enumerate(names[-count:], start=-count):
            for value in sorted({setting[place] for setting in self.settings}):
                yield name, partial(self._with, place, value)

    def _with(self, place: int, value: float, *arguments: Any) -> Tensor:
        return self.truth(*arguments[:place], value, *arguments[len(arguments) + place + 1 :])

    def _train(self, loss: Callable[..., Any]) -> tuple[float, float]:
        """The mean reward of the first batch and of the last, learned with the reader's loss."""
        policy, rewards = trlib.load_policy(self.start), []
        optimizer = adamw(policy, self.rate)
        for step in range(self.batches + 1):
            part = self.rollout(policy, 100 + step)
            rewards.append(float(part.rewards.mean()))
            for _ in range(self.uses if step < self.batches else 0):
                descend(
                    policy,
                    optimizer,
                    loss(policy.score(part.scored).logp, *part.arguments, *self.settings[0]),
                )
        return rewards[0], rewards[-1]


def _near(slope: Tensor, wanted: Tensor) -> bool:
    return bool(((slope - wanted).abs() <= CLOSE * wanted.abs().max()).all())


@dataclass(frozen=True, repr=False)
class Choice(Check):
    """The check of one word out of several, as the name of a fault."""

    asks: str
    right: str
    wrong: Mapping[str, str]
    """The other words, and what speaks against each."""
    praise: str

    @property
    def wants(self) -> str:
        """The words."""
        return f"one of {self._words}"

    @property
    def _words(self) -> str:
        return quoted(sorted({self.right, *self.wrong}))

    def _check(self, answer: Any) -> Verdict:
        if not isinstance(answer, str):
            raise NotYet(
                f"expected one of the words {self._words}, as a string, but this is {kind(answer)}."
            )
        word = answer.strip().lower()
        if word == self.right:
            return Verdict(True, self.praise)
        raise NotYet(self.wrong.get(word, f"expected one of the words {self._words}."))
