"""What a claims card is: a method, what its paper claims, and the comparisons of recorded runs that
test it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trlab.comparison import Comparison, Side

TOO_SMALL = "The policy here is too small."
"""The usual reason why a claim cannot be tested, which the page of claims gives once."""


@dataclass(frozen=True)
class Test:
    """A comparison of recorded runs, in the direction that the paper claims."""

    __test__ = False  # no test of pytest's
    sweep: str
    higher: Side | float
    """The runs that the paper's claim puts above, or a number that they stay below."""
    lower: Side | float
    """The runs that it puts below, or a number that they stay above; one of the two is a `Side`."""
    measure: str = "sampled"
    """A measure of the record or one that follows from it; `distinct@0.7` is a column of the
    history where a run's reward reaches 0.7."""
    within: float | None = None
    """The two are alike within this margin."""

    @property
    def comparison(self) -> Comparison:
        """What it compares within its sweep."""
        return Comparison(self.higher, self.lower, self.measure, self.within)


def above(
    sweep: str,
    higher: str,
    lower: str,
    measure: str = "sampled",
    *,
    at: Mapping[str, str] | None = None,
    within: float | None = None,
) -> Test:
    """That runs of one variant are above those of another, at one place; `within`: alike
    instead."""
    return Test(sweep, Side(higher, at or {}), Side(lower, at or {}), measure, within)


def below(
    sweep: str, label: str, most: float, measure: str, *, at: Mapping[str, str] | None = None
) -> Test:
    """That runs of a variant stay below a number."""
    return Test(sweep, most, Side(label, at or {}), measure)


@dataclass(frozen=True)
class Claim:
    """What a paper says, in our words."""

    text: str
    where: str
    """Where it says so, as far as we know; `our reading` where it follows from the method's
    formula."""
    arxiv: str
    tests: Sequence[Test] = ()
    why: str = ""
    """What the formulas say about it. What was predicted before the runs is kept with the sweeps,
    and found there."""
    untestable: str = ""
    """Why the claim cannot be tested at this size; then it has no tests."""

    @property
    def ours(self) -> bool:
        """Whether it is our reading or our question, and no claim of the paper's."""
        return self.where.startswith(("our ", "nowhere"))

    def __post_init__(self) -> None:
        if bool(self.tests) == bool(self.untestable):
            raise ValueError(
                f"claim {self.text!r}: expected tests, or the reason why there can be none, got "
                f"{'both' if self.tests else 'neither'}"
            )


@dataclass(frozen=True)
class Card:
    """The claims of a method."""

    name: str
    """A key of `trlib.algorithms.ALGORITHMS`, or the family's."""
    title: str
    claims: Sequence[Claim]
    note: str = ""
    """What a reader must know about the method as it is tested here."""
