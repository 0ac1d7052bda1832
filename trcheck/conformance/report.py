"""What was found, as a line in plain words and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from trcheck.conformance.bench import NO_GRADIENT, Observed
from trcheck.conformance.definitions import Deviation
from trcheck.conformance.search import DEEPEST, Match, Result, named, search
from trcheck.conformance.vectors import Vectors

AGREES, SAME_GRADIENT, DIFFERS, FAILS = "agrees", "same gradient, other value", "differs", "fails"
TRAINS_ALIKE = (AGREES, SAME_GRADIENT)
"""The statuses of a function that trains the same policy as the reference."""
EXTREME = "extreme ratios"
APART = {
    EXTREME: "at ratios of e^10 and beyond",
    "token advantages": "where advantages differ within a row",
    "an empty row": "where a row has nothing unmasked",
}
"""Batches of what no run that learns has, of what a loss of whole rows is never given, and of a
matter of taste: where else the gradients agree, the same policy is trained."""


@dataclass(frozen=True)
class Finding:
    """One function held against one reference."""

    subject: str
    """The function, in its library's words."""
    reference: str
    """The vectors' name for what it was held against."""
    status: str
    """agrees (value and gradient to 1e-6), same gradient, other value (it trains the same policy),
    differs, or fails (it raised, or gave nothing that can be compared)."""
    deviations: tuple[Deviation, ...] = ()
    """What explains the difference."""
    notes: tuple[str, ...] = ()
    """What else there is to say."""
    seen: tuple[str, ...] = ()
    """The batches in which it shows."""
    first: dict[str, Any] | None = None
    """The first place where it shows, as `Bench.first` gives it."""

    @property
    def words(self) -> str:
        """Everything but the names, as one sentence."""
        return "; ".join([*(d.words for d in self.deviations), *self.notes])

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON can hold it."""
        deviations = [{"point": d.point, "words": d.words} for d in self.deviations]
        lists = {"deviations": deviations, "notes": list(self.notes), "seen": list(self.seen)}
        return {**vars(self), **lists}


def place(first: dict[str, Any]) -> list[str]:
    """The first place where a function differs, in words: what went in, what was expected, what
    came."""
    value = first["value"]
    values = f"value of the {value['of']}: expected {value['expected']:g}, got {value['got']:g}"
    if "token" not in first:
        return [f"first in {first['batch']!r}, where every token's gradient is as expected", values]
    inputs = ", ".join(f"{name} {number:g}" for name, number in first["inputs"].items())
    slope = first["gradient"]
    return [
        f"first in {first['batch']!r}, row {first['row']}, token {first['token']}: {inputs}",
        f"gradient of the token: expected {slope['expected']:g}, got {slope['got']:g}",
        values,
    ]


def lines(findings: list[Finding], verbose: bool = False) -> list[str]:
    """A line for each finding, in columns; `verbose`: and below it the first place where it
    differs."""
    names = [
        f.subject if f.subject == f.reference else f"{f.subject} as {f.reference}" for f in findings
    ]
    width, statuses = (
        max(map(len, names), default=0),
        max((len(f.status) for f in findings), default=0),
    )
    printed = []
    for name, f in zip(names, findings, strict=True):
        printed.append(
            f"{name:<{width}}  {f.status:<{max(statuses, len(DIFFERS))}}  {f.words}".rstrip()
        )
        printed += [f"    {line}" for line in place(f.first)] if verbose and f.first else []
    return printed


def judge(
    vectors: Vectors, subject: str, loss: str, observed: Observed, how: str, *, extra: str = ""
) -> Finding:
    """Search for the definition behind what was observed and put it into words."""
    notes = [extra] if extra else []
    if observed.empty is not None:
        notes.append(f"{observed.empty} where nothing is unmasked")
    if not observed.values:
        return Finding(subject, loss, FAILS, notes=(_faults(observed),))
    detached = NO_GRADIENT in observed.faults.values()
    # A loss that the vectors name is a better answer than two edits that come to the same.
    other = named(vectors, loss, observed, how)
    deepest = 1 if detached or other else DEEPEST
    result = search(vectors, loss, observed, how, deepest=deepest)
    if not result.agrees and result.match is None:
        result = replace(result, match=other)
    if observed.single:
        notes.append("computes in float32")
    deviations, remarks = _explained(result, len(observed.values))
    deviations = tuple(
        replace(d, words=f"{d.words} (expected {how})") if d.point == "aggregation" else d
        for d in deviations
    )
    if observed.written:
        names = ", ".join(observed.written)
        deviations += (
            Deviation(
                "input", f"writes into its inputs ({names}): their next reader finds other numbers"
            ),
        )
    if observed.faults:
        remarks = [_faults(observed), *(remarks if deviations else [])]
        return Finding(
            subject, loss, FAILS, deviations, (*remarks, *notes), result.seen, result.first
        )
    status = DIFFERS
    # That no gradient differs on these batches proves nothing where the explanation is, say, a
    # wider window.
    if {*result.steered} <= {*(APART if deviations else (EXTREME,))} and all(
        d.same_gradient for d in deviations
    ):
        status = AGREES if result.agrees else SAME_GRADIENT
    return Finding(subject, loss, status, deviations, (*remarks, *notes), result.seen, result.first)


def _explained(result: Result, batches: int) -> tuple[tuple[Deviation, ...], list[str]]:
    match = result.match
    if result.agrees:
        return (), [] if match is None else [
            f"to the last digit it {_joined(match)} (a relative {result.error:.0e})"
        ]
    if match is None:
        alike = batches - len(result.seen)
        where = (
            f"agrees in {alike} of {batches} batches, not in {', '.join(result.seen)}"
            if alike
            else (f"agrees in none of {batches} batches")
        )
        rounds = (
            ""
            if result.coarse is None
            else f"nine of ten gradients differ by at most {result.coarse:.0e} relative, as "
            "bfloat16 would; "
        )
        return (), [
            f"{rounds}{where}; none of {result.tried:,} definitions that were tried gives its "
            "numbers"
        ]
    if (
        {*result.steered} <= {*APART}
        and result.steered
        and all(d.same_gradient for d in match.deviations)
    ):
        return match.deviations, [
            f"the gradient differs {' and '.join(APART[b] for b in result.steered)} only"
        ]
    if match.gradient_only:
        return match.deviations, [
            "its gradient is explained, its value is another one"
            if match.deviations
            else "its value is another one"
        ]
    return match.deviations, []


def _joined(match: Match) -> str:
    return " and ".join(d.words for d in match.deviations)


def _faults(observed: Observed) -> str:
    (first, words), *others = observed.faults.items()
    alike = sum(fault == words for _, fault in others)
    more = f" and in {alike} more" if alike else ""
    rest = len(others) - alike
    return f"{words} in {first!r}{more}" + (f"; fails otherwise in {rest} more" if rest else "")
