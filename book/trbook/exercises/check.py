"""How an exercise is made: a reference, inputs, and the mistakes that deserve a hint of their own.

    def _wrong(logp, logp_old):
        return [(logp - logp_old, "this is the log-ratio: take `exp`.")]

    check_ratio = Exercise(
        "Is `ratio(logp, logp_old)` the importance ratio, new over old?",
        truth=ratio,
        inputs=lambda draw: (draw.normal(5), draw.normal(5)),
        wrong=_wrong, praise="...")

The reader's function runs on every input and is compared with `truth`. Where it is off, the first
mistake that agrees with it on every input gives the hint. After the named mistakes come automatic
ones, made from the reference's own arguments: two that change places, one that is used where
another belongs, one that makes no difference at all. So an answer in which a number replaces an
argument cannot pass, and the hint names the argument that it ignores.

In the notebook the exercise's cell ends with the check (and says "not yet"); the next cell, tagged
`solution` and folded, holds the solution and the same check, `.of_the_solution()`.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import permutations
from typing import Any

import torch
from torch import Tensor

from trbook.exercises.attempt import OfFunction, call
from trbook.exercises.verdict import (
    Check,
    NotYet,
    Verdict,
    difference,
    given,
    kind,
    quoted,
    raised,
)

DRAWS = 6
"""Inputs that are drawn; the seeds are fixed, so a check says the same every time."""
Arguments = dict[str, Any]
Mistake = tuple[Callable[..., Tensor], str]
"""A function that is wrong in a typical way, and the hint for a reader who writes it."""


class Draw:
    """Random inputs with few digits, so that a hint can print them."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """float64 of this shape, rounded to two decimals."""
        share = torch.rand(shape, generator=self._generator, dtype=torch.float64)
        return (low + (high - low) * share).round(decimals=2)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal, rounded to two decimals."""
        return torch.randn(shape, generator=self._generator, dtype=torch.float64).round(decimals=2)

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """int64 from `low` to `high - 1`."""
        return torch.randint(low, high, shape, generator=self._generator)

    def number(self, low: float, high: float) -> float:
        """One float, rounded to two decimals."""
        return round(float(self.uniform(low, high)), 2)


@dataclass(frozen=True, repr=False)
class Exercise(OfFunction):
    """The check of a function that the reader writes, against a reference."""

    truth: Callable[..., Tensor]
    """The reference. The names of its arguments are those of the exercise."""
    inputs: Callable[[Draw], tuple[Any, ...]]
    """Draws one set of arguments; every draw has the same shapes."""
    praise: str
    """What a reader who is right should notice."""
    wrong: Callable[..., Sequence[tuple[Tensor, str]]] = lambda **_: ()
    """Takes the reference's arguments and gives the typical wrong answers, each with its hint. They
    are tried in turn where the answer is off; the first that agrees on every input gives the
    hint."""
    examples: Sequence[tuple[Any, ...]] = ()
    """Inputs chosen by hand, asked before those drawn: corner cases, and numbers that read well in
    a hint."""
    gradient: str | None = None
    """The argument whose gradient is compared too."""
    then: Callable[[Callable[..., Any]], str] | None = None
    """Run last, on an answer that is right on every input: a training run with it, for example.
    Returns a sentence for the praise, or raises `NotYet`."""
    rtol: float = 1e-4
    atol: float = 1e-6

    @cached_property
    def names(self) -> list[str]:
        """The arguments' names."""
        return list(inspect.signature(self.truth).parameters)

    @cached_property
    def drawn(self) -> list[Arguments]:
        """The drawn inputs, by name."""
        return [self._named(self.inputs(Draw(seed))) for seed in range(DRAWS)]

    @cached_property
    def cases(self) -> list[Arguments]:
        """Every input, by name."""
        return [*(self._named(example) for example in self.examples), *self.drawn]

    @cached_property
    def mistakes(self) -> list[tuple[list[Tensor], str]]:
        """The typical wrong answers: what each is on every input, and its hint."""
        tables = [self.wrong(**copy.deepcopy(case)) for case in self.cases]
        return [
            ([value.detach().to(torch.float64) for value, _ in answers], answers[0][1])
            for answers in zip(*tables, strict=True)
        ]

    def _named(self, arguments: tuple[Any, ...]) -> Arguments:
        def value(argument: Any) -> Any:
            return (
                torch.tensor(argument, dtype=torch.float64)
                if isinstance(argument, list)
                else argument
            )

        return {name: value(argument) for name, argument in zip(self.names, arguments, strict=True)}

    def _tried(self, answer: Callable[..., Any]) -> str:
        wanted = [run(self.truth, case) for case in self.cases]
        got = [_asked(answer, case, want) for case, want in zip(self.cases, wanted, strict=True)]
        if not self._same(got, wanted):
            raise NotYet(self._hint(answer, got, wanted))
        if self.gradient:
            self._check_gradient(answer, self.gradient)
        return f"{self.praise} {self._used(answer)}" if self.then else self.praise

    def _used(self, answer: Callable[..., Any]) -> str:
        """What happens when the answer is used, in a sentence."""
        assert self.then is not None
        try:
            return self.then(answer)
        except NotYet:
            raise
        except Exception as error:
            raise NotYet(
                "your function is right on the drawn inputs, but it fails where it is used: "
                f"{raised(error, answer)}."
            ) from error

    def _hint(self, answer: Callable[..., Any], got: list[Tensor], wanted: list[Tensor]) -> str:
        for case, value in zip(self.cases, got, strict=True):
            if torch.isnan(value).any():
                return f"your function returns NaN with {given(case)}; is something divided by 0?"
        for values, hint in self.mistakes:
            if self._same(got, values):
                return hint
        for function, hint in mixed_up(self.truth, self.drawn):
            if self._same(got, [run(function, case) for case in self.cases]):
                return hint
        ignored = [name for name in self.names if self._ignores(answer, name)]
        if ignored:
            verb = "is" if len(ignored) == 1 else "are"
            return (
                f"your function returns the same whatever {quoted(ignored)} {verb}, but should "
                "not. Did you write in a number, or use another argument?"
            )
        for case, value, want in zip(self.cases, got, wanted, strict=True):
            off = ~torch.isclose(value, want, rtol=self.rtol, atol=self.atol)
            if off.any():
                return difference(value, want, off, case)
        raise AssertionError("an answer that is off has a place where it is")

    def _ignores(self, answer: Callable[..., Any], name: str) -> bool:
        """Does the answer stay the same wherever changing this argument alone changes the truth?"""
        return all(
            self._same([_asked(answer, a, want)], [_asked(answer, b, want)])
            for a, b, want in self.pairs(name)
        )

    def pairs(self, name: str) -> Iterator[tuple[Arguments, Arguments, Tensor]]:
        """Pairs of inputs that differ in this argument alone and have different truths, with the
        truth of the first."""
        for first, second in zip(self.drawn, [*self.drawn[1:], self.drawn[0]], strict=True):
            changed = {**first, name: second[name]}
            before, after = run(self.truth, first), run(self.truth, changed)
            if not self._same([before], [after]):
                yield first, changed, before

    def _same(self, a: Sequence[Tensor], b: Sequence[Tensor]) -> bool:
        return all(
            x.shape == y.shape
            and torch.allclose(x, y, rtol=self.rtol, atol=self.atol, equal_nan=True)
            for x, y in zip(a, b, strict=True)
        )

    def _check_gradient(self, answer: Callable[..., Any], name: str) -> None:
        for case in self.cases:
            found, wanted = _slope(answer, case, name), _slope(self.truth, case, name)
            if found is None or wanted is None:
                raise NotYet(
                    f"the values are right, but no gradient reaches `{name}`; is something "
                    "detached, or computed outside torch?"
                )
            if not self._same([found], [wanted]):
                raise NotYet(
                    f"the values are right, but the gradient in `{name}` is not; did you detach "
                    "something that should not be detached, or fail to detach something that "
                    "should?"
                )


def mixed_up(truth: Callable[..., Tensor], cases: Sequence[Arguments]) -> Iterator[Mistake]:
    """The automatic mistakes: two arguments of a kind that change places, or one that is used where
    another belongs."""
    names = list(cases[0])
    for one, other in permutations(names, 2):
        if not all(_alike(case[one], case[other]) for case in cases):
            continue
        if names.index(one) < names.index(other):
            yield (
                _renamed(truth, {one: other, other: one}),
                f"`{one}` and `{other}` have changed places.",
            )
        yield _renamed(truth, {other: one}), f"`{one}` is used where `{other}` belongs."


def _renamed(truth: Callable[..., Tensor], taken: Mapping[str, str]) -> Callable[..., Tensor]:
    """The reference, with some arguments taken from others."""
    return lambda **arguments: truth(
        **{name: arguments[taken.get(name, name)] for name in arguments}
    )


def _alike(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return a.shape == b.shape and a.dtype == b.dtype
    return type(a) is type(b)


def run(function: Callable[..., Any], case: Arguments) -> Tensor:
    """One of our own functions on a copy of the inputs, as float64."""
    return function(**copy.deepcopy(case)).detach().to(torch.float64)


def _asked(answer: Callable[..., Any], case: Arguments, want: Tensor) -> Tensor:
    """The reader's function on a copy of the inputs, as float64; whatever it does instead becomes a
    hint."""
    got = call(answer, *copy.deepcopy(case).values(), told=given(case))
    try:
        value = got if isinstance(got, Tensor) else torch.as_tensor(got)
        value = value.detach().cpu().to(torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise NotYet(
            f"expected a tensor of numbers, but your function returns {kind(got)}."
        ) from error
    if value.shape != want.shape:
        raise NotYet(
            f"your function returns the shape {list(value.shape)} instead of {list(want.shape)}, "
            f"with {given(case, shapes=True)}."
        )
    return value


def _slope(function: Callable[..., Any], case: Arguments, name: str) -> Tensor | None:
    """The gradient of the sum of a function's values, each weighted differently, so that no two can
    be confused."""
    arguments = {**copy.deepcopy(case), name: case[name].clone().requires_grad_()}
    value = function(*arguments.values())
    if not (isinstance(value, Tensor) and value.requires_grad):
        return None
    weights = torch.arange(1, value.numel() + 1, dtype=value.dtype).reshape(value.shape)
    (slope,) = torch.autograd.grad((weights * value).sum(), arguments[name], allow_unused=True)
    return slope


@dataclass(frozen=True)
class Number:
    """One number that the reader works out."""

    wanted: float
    mistakes: Mapping[float, str]
    """The hint for each typical wrong number."""
    rtol: float | None = None
    """How near is near enough, where that is not the check's own: for a number that is
    simulated."""


class Numbers(Check):
    """The check of numbers that the reader works out, called with them in the order in which they
    are listed here."""

    def __init__(self, asks: str, *, praise: str, rtol: float = 2e-3, **wanted: Number) -> None:
        self.asks, self.praise, self.rtol, self.wanted = asks, praise, rtol, wanted

    @property
    def wants(self) -> str:
        """The answers by their names."""
        return f"{quoted(self.wanted)}, in this order"

    def _check(self, *answers: Any, **other: Any) -> Verdict:
        bound = inspect.Signature(
            [
                inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
                for name in self.wanted
            ]
        ).bind(*answers, **other)
        for name, answer in bound.arguments.items():
            if answer is None or answer is Ellipsis:
                raise NotYet(f"`{name}` has no answer yet.")
            self._grade(name, _scalar(answer, name), self.wanted[name])
        return Verdict(True, self.praise)

    def _grade(self, name: str, value: float, number: Number) -> None:
        near = partial(
            math.isclose, rel_tol=self.rtol if number.rtol is None else number.rtol, abs_tol=1e-9
        )
        if near(value, number.wanted):
            return
        for wrong, hint in number.mistakes.items():
            if near(value, wrong):
                raise NotYet(hint)
        digits = next(n for n in range(1, 18) if near(_rounded(number.wanted, n), number.wanted))
        if any(math.isclose(value, _rounded(number.wanted, n)) for n in range(1, digits)):
            raise NotYet(
                f"`{name}` = {value:g} is rounded too far: give at least {digits} significant "
                "digits."
            )
        raise NotYet(
            f"`{name}` = {value:.4g} is too {'small' if value < number.wanted else 'large'}."
        )


def _rounded(value: float, digits: int) -> float:
    """To this many significant digits."""
    return float(f"{value:.{digits}g}")


def _scalar(answer: Any, name: str) -> float:
    try:
        value = float(answer)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise NotYet(f"`{name}`: expected a number, but this is {kind(answer)}.") from error
    if math.isnan(value):
        raise NotYet(f"`{name}` is NaN; is something divided by 0?")
    return value
