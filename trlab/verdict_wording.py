"""What came of a comparison or a prediction, and how a terminal or a page words it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trlab.comparison import Comparison
from trlab.sweep import Prediction
from trlib.evaluation import Estimate

EDGE = " at the edge of what was tried"
"""What stands behind a verdict over a point at the edge of a grid."""
SEEN, NOT_SEEN, UNDECIDED = "reproduced", "not reproduced", "not significant"
NOT_RUN = "not run"
INCOMPLETE, NOT_MEASURED, DESCRIBED = "incomplete", "not measured", "description"
SOLVED = 0.98
"""Greedy accuracy above which an arm solves its task: sampled answers then tell how sharp it is."""
BOTH, SHARPER, BLUNT = "both solve the task", "sharper", "in samples only"
BELOW = 0.05
"""How far an arm's greedy accuracy may lie below its sampled one before a lead of it counts as
one in samples only."""
PLAIN = {SEEN: "as predicted", NOT_SEEN: "the opposite"}
"""The verdicts on a prediction as a page words them; the others are printed as they are."""


@dataclass(frozen=True)
class Greedy:
    """How two arms answer greedily."""

    lower: float
    """The lower of their interquartile means."""
    gap: Estimate
    """The one's less the other's, with its 95 % interval."""
    blunt: bool = False
    """Whether the arm that samples right answers more often has a likeliest answer that is right much
    less often than those it samples."""

    @property
    def solved(self) -> bool:
        """Whether both solve the task."""
        return self.lower > SOLVED

    def leads(self, sign: int) -> bool:
        """Whether the interval lies on this side of 0."""
        return self.gap.low > 0 if sign > 0 else self.gap.high < 0


@dataclass(frozen=True)
class Verdict:
    """A comparison beside what the runs say."""

    comparison: Comparison
    verdict: str
    """`reproduced` or `not reproduced` (the opposite is) if the comparison is decided, else `not significant`;
    `description` of too few seeds for either; `not run`; `incomplete` if a run is missing or has
    failed (the rest would speak for it); `not measured` if a run has no such number."""
    sides: tuple[Estimate | None, Estimate | None] = (None, None)
    """Interquartile means of the higher and of the lower runs; None for a number."""
    difference: Estimate | None = None
    """The higher minus the lower, or minus the number."""
    improvement: Estimate | None = None
    """Probability that a run of the higher is above a run of the lower; None beside a number or a
    margin."""
    p: float = math.nan
    """Two-sided p-value of the side that the estimate is on (`trlab.significance`)."""
    corrected: float = math.nan
    """The same after Holm's correction."""
    family: int = 0
    """How many questions it was corrected over."""
    pairs: int = 0
    """Pairs of runs with the same seed that were compared; 0: runs were compared as independent."""
    edge: bool = False
    """Whether a side stands at the edge of a grid: its settings were tuned only as far as that
    (`Variant.edges`), or its curve over learning rates had not ended where the rates did. Beyond it
    the verdict may be different."""
    note: str = ""
    """What is missing, or how many runs were left out."""
    seeds: str = ""
    """A description's seeds: how many of how many (`trlab.rule.description`)."""
    today: str = ""
    """What today's test decides of an earlier round's runs, where it decides otherwise."""
    greedy: Greedy | None = None
    """Of two arms whose sampled answers are compared: how the same runs answer greedily."""

    @property
    def ends(self) -> str:
        """What sampled answers alone do not say: *both solve the task*; or of a lead that greedy answers do
        not have, that it is *sharper* (its most probable completion was right already) or one *in samples
        only* (its most probable completion is right much less often than its samples); else empty."""
        if self.greedy is None or self.verdict == DESCRIBED:
            return ""
        if self.greedy.solved:
            return BOTH
        if not self.decided or self.difference is None or self.comparison.within is not None:
            return ""
        if self.greedy.leads(1 if self.difference.value > 0 else -1):
            return ""
        return BLUNT if self.greedy.blunt else SHARPER

    @property
    def decided(self) -> bool:
        """Whether the runs say which side is above."""
        return self.verdict in (SEEN, NOT_SEEN)

    @property
    def short(self) -> str:
        """The verdict in a few words."""
        return f"{self.verdict} of {self.seeds}" if self.seeds else self.verdict

    @property
    def p_in_words(self) -> str:
        """The corrected p-value with its family; empty if there is none."""
        return p_in_words(self.corrected, self.family)

    def marked(self, number: str) -> str:
        """A difference with its interval, and inside its bracket what a reader must know:
        `[−0.02, +0.03; not significant]`."""
        here = "" if self.decided else self.short if self.seeds else UNDECIDED
        today = (
            f"today's test: {UNDECIDED if self.decided else 'significant'}" if self.today else ""
        )
        marks = (", ".join(filter(None, (here, today))), "edge" if self.edge else "")
        words = "; ".join(filter(None, marks))
        if not words:
            return number
        opened, bracket, _ = number.rpartition("]")  # one run has no interval
        return f"{opened}; {words}]" if bracket else f"{number} [{words}]"


def p_in_words(corrected: float, family: int) -> str:
    """A corrected p-value, and over how many questions it is corrected."""
    if math.isnan(corrected):
        return ""
    value = "below 0.001" if corrected < 0.001 else f"{corrected:.3f}"
    return f"p {value} (Holm over {family})"


@dataclass(frozen=True)
class Finding(Verdict):
    """A prediction beside what the runs say: the verdict on what it compares."""

    prediction: Prediction = field(kw_only=True)
    """What was written down before the runs."""

    @property
    def estimate(self) -> Estimate | None:
        """Probability that a run of the one is above a run of the other; for a number, the
        interquartile mean; where the two are said to be alike, the difference of their
        interquartile means."""
        if self.prediction.within is not None:
            return self.difference
        return self.improvement or self.sides[0] or self.sides[1]

    @property
    def missing(self) -> str:
        """What is missing of an incomplete one."""
        return self.note if self.difference is None else ""

    def __str__(self) -> str:
        p = self.prediction
        if self.estimate is None:
            return f"{self.short}: {p.text}" + (f"; {self.missing}" if self.missing else "")
        if p.within is not None:
            what = f"{p.higher} less {p.lower}, within {p.within:g}"
        elif isinstance(p.higher, str) and isinstance(p.lower, str):
            what = f"P({p.higher} > {p.lower})"
        else:
            what = (
                f"{p.higher} against {p.lower}"
                if isinstance(p.higher, str)
                else f"{p.lower} against {p.higher}"
            )
        spec = ".3f" if p.within is not None else ".2f"
        return (
            f"{self.short}: {p.text}; {p.measure}: {what} = {self.estimate:{spec}}{self._p(', ')}"
        )

    def plain(self, words: Mapping[str, str] | None = None) -> tuple[str, str]:
        """The verdict and what was measured, in words for a page.

        Args:
            words: what the page calls the measures.
        """
        p, verdict = self.prediction, PLAIN.get(self.verdict, self.short)
        verdict += EDGE if self.edge else ""
        verdict += f", {self.ends}" if self.ends else ""
        verdict += f", today's test: {PLAIN.get(self.today, self.today)}" if self.today else ""
        measure = (words or {}).get(p.measure, p.measure)
        if self.estimate is None:
            return verdict, self.missing
        if p.within is not None:
            return verdict, (
                f"{measure} of {p.higher} less that of {p.lower} is {self.estimate:.3f}; alike "
                f"means within {p.within:g}{self._p('; ')}"
            )
        if isinstance(p.higher, str) and isinstance(p.lower, str):
            value, low, high = (
                100 * bound
                for bound in (self.estimate.value, self.estimate.low, self.estimate.high)
            )
            return verdict, (
                f"{measure} of {p.higher} is higher than that of {p.lower} in {value:.0f} % "
                f"[{low:.0f}, {high:.0f}] of {self._of_pairs}{self._p('; ')}"
            )
        label, line = (p.higher, p.lower) if isinstance(p.higher, str) else (p.lower, p.higher)
        return (
            verdict,
            f"{measure} of {label} is {self.estimate:.2f}; the line was {line:g}{self._p('; ')}",
        )

    @property
    def _of_pairs(self) -> str:
        return (
            f"the {self.pairs} pairs of runs with the same seed"
            if self.pairs
            else "all pairs of runs"
        )

    def _p(self, before: str) -> str:
        return before + self.p_in_words if self.p_in_words else ""


def why_both(findings: Sequence[Finding]) -> str:
    """Why some findings have two verdicts; empty: none has."""
    others = sum(bool(finding.today) for finding in findings)
    if not others:
        return ""
    return f"Today's test decides {others} of {len(findings)} otherwise: a verdict is of its day."
