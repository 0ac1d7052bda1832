"""`{rec}`: a number of a record inside a sentence, computed while the page is built.

    {rec}`shootout ppo updates=32`                        0.80 [0.76, 0.82]
    {rec}`shootout troll over ppo updates=32`             +0.00 [−0.03, +0.06], undecided
    {rec}`mismatch troll over anchor=rollout sampler=int4 anchor=recomputed`
    {rec}`diversity quatro entropy@0.7 updates=8`         0.71 [0.67, 0.75]: entropy where the reward reaches 0.7
    {rec}`controls shuffled above:0.35`                   17 of 72

A sweep, a label, perhaps another label or point to compare it with, a measure (else sampled accuracy), a point of every
axis, and perhaps how many digits (`.3`). A number is an interquartile mean with its 95 % interval. A comparison is a
difference of two; *undecided* stands behind it where its prediction is undecided, or, where none was made, its interval
includes 0 or it does not survive Holm's correction for the predictions and all else that the book's pages compare.

A sentence that asks for what no record holds fails the build. A sweep that is declared and has no record yet reads *not
run yet*.
"""

from __future__ import annotations

import math
import re
import shlex
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

from bookext import words

NOT_RUN, UNDECIDED = "not run yet", ", undecided"
OVER = "over"
QUOTE = re.compile(r"\{rec\}`([^`]+)`")
LEVEL = 0.05


@dataclass(frozen=True)
class Quote:
    """What a sentence asks a record for."""

    sweep: str
    label: str
    against: str = ""
    """Another label, or `axis=point`; empty: nothing is compared."""
    measure: str = "sampled"
    at: tuple[tuple[str, str], ...] = ()
    digits: int | None = None

    @property
    def other(self) -> Quote:
        """What is compared with it."""
        axis, is_point, point = self.against.partition("=")
        if not is_point:
            return Quote(self.sweep, self.against, "", self.measure, self.at)
        return Quote(self.sweep, self.label, "", self.measure, tuple({**dict(self.at), axis: point}.items()))


class NotRun(Exception):
    """A sweep is declared and has no record yet."""


def parse(text: str) -> Quote:
    """A quote as it stands in a sentence.

    Raises:
        ValueError: it does not name a sweep and a label.
    """
    given = shlex.split(text)
    against = ""
    if OVER in given:
        place = given.index(OVER)
        against = "".join(given[place + 1 : place + 2])
        given = given[:place] + given[place + 2 :]
    digits = [int(word[1:]) for word in given if re.fullmatch(r"\.\d", word)]
    at = tuple((axis, point) for axis, _, point in (word.partition("=") for word in given if "=" in word))
    rest = [word for word in given if "=" not in word and not re.fullmatch(r"\.\d", word)]
    if not 2 <= len(rest) <= 3:
        raise ValueError(f"expected SWEEP LABEL [over LABEL or AXIS=POINT] [MEASURE] [AXIS=POINT ...], got {text!r}")
    return Quote(rest[0], rest[1], against, rest[2] if len(rest) > 2 else "sampled", at, (*digits, None)[0])


@lru_cache(maxsize=32)
def record(name: str) -> tuple[Any, Any, Any]:
    """A sweep, its runs with the measures that follow from their histories, and the histories.

    Raises:
        NotRun: it has no record yet; ValueError: there is no such sweep.
    """
    sweeps = import_module("trlab.sweep")
    known("sweep", name, sweeps.declared())
    if not (import_module("trlab.record").RECORDS / name / "runs.csv").is_file():
        raise NotRun(name)
    runs, history = import_module("trlab").recorded(name)
    return sweeps.load_sweep(name), import_module("trlab.measures").derive(runs, history), history


def part(quote: Quote, *, whole: bool = True) -> Any:
    """The finished runs of a label at the quote's place.

    Raises:
        ValueError: a label, an axis or a point that the record does not have; an axis without a point, where `whole`.
    """
    sweep, runs, _ = record(quote.sweep)
    axes = [axis.name for axis in sweep.axes]
    known("label", quote.label, runs["label"].unique())
    for axis, point in quote.at:
        known("axis", axis, axes)
        known(axis, point, runs[axis].unique())
        runs = runs[runs[axis].astype(str) == point]
    left = [axis for axis in axes if axis not in dict(quote.at)]
    if whole and left:
        raise ValueError(f"{left[0]}: expected one of {', '.join(map(str, runs[left[0]].unique()))}, got none")
    return import_module("trlab.findings").finished(runs[runs["label"] == quote.label])


def measured(runs: Any, history: Any, measure: str) -> Any:
    """The runs with a column of that name; of a measure at a reward, those runs that reach it.

    Raises:
        ValueError: a measure that the record does not have.
    """
    column, _, level = measure.partition("@")
    known("measure", column, [name for name in (history if level else runs).columns if name in words.MEASURES])
    if not level:
        return runs
    found = import_module("trlab.measures").matched(runs, history, column, float(level))
    return found[found["reached"]].rename(columns={"matched": measure})


def values(quote: Quote) -> Any:
    """[runs] the measure of each run."""
    found = measured(part(quote), record(quote.sweep)[2], quote.measure)
    return found[quote.measure].to_numpy(dtype=float)


def said(text: str, pages: Path) -> str:
    """What a sentence shows for a quote, and `pages` is the folder of all that quote.

    Raises:
        ValueError: a quote that cannot be read, or that no record answers.
    """
    quote = parse(text)
    statistics, findings = import_module("trlab.statistics"), import_module("trlab.findings")
    try:
        if quote.measure.partition(":")[0] in COUNTED:
            return COUNTED[quote.measure.partition(":")[0]](quote)
        if quote.measure == "nats_per_point":
            price = findings.price(part(quote), record(quote.sweep)[2])
            if price is None:
                raise ValueError("nats_per_point: expected runs whose divergence was measured, got others")
            return written(price, quote.measure, digits=quote.digits)
        if not quote.against:
            return written(statistics.interval(values(quote)), quote.measure, digits=quote.digits)
        told = written(compared(replace(quote, digits=None)), quote.measure, sign=True, digits=quote.digits)
        return told if resolved(quote, pages) else told + UNDECIDED
    except NotRun:
        return NOT_RUN


def _above(quote: Quote) -> str:
    found = part(quote, whole=False)["sampled"]
    return f"{(found > float(quote.measure.partition(':')[2])).sum()} of {len(found)}"


def _range(quote: Quote) -> str:
    found = part(quote)["sampled"]
    return f"{number(found.min(), 'sampled')} to {number(found.max(), 'sampled')}"


def _base(quote: Quote) -> str:
    before = import_module("trlab.findings").before(record(quote.sweep)[2])
    cells = part(quote, whole=False)["cell"]
    return number(sum(before[cell] for cell in cells) / len(cells), "sampled")


COUNTED = {"above": _above, "range": _range, "base": _base}
"""What is counted of accuracies, with nothing to draw an interval from: runs above a number (`above:0.35`, over all
points that are not named), the lowest and the highest run, the mean before training."""


@lru_cache(maxsize=512)
def compared(quote: Quote) -> Any:
    """The difference of a quote's two interquartile means."""
    return import_module("trlab.statistics").difference(values(quote), values(quote.other))


def resolved(quote: Quote, pages: Path) -> bool:
    """Whether a comparison is one. Where the sweep predicted it, the prediction's verdict says so; else its interval
    excludes 0, and its p-value survives Holm's correction over the predictions and all others that are quoted."""
    quote = replace(quote, digits=None)
    finding = predicted(quote)
    if finding is not None:
        findings = import_module("trlab.findings")
        return finding.verdict in (findings.SEEN, findings.NOT_SEEN)
    estimate = compared(quote)
    asked = tuple(one for one in comparisons(pages, quote.sweep) if predicted(one) is None)
    return (estimate.low > 0 or estimate.high < 0) and corrected(asked)[asked.index(quote)] < LEVEL


@lru_cache(maxsize=32)
def judged(sweep: str) -> tuple[Any, ...]:
    """What came of a sweep's predictions."""
    return tuple(import_module("trlab.findings").judge(*record(sweep)[:2]))


def predicted(quote: Quote) -> Any:
    """What came of the prediction that two labels differ in this measure at this place; None where none says so."""
    pair = {quote.label, quote.against}
    for finding in judged(quote.sweep):
        p = finding.prediction
        if {p.higher, p.lower} == pair and (p.measure, dict(p.at)) == (quote.measure, dict(quote.at)):
            return finding if finding.prediction.within is None else None
    return None


def comparisons(pages: Path, sweep: str) -> tuple[Quote, ...]:
    """What the pages compare in words within a sweep, each once, however many digits it is quoted with."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(pages.glob("*.md"))]
    found = [replace(parse(text), digits=None) for page in texts for text in QUOTE.findall(page)]
    return tuple(dict.fromkeys(quote for quote in found if quote.sweep == sweep and quote.against))


@lru_cache(maxsize=512)
def _p(quote: Quote) -> float:
    """The p-value of a comparison alone."""
    return import_module("trlab.significance").improvement_p(values(quote), values(quote.other))


@lru_cache(maxsize=32)
def corrected(asked: tuple[Quote, ...]) -> list[float]:
    """Their p-values after Holm's correction, the predictions of the sweep included."""
    significance = import_module("trlab.significance")
    return significance.holm([*map(_p, asked), *(finding.p for finding in judged(asked[0].sweep))])[: len(asked)]


def written(estimate: Any, measure: str, *, sign: bool = False, digits: int | None = None) -> str:
    """A number with its interval, as many digits as the measure has or as are asked for."""
    how = words.measure(measure)
    first = next((bound for bound in (estimate.value, estimate.low) if math.isfinite(bound)), 0.0)
    shown = _digits(how.scale * first, how.digits) if digits is None else digits
    value, low, high = (
        _number(how.scale * bound, shown, "+" if sign else "")
        for bound in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value} [{low}, {high}]"


def number(value: float, measure: str, *, digits: int | None = None) -> str:
    """A number alone."""
    how = words.measure(measure)
    return _number(how.scale * value, _digits(how.scale * value, how.digits) if digits is None else digits)


def _digits(value: float, digits: int | None) -> int:
    """Digits after the point: the measure's own, or so many that two count."""
    if digits is not None or abs(value) < 1e-6:  # a rounding error is nothing
        return digits or 0
    return 2 if not math.isfinite(value) or value == 0 else max(0, 1 - math.floor(math.log10(abs(value))))


def _number(value: float, digits: int, sign: str = "") -> str:
    if math.isinf(value):
        return "∞"
    rounded = round(value, digits)
    return f"{rounded:{sign if rounded else ''}.{digits}f}".replace("-", "\N{MINUS SIGN}" if rounded else "")


def known(what: str, given: object, all_of: Any) -> None:
    """Refuse a word that is none of those.

    Raises:
        ValueError: with the words that are.
    """
    if str(given) not in [str(one) for one in all_of]:
        raise ValueError(f"{what}: expected one of {', '.join(map(str, all_of))}, got {str(given)!r}")


class Recorded(SphinxRole):
    """`{rec}`: the number."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        pages = Path(self.env.srcdir, "book")
        note(self.env, "".join(self.text.split()[:1]))
        if OVER in self.text.split():  # what another page compares changes what is decided here
            for page in pages.glob("*.md"):
                self.env.note_dependency(str(page))
        try:
            # An interval is not torn at the end of a line.
            shown = re.sub(r"(?<=,) (?=[^\[]*\])", "\N{NO-BREAK SPACE}", said(self.text, pages))
            return [nodes.inline(self.rawtext, shown, classes=["recorded"])], []
        except (ValueError, TypeError) as error:
            message = self.inliner.reporter.error(f"rec `{self.text}`: {error}", line=self.lineno)
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]


def note(env: Any, name: str) -> None:
    """Tell Sphinx to read the page again when the record or its declaration changes."""
    record, tables, sweep = (import_module(f"trlab.{module}") for module in ("record", "tables", "sweep"))
    for file in (
        record.RECORDS / name / tables.RUNS,
        record.RECORDS / name / tables.HISTORY,
        sweep.SWEEPS / f"{name}.py",
    ):
        env.note_dependency(str(file))


def connect(app: Sphinx) -> None:
    app.add_role("rec", Recorded())
