"""What a check says: right, or not yet with a hint, in words that a reader can act on."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from torch import Tensor

from trbook.reveal import fold

MARK = {True: "right", False: "not yet"}
_INK = {True: "#1a6e3c", False: "#8a5a00"}
_MANY = 12
"""Numbers of a tensor that a hint prints."""
_MOST = 48
"""Numbers of an input that a hint prints; of a larger one it says the shape."""


@dataclass(frozen=True)
class Verdict:
    """What a check found. It shows itself: words in a terminal, a coloured line in a notebook."""

    right: bool
    message: str
    """What to notice, where it is right; else a hint at what is off."""
    whose: str = ""
    """Whose answer was checked, where it is not the reader's."""

    def of_the_solution(self) -> Verdict:
        """The same, of the folded solution: a reader who runs every cell is not told *right* for an
        empty answer."""
        return replace(self, whose="the solution")

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return f"{self._mark}: {self.message}"

    @property
    def _mark(self) -> str:
        return f"{self.whose} is {MARK[self.right]}" if self.whose else MARK[self.right]

    def _repr_html_(self) -> str:
        sign = "✓" if self.right else "…"
        text = re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(self.message))
        html = (
            f'<div class="trlib-verdict" style="border-left: 4px solid {_INK[self.right]}; '
            "padding: .4em .9em; "
            f'max-width: 46em"><strong>{sign} {self._mark}:</strong> {text}</div>'
        )
        return fold(html, "What the check says of the solution") if self.whose else html


class NotYet(Exception):
    """Raised inside a check, and only there: the answer is off, and the message is the hint."""


def returned(value: Any) -> Any:
    """What a function returned, which must be something.

    Raises:
        NotYet: it is nothing.
    """
    if value is None or value is Ellipsis:
        raise NotYet("your function returns nothing yet; does it end with a `return`?")
    return value


def floats(value: Any, wanted: str) -> Tensor:
    """What a function returned, which must be a tensor of floats.

    Raises:
        NotYet: it is something else than is `wanted`.
    """
    value = returned(value)
    if not isinstance(value, Tensor) or not value.is_floating_point():
        raise NotYet(f"expected {wanted}, but your function returns {kind(value)}.")
    return value


def one_number(value: Any) -> Tensor:
    """What a function returned, which must be a loss: one number with a gradient.

    Raises:
        NotYet: it is something else.
    """
    value = floats(value, "a loss, a tensor with one number")
    if value.shape != ():
        raise NotYet(
            f"a loss is one number, but your function returns the shape {list(value.shape)}."
        )
    if not value.requires_grad:
        raise NotYet("no gradient reaches `logp`; is something detached that should not be?")
    return value


def raised(error: Exception, answer: Callable[..., Any]) -> str:
    """What the reader's function raised, with the line of the reader's own code where it did."""
    file = getattr(getattr(answer, "__code__", None), "co_filename", None)
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if not lines:
        return f"your function raised {named(error)}"
    last = lines[-1]
    where = f"line {last.lineno} of your cell" + (f", `{last.line}`," if last.line else "")
    return f"{where} raised {named(error)}"


def named(error: Exception) -> str:
    """An error's type and words."""
    return f"{type(error).__name__}: {str(error)[:200]}".removesuffix(": ")


def kind(value: Any) -> str:
    """What a value is, for a sentence: a str, an int, still empty."""
    if value is None or value is Ellipsis:
        return "still empty"
    article = "an" if type(value).__name__[:1].lower() in "aeiou" else "a"
    return f"{article} {type(value).__name__}"


def given(arguments: Mapping[str, Any], *, shapes: bool = False) -> str:
    """The inputs of a call, by name: their values, or the shapes of those that are tensors."""
    return _listed(
        f"`{name}` of shape {list(value.shape)}"
        if isinstance(value, Tensor) and (shapes or value.numel() > _MOST)
        else f"`{name}` = {short(value)}"
        for name, value in arguments.items()
    )


def quoted(names: Iterable[str]) -> str:
    """Names in a sentence: `a`, `b` and `c`."""
    return _listed(f"`{name}`" for name in names)


def _listed(parts: Iterable[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def short(value: Any) -> str:
    """A value as a reader would type it, to three significant digits."""
    if isinstance(value, Tensor):
        return _list(value)
    return f"{value:.3g}" if isinstance(value, float) else repr(value)


def _list(value: Tensor) -> str:
    if value.dim() == 0:
        number = value.item()
        return f"{number:.3g}" if isinstance(number, float) else str(number)
    more = ", …" if len(value) > _MANY else ""
    return f"[{', '.join(_list(part) for part in value[:_MANY])}{more}]"


def difference(got: Tensor, want: Tensor, off: Tensor, arguments: Mapping[str, Any]) -> str:
    """Where a result is off: on which inputs, which entry, which way. Never the right value: a hint
    is not a solution.

    Args:
        got: what the reader's function returned.
        want: the right value.
        off: bool, the shape of `got`: which entries are wrong.
        arguments: the inputs, by name.
    """
    place = tuple(off.nonzero()[0].tolist())
    side = "too small" if got[place] < want[place] else "too large"
    start = f"With {given(arguments)} your function returns {short(got)}"
    if got.dim() == 0:
        return f"{start}, which is {side}."
    where = ", ".join(map(str, place))
    count = int(off.sum())
    many = (
        "Every entry is off"
        if count == off.numel() > 1
        else f"{count} of the {off.numel()} entries " + ("is off" if count == 1 else "are off")
    )
    return f"{start}. {many}; the entry at index {where}, {short(got[place])}, is {side}."


class Check:
    """Called with an answer, it returns a `Verdict` and never raises an error."""

    asks: str
    """The question, in a sentence."""

    @property
    def wants(self) -> str:
        """What an answer is, in words."""
        return "one function"

    def __repr__(self) -> str:
        return self.asks

    def __call__(self, *answer: Any, **other: Any) -> Verdict:
        try:
            return self._check(*answer, **other)
        except NotYet as hint:
            return Verdict(False, str(hint))
        except Exception as error:
            message = f"this check cannot read the answer ({named(error)}). It is called with {self.wants}."
            return Verdict(False, message)

    def _check(self, *answer: Any, **other: Any) -> Verdict:
        """Judges an answer, or raises `NotYet` with a hint."""
        raise NotImplementedError
