"""How an exercise is made.

A check is a function decorated with `exercise`. It takes whatever the reader wrote and returns a `Verdict`:

    @exercise
    def check_ratio(answer):
        cases = [case(new, old) for new, old in ...]
        return grade(answer, cases, truth, mistakes=[(inverted, "That is old over new.")], praise="...")

`grade` calls the reader's function on every case and compares it with the truth. A mistake is a function too: if
the answer agrees with it on every case, its hint is what the reader sees. In the notebook the exercise's cell ends with
the check (and says "not yet"); the next cell, tagged `solution` and folded, holds the solution and the same check.
"""

from __future__ import annotations

import copy
import functools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import torch
from torch import Tensor

MARK = {True: "right", False: "not yet"}
_INK = {True: "#1a6e3c", False: "#8a5a00"}


@dataclass(frozen=True)
class Verdict:
    """What a check found. It shows itself: words in a terminal, a coloured line in a notebook."""

    right: bool
    message: str
    """What to notice, where it is right; else a hint at what is off."""

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return f"{MARK[self.right]}: {self.message}"

    def _repr_html_(self) -> str:
        sign = "✓" if self.right else "…"
        text = re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(self.message))
        return (f'<div class="trlib-verdict" style="border-left: 4px solid {_INK[self.right]}; padding: .4em .9em; '
                f'max-width: 46em"><strong>{sign} {MARK[self.right]}</strong> {text}</div>')


class NotYet(Exception):
    """Raised inside a check, and only there: the answer is off, and the message is the hint."""


def exercise(check: Callable[..., Verdict]) -> Callable[..., Verdict]:
    """A check that never raises: whatever goes wrong becomes "not yet" with a hint."""

    @functools.wraps(check)
    def careful(*answer: Any, **named: Any) -> Verdict:
        try:
            return check(*answer, **named)
        except NotYet as hint:
            return Verdict(False, str(hint))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a reader's object may raise anything when it is looked at, SystemExit too
            return Verdict(False, f"this check cannot read the answer ({_named(error)}). "
                                  f"It is called as {check.__name__}{_signature(check)}.")

    return careful


def case(*arguments: Any) -> tuple[Any, ...]:
    """The arguments of one call; lists of numbers become float64 tensors."""
    return tuple(torch.tensor(a, dtype=torch.float64) if isinstance(a, list) else a for a in arguments)


def grade(answer: Any, cases: Sequence[tuple[Any, ...]], truth: Callable[..., Tensor], *, praise: str,
          mistakes: Sequence[tuple[Callable[..., Tensor], str]] = (),
          rtol: float = 1e-4, atol: float = 1e-6) -> Verdict:
    """Compare the reader's function with `truth` on every case.

    Args:
        answer: what the reader wrote; anything.
        cases: the arguments of each call, each handed over as a copy.
        truth: the right function.
        praise: what a reader who is right should notice.
        mistakes: (function, hint), tried in turn where the answer is off; a mistake must differ from the truth on
            some case.
        rtol, atol: how close is right.

    Raises:
        NotYet: the answer is off. `exercise` turns it into a verdict.
    """
    if not callable(answer):
        raise NotYet(f"a function is wanted here, and this is {_kind(answer)}.")
    outcomes = [_call(answer, arguments) for arguments in cases]
    wanted = [truth(*copy.deepcopy(arguments)).to(torch.float64) for arguments in cases]
    values = [_as_tensor(got, want, arguments) for got, want, arguments in zip(outcomes, wanted, cases, strict=True)]
    agree = [_close(got, want, rtol, atol) for got, want in zip(values, wanted, strict=True)]
    if all(agree):
        return Verdict(True, praise)
    for mistake, hint in mistakes:
        wrong = [mistake(*copy.deepcopy(arguments)).to(torch.float64) for arguments in cases]
        if all(_close(got, bad, rtol, atol) for got, bad in zip(values, wrong, strict=True)):
            raise NotYet(hint)
    first = agree.index(False)
    raise NotYet(_difference(values[first], wanted[first], cases[first], rtol, atol))


def grade_number(answer: Any, wanted: float, *, name: str, praise: str, mistakes: Sequence[tuple[float, str]] = (),
                 rtol: float = 2e-3) -> Verdict:
    """Compare a number; `mistakes` are (number, hint). Raises NotYet where it is off."""
    if answer is None or answer is Ellipsis:
        raise NotYet(f"{name} is still open.")
    value = _scalar(answer, name)
    if math.isclose(value, wanted, rel_tol=rtol, abs_tol=1e-9):
        return Verdict(True, praise)
    for number, hint in mistakes:
        if math.isclose(value, number, rel_tol=rtol, abs_tol=1e-9):
            raise NotYet(hint)
    raise NotYet(f"{name} = {value:.4g} is too {'small' if value < wanted else 'large'}.")


def _call(answer: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    try:
        got = answer(*copy.deepcopy(arguments))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise NotYet(f"your function raised {_named(error)} for {shown(arguments)}.") from error
    if got is None or got is Ellipsis:
        raise NotYet("your function returns nothing yet; does it end with a `return`?")
    return got


def _as_tensor(got: Any, want: Tensor, arguments: tuple[Any, ...]) -> Tensor:
    try:
        value = got if isinstance(got, Tensor) else torch.as_tensor(got)
        value = value.detach().cpu().to(torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise NotYet(f"a tensor of numbers is wanted, and your function returns {_kind(got)}.") from error
    if value.shape != want.shape:
        raise NotYet(f"your function returns the shape {list(value.shape)}, and {list(want.shape)} is wanted, "
                     f"for {shown(arguments)}.")
    return value


def _close(got: Tensor, want: Tensor, rtol: float, atol: float) -> bool:
    return torch.allclose(got, want, rtol=rtol, atol=atol)


def _difference(got: Tensor, want: Tensor, arguments: tuple[Any, ...], rtol: float, atol: float) -> str:
    if torch.isnan(got).any():
        return f"your function returns NaN for {shown(arguments)}; is something divided by 0?"
    off = ~torch.isclose(got, want, rtol=rtol, atol=atol)
    place = off.nonzero()[0].tolist()
    where = f"at {place if len(place) > 1 else place[0]} " if place else ""
    # The first wrong place, not the right value: a hint is no solution.
    found = float(got[tuple(place)])
    side = "small" if found < float(want[tuple(place)]) else "large"
    return f"{int(off.sum())} of {off.numel()} are off; {where}{found:.4g} is too {side}, for {shown(arguments)}."


def _scalar(answer: Any, name: str) -> float:
    try:
        value = float(answer)
    except (TypeError, ValueError, RuntimeError) as error:
        raise NotYet(f"{name}: a number is wanted, and this is {_kind(answer)}.") from error
    if math.isnan(value):
        raise NotYet(f"{name} is NaN; is something divided by 0?")
    return value


def shown(arguments: tuple[Any, ...]) -> str:
    """Arguments as a reader would type them."""
    return ", ".join(_short(a) for a in arguments)


def _short(value: Any) -> str:
    if isinstance(value, Tensor):
        return str([round(v, 3) if isinstance(v, float) else v for v in value.tolist()]) if value.dim() < 2 else str(
            [[round(v, 3) for v in row] for row in value.tolist()])
    return repr(value)


def _kind(value: Any) -> str:
    if value is None or value is Ellipsis:
        return "still empty"
    article = "an" if type(value).__name__[:1].lower() in "aeiou" else "a"
    return f"{article} {type(value).__name__}"


def _named(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        text = ""
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__


def _signature(check: Callable[..., Any]) -> str:
    names = check.__code__.co_varnames[: check.__code__.co_argcount]
    return f"({', '.join(names)})"
