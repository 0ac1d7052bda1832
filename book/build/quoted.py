"""A number of a record inside a sentence.

In a page's source it stands between comments, where `python -m book.build.write` writes it, and the book
shows what stands there:

    <!--rec shootout ppo updates=32-->0.80 [0.76, 0.82]<!--/rec-->

Whoever writes a page may write `{rec}` and what is asked for, as a role.

What can be asked for:

    {rec}`shootout ppo updates=32`                        0.80 [0.76, 0.82]
    {rec}`shootout troll over ppo updates=32`             +0.00 [−0.03, +0.06; not significant]
    {rec}`shootout ppo updates=32 plain`
        0.80: a sentence's one number, its interval stands elsewhere
    {rec}`reuse quatro entropy uses=8`
        0.71 [0.67, 0.75]: the entropy at the end
    {rec}`reuse pg_is above:0.35`                          17 of 72
    {rec}`corrected none seeds`                           8
    {rec}`copies "age 8" collapses`                       12 of 12 [0.74, 1.00]; so `learns`
    {rec}`cells cispo ppo`                                all recorded comparisons, counted
    {rec}`rule patience`                                  a threshold of `book/advice.yml`
    {rec}`basin ppo falls`                                3.7e-5
    {rec}`basin ppo over pg_is falls:0.1`
        1.5: how many times the rate, with a line 0.1 below the best

A sweep, a label, perhaps another label to compare it with, a measure (else sampled
accuracy), a point of every axis, and perhaps how many digits (`.3`). A number is an interquartile
mean with its 95 % interval, which `plain` leaves out. A comparison is a difference of two;
*not significant* stands in its bracket unless `trlab.verdicts` decides it. A plain one is its size, and
must be decided: what is not needs its interval, or other words.

Writing fails if no record holds what a sentence asks for, or if the sweep does not declare a comparison
(the error says what to add to its question's `declared.json`): every verdict of a sweep depends on how
many comparisons are printed.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import trlab.record
from book.build import advice, words
from trlab.base import base_of_runs
from trlab.basin import LR, WITHIN, basins
from trlab.comparison import Comparison, Side, how_to_list, unlisted
from trlab.counted import comparisons, counts, k_of_n
from trlab.findings import at, finished
from trlab.statistics import interval, iqm
from trlab.sweep import Sweep
from trlab.verdicts import decide
from trlib.evaluation import Estimate

OVER, PLAIN = "over", "plain"
LEARNS = 0.1
"""By how much a run ends above the accuracy before training if it learns."""
FILLED = re.compile(r"<!--rec (.+?)-->(.*?)<!--/rec-->")
"""What a page asks for, and what its source says."""


@dataclass(frozen=True)
class Quote:
    """What a sentence asks a record for."""

    sweep: str
    label: str
    against: str = ""
    """Another label; empty: nothing is compared."""
    measure: str = "sampled"
    at: tuple[tuple[str, str], ...] = ()
    digits: int | None = None
    plain: bool = False
    """Without its interval."""

    @property
    def other(self) -> Quote:
        """What is compared with it."""
        return Quote(self.sweep, self.against, "", self.measure, self.at)

    @property
    def comparison(self) -> Comparison:
        """What it compares."""
        place = dict(self.at)
        return Comparison(Side(self.label, place), Side(self.against, place), self.measure)


def parse(text: str) -> Quote:
    """A quote as it stands in a sentence.

    Raises:
        ValueError: it does not name a sweep and a label.
    """
    asked = shlex.split(text)
    against = ""
    if OVER in asked:
        i = asked.index(OVER)
        against = "".join(asked[i + 1 : i + 2])
        del asked[i : i + 2]
    place, measures, digits = [], [], None
    for word in asked[2:]:
        axis, is_point, point = word.partition("=")
        if is_point:
            place.append((axis, point))
        elif re.fullmatch(r"\.\d", word):
            digits = int(word[1:])
        elif word != PLAIN:
            measures.append(word)
    if len(asked) < 2 or re.match(r"\S+=\S", asked[1]) or len(measures) > 1:
        raise ValueError(
            f"expected SWEEP LABEL [over LABEL] [MEASURE] [AXIS=POINT ...], got {text!r}"
        )
    measure = measures[0] if measures else "sampled"
    return Quote(asked[0], asked[1], against, measure, tuple(place), digits, PLAIN in asked)


def record(name: str) -> tuple[Sweep, Any, Any]:
    """A sweep, its runs with the measures that follow from their histories, and the histories.

    Raises:
        ValueError: there is no such sweep, or no record of it yet.
    """
    known("sweep", name, trlab.record.all_recorded())
    return trlab.record.read(name)


def part(quote: Quote, *, whole: bool = True) -> Any:
    """The finished runs of a label at the quote's place.

    Raises:
        ValueError: a label, an axis or a point that the record does not have; an axis without a
            point, where `whole`.
    """
    sweep, runs, _ = record(quote.sweep)
    known("label", quote.label, runs["label"].unique())
    place = dict(quote.at)
    check_place(sweep, runs, place)
    left = [axis.name for axis in sweep.axes if axis.name not in place]
    if whole and left:
        raise ValueError(
            f"{left[0]}: expected one of {', '.join(map(str, runs[left[0]].unique()))}, got none"
        )
    runs = at(runs, place)
    return finished(runs[runs["label"] == quote.label])


def check_place(sweep: Sweep, runs: Any, place: Mapping[str, str]) -> None:
    """Refuse a point of axes that a record does not have."""
    for axis, point in place.items():
        known("axis", axis, [one.name for one in sweep.axes])
        known(axis, point, runs[axis].unique())


def measured(runs: Any, history: Any, measure: str) -> Any:
    """The runs, where they have a column of that name.

    Raises:
        ValueError: a measure that the record does not have.
    """
    known("measure", measure, [name for name in runs.columns if name in words.MEASURES])
    return runs


def values(quote: Quote) -> Any:
    """[runs] the measure of each run."""
    return measured(part(quote), record(quote.sweep)[2], quote.measure)[quote.measure].to_numpy(
        dtype=float
    )


def shown(text: str) -> str:
    """What a sentence shows for a quote.

    Raises:
        ValueError: a quote that cannot be read, or that no record answers.
    """
    if text.startswith("rule "):
        return advice.threshold(text.removeprefix("rule "))
    if text.startswith("cells "):
        return str(counts(comparisons(*shlex.split(text)[1:])))
    quote = parse(text)
    counted = COUNTED.get(quote.measure.partition(":")[0])
    if counted:
        return counted(quote)
    if quote.against:
        return _compared(quote)
    estimate = interval(values(quote))
    if quote.plain:
        return number(estimate.value, quote.measure, digits=quote.digits)
    return written(estimate, quote.measure, digits=quote.digits)


def _compared(quote: Quote) -> str:
    """The difference of a quote's two sides, and whether it is not significant."""
    for side in (quote, quote.other):  # with an error that names what the record has
        measured(part(side), record(side.sweep)[2], side.measure)
    sweep = record(quote.sweep)[0]
    if unlisted(sweep, [quote.comparison]):
        raise ValueError(how_to_list(sweep, quote.comparison))
    (verdict,) = decide(quote.sweep, quote.comparison)
    if verdict.difference is None:
        raise ValueError(
            f"expected runs that can be compared, got {verdict.verdict} ({verdict.note})"
        )
    if quote.plain:
        if not verdict.decided:
            raise ValueError("plain: expected a significant difference, got one that is not")
        return number(abs(verdict.difference.value), quote.measure, digits=quote.digits)
    text = written(verdict.difference, quote.measure, sign=True, digits=quote.digits)
    return verdict.marked(text)


def _above(quote: Quote) -> str:
    accuracies = part(quote, whole=False)["sampled"]
    return f"{(accuracies > float(quote.measure.partition(':')[2])).sum()} of {len(accuracies)}"


def _seeds(quote: Quote) -> str:
    return str(part(quote, whole=False)["seed"].nunique())


def _collapses(quote: Quote) -> str:
    return _share(quote, part(quote)["collapsed"])


def _learns(quote: Quote) -> str:
    runs = part(quote)
    base = base_of_runs(record(quote.sweep)[0], runs["cell"])
    start = runs["start"].mean() if base is None else base.value
    return _share(quote, runs["sampled"] > start + LEARNS)


def _share(quote: Quote, happened: Iterable[bool]) -> str:
    k, n, low, high = k_of_n(happened)
    return f"{k} of {n}" + ("" if quote.plain else f" [{low:.2f}, {high:.2f}]")


def _base(quote: Quote) -> str:
    """What the runs began with: measured as their ends are, or else the mean reward of their first
    batches."""
    runs = part(quote, whole=False)
    base = base_of_runs(record(quote.sweep)[0], runs["cell"])
    if base is None:
        return number(sum(runs["start"]) / len(runs), "sampled")
    return number(base.value, "sampled", digits=quote.digits)


def _falls(quote: Quote) -> str:
    """The rate at which a method falls out of its basin; `over` another method: how many times the
    other's rate."""
    if quote.against:
        return f"{_edge(quote) / _edge(quote.other):.1f}"
    mantissa, exponent = f"{_edge(quote):.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def _edge(quote: Quote) -> float:
    _, runs, _ = record(quote.sweep)
    known("label", quote.label, runs["label"].unique())
    if LR not in runs:
        raise ValueError(f"falls: expected a sweep over learning rates, got {quote.sweep}")
    within = float(quote.measure.partition(":")[2] or WITHIN)
    all_basins = basins(finished(at(runs, dict(quote.at))), within=within)
    (here,) = [one for one in all_basins if one.label == quote.label]
    if here.piece.open_high or math.isnan(here.piece.high):
        where = (
            "works at the highest rate that was run"
            if here.piece.open_high
            else "never reaches the line"
        )
        raise ValueError(
            f"falls: expected a method that falls between two rates, got {quote.label}, which "
            f"{where}"
        )
    return here.piece.high


def _ranks(quote: Quote) -> str:
    """Spearman's rank correlation, over a sweep's variants at every point that is not named, of the
    end with another measure (`ranks:kl`)."""
    from scipy.stats import spearmanr

    sweep, runs, history = record(quote.sweep)
    free = [axis.name for axis in sweep.axes if axis.name not in dict(quote.at)]
    measure = quote.measure.partition(":")[2]
    runs = finished(measured(at(runs, dict(quote.at)), history, measure))
    means = runs.groupby(["label", *free])[["sampled", measure]].agg(iqm)
    return _number(float(spearmanr(means["sampled"], means[measure]).statistic), 2)


COUNTED = {
    "above": _above,
    "seeds": _seeds,
    "collapses": _collapses,
    "learns": _learns,
    "base": _base,
    "falls": _falls,
    "ranks": _ranks,
}
"""What is counted of accuracies, with nothing to draw an interval from: runs above a number
(`above:0.35`, over all points that are not named), runs that collapse or that learn with an exact
interval, the number of seeds, the mean before training, the
learning rate at which a method falls out of its basin
(`falls:0.1`: with a line that far below the best end), and over all variants (the label is `all`)
the rank correlation of a measure with the end (`ranks:kl`)."""


def written(
    estimate: Estimate, measure: str, *, sign: bool = False, digits: int | None = None
) -> str:
    """A number with its interval, as many digits as the measure has or as are asked for."""
    how = words.measure(measure)
    places = _digits(estimate.value, how.digits) if digits is None else digits
    value, low, high = (
        _number(bound, places, "+" if sign else "")
        for bound in (estimate.value, estimate.low, estimate.high)
    )
    return value if math.isnan(estimate.low) else f"{value} [{low}, {high}]"  # of one run


def number(value: float, measure: str, *, digits: int | None = None) -> str:
    """A number alone."""
    how = words.measure(measure)
    return _number(value, _digits(value, how.digits) if digits is None else digits)


def _digits(value: float, digits: int | None) -> int:
    """Digits after the point: the measure's own, or enough for two significant ones."""
    if digits is not None or abs(value) < 1e-6:  # a rounding error is nothing
        return digits or 0
    return max(0, 1 - math.floor(math.log10(abs(value))))


def _number(value: float, digits: int, sign: str = "") -> str:
    rounded = round(round(value, 9), digits)  # so that what lies between two is one everywhere
    return f"{rounded:{sign if rounded else ''}.{digits}f}".replace(
        "-", "\N{MINUS SIGN}" if rounded else ""
    )


def known(what: str, word: object, choices: Iterable[object]) -> None:
    """Refuse a word that is none of the choices.

    Raises:
        ValueError: with the words that are.
    """
    texts = list(map(str, choices))
    if str(word) not in texts:
        raise ValueError(f"{what}: expected one of {', '.join(texts)}, got {str(word)!r}")
