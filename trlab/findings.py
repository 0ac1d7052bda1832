"""What a sweep says: a row a variant and point of the axes, how often a batch may be used under each variant, and what
became of each prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trlab.cells import MEASURES
from trlab.measures import DERIVED, derive
from trlab.nats import Price, nats_per_point
from trlab.record import DONE
from trlab.significance import LEVEL, alike_p, holm, improvement_p, line_p
from trlab.statistics import difference, improvement, interval, iqm
from trlab.sweep import Prediction, Sweep
from trlab.tolerance import Tolerance, staleness_tolerance
from trlib.evaluation import Estimate

if TYPE_CHECKING:
    import pandas as pd

SEEN, NOT_SEEN, UNDECIDED, NOT_RUN = "seen", "not seen", "undecided", "not run"
INCOMPLETE, NOT_MEASURED = "incomplete", "not measured"
PLAIN = {SEEN: "as predicted", NOT_SEEN: "the opposite", UNDECIDED: "cannot be told"}
"""The verdicts as a page says them; the others say themselves."""
USES = "uses"
"""The axis whose labels are how often each batch is used."""
ON_POLICY = "on-policy"
"""The variant that takes as many optimiser steps on fresh batches."""
ALIKE = 0.01
"""Scores that differ by less, and whose intervals overlap, are told in one line."""


@dataclass(frozen=True)
class Finding:
    """A prediction beside what the runs say."""

    prediction: Prediction
    verdict: str
    """`seen` or `not seen` where the 95 % interval excludes the other and the p-value survives Holm's correction over
    all predictions of the sweep, else `undecided`; `incomplete` where a run is missing or has failed (those that are
    left would speak for it), `not measured` where one has no such number."""
    estimate: Estimate | None
    """Probability that a run of the one is above a run of the other; for a number, the interquartile mean; where the
    two are said to be alike, the difference of their interquartile means."""
    missing: str = ""
    """What is missing of an incomplete one."""
    p: float = math.nan
    """Two-sided p-value of the side that the estimate is on (`trlab.significance`)."""
    corrected: float = math.nan
    """The same after Holm's correction."""

    def __str__(self) -> str:
        p = self.prediction
        if self.estimate is None:
            return f"{self.verdict}: {p.text}" + (f"; {self.missing}" if self.missing else "")
        if p.within is not None:
            what = f"{p.higher} less {p.lower}, within {p.within:g}"
        elif isinstance(p.higher, str) and isinstance(p.lower, str):
            what = f"P({p.higher} > {p.lower})"
        else:
            what = f"{p.higher} against {p.lower}" if isinstance(p.higher, str) else f"{p.lower} against {p.higher}"
        spec = ".3f" if p.within is not None else ".2f"
        return f"{self.verdict}: {p.text}; {p.measure}: {what} = {self.estimate:{spec}}{self._p(', ')}"

    def plain(self, words: Mapping[str, str] | None = None) -> tuple[str, str]:
        """The verdict and what was measured, in words for a page; `words`: how it calls the measures."""
        p, verdict = self.prediction, PLAIN.get(self.verdict, self.verdict)
        measure = (words or {}).get(p.measure, p.measure)
        if self.estimate is None:
            return verdict, self.missing
        if p.within is not None:
            return verdict, (
                f"{measure} of {p.higher} less that of {p.lower} is {self.estimate:.3f}; alike means "
                f"within {p.within:g}{self._p('; ')}"
            )
        if isinstance(p.higher, str) and isinstance(p.lower, str):
            share = f"{100 * self.estimate.value:.0f} % [{100 * self.estimate.low:.0f}, {100 * self.estimate.high:.0f}]"
            return verdict, (
                f"a run of {p.higher} is above one of {p.lower} in {measure} in {share} of all pairs{self._p('; ')}"
            )
        label, line = (p.higher, p.lower) if isinstance(p.higher, str) else (p.lower, p.higher)
        return verdict, f"{measure} of {label} is {self.estimate:.2f}; the line was {line:g}{self._p('; ')}"

    def _p(self, before: str) -> str:
        """The corrected p-value, where there is one."""
        if math.isnan(self.corrected):
            return ""
        return before + ("p below 0.001" if self.corrected < 0.001 else f"p {self.corrected:.3f}")


def finished(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that have scores."""
    return runs[runs["status"] == DONE] if len(runs) else runs


def scores(runs: pd.DataFrame, label: str, measure: str, axes: Sequence[str]) -> dict[tuple[Any, ...], Any]:
    """A variant's runs at each point of the axes: what the statistics call tasks."""
    own = finished(runs)
    own = own[own["label"] == label]
    if not axes:
        return {(): own[measure].to_numpy()} if len(own) else {}
    return {place: part[measure].to_numpy() for place, part in own.groupby(list(axes), sort=False)}


def before(history: pd.DataFrame) -> dict[str, float]:
    """What each cell started from: the mean reward of its first batch, which is sampled before any update.

    Of a task whose reward is 1 for a right completion and 0 for any other, this is the base policy's accuracy on 256
    completions (with the loop's defaults), as the run's own sampler writes.
    """
    if "reward" not in history:  # no cell has ended
        return {}
    first = history[history["batch"] == 0]
    return dict(zip(first["cell"], first["reward"], strict=True))


def price(runs: pd.DataFrame, history: pd.DataFrame) -> Price | None:
    """Nats of divergence spent for each point of accuracy gained, by all of these runs together.

    The nats of a run are its batches times `kl`, the mean over batches; what it gained is `sampled` less the reward of
    its first batch. None where no run is finished, or the divergence of some batch was not measured: supervision
    samples nothing, so there is no policy that sampled.
    """
    good = finished(runs)
    if not len(good):
        return None
    gaps = set(history.loc[history["kl"].isna(), "cell"]) if "kl" in history else set()
    base = before(history)
    nats = good["kl"].astype(float) * good["steps"].astype(float)
    start = [base.get(cell, math.nan) for cell in good["cell"]]
    if gaps & set(good["cell"]) or not np.isfinite([*nats, *start]).all():
        return None
    return nats_per_point(list(nats), list(good["sampled"]), start)


def staleness(
    runs: pd.DataFrame, label: str, *, measure: str = "sampled", control: str | None = ON_POLICY
) -> Tolerance | None:
    """How often a variant may use a batch, in a sweep with the axis `uses`: where it falls below the control with as
    many optimiser steps, or, where there is none, below one use. None where some number of uses has no finished run, or
    one use was not asked for.

    Runs at several points of other axes must be taken apart first (`tolerances` does).

    Raises:
        ValueError: the runs have no axis `uses`, or one of its labels is no number.
    """
    if USES not in runs:
        raise ValueError(f"runs: expected the axis {USES!r}, got the columns {', '.join(map(str, runs.columns))}")
    levels = {_uses(text): str(text) for text in runs[USES].unique()}

    def curve(name: str) -> dict[float, Any] | None:
        found = {str(place): values for (place,), values in scores(runs, name, measure, [USES]).items()}
        return {n: found[text] for n, text in levels.items()} if found.keys() == set(levels.values()) else None

    own, other = curve(label), None if control is None else curve(control)
    if len(levels) < 2 or min(levels) != 1 or own is None:
        return None
    return staleness_tolerance(own, other)


def _uses(text: Any) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"axis {USES!r}: expected labels that are numbers, got {text!r}") from None


def tolerances(sweep: Sweep, runs: pd.DataFrame, measure: str = "sampled") -> pd.DataFrame:
    """A row a variant and point of the other axes: what one use of a batch gives (`at_one`, interquartile mean), and
    the uses between which it falls (`held`, `fell`: inf where it never does) with their interval in `text`; `control`
    says whether below as many fresh steps or below one use. No rows where the sweep has no axis `uses`."""
    import pandas as pd

    others = [axis.name for axis in sweep.axes if axis.name != USES]
    if len(others) == len(sweep.axes) or not len(runs):
        return pd.DataFrame()
    rows = []
    for _, here in runs.groupby(others, sort=False) if others else [((), runs)]:
        for label, part in here.groupby("label", sort=False):
            found = None if label == ON_POLICY else staleness(here, str(label), measure=measure)
            if found is not None:
                one = part[part[USES].map(_uses) == 1]
                rows.append(
                    {
                        "label": label,
                        **{axis: part[axis].iloc[0] for axis in others},
                        "at_one": iqm(finished(one)[measure].to_numpy()),
                        "held": found.bracket.held,
                        "fell": found.bracket.fell,
                        "control": found.control,
                        "failed": len(part) - len(finished(part)),
                        "text": str(found),
                    }
                )
    return pd.DataFrame(rows)


def table(
    sweep: Sweep, runs: pd.DataFrame, measure: str = "sampled", history: pd.DataFrame | None = None
) -> pd.DataFrame:
    """A row a variant and point of the axes: runs, failures, interquartile mean with its 95 % bootstrap interval, and
    means of what else a reader asks for first; with a history, also means of the measures that follow from it
    (`trlab.measures.DERIVED`) and nats a point with its interval (`price`)."""
    import pandas as pd

    keys = ["label", *(axis.name for axis in sweep.axes)]
    runs = runs if history is None else derive(runs, history)
    derived, rows = [name for name in DERIVED if name in runs], []
    for place, part in runs.groupby(keys, sort=False):
        good = finished(part).reindex(columns=[*MEASURES, *derived])  # where every cell failed, none was measured
        estimate = interval(good[measure].to_numpy()) if len(good) else None
        paid = None if history is None else price(part, history)
        rows.append(
            {
                **dict(zip(keys, place, strict=True)),
                "runs": len(good),
                "failed": len(part) - len(good),
                measure: None if estimate is None else estimate.value,
                "low": None if estimate is None else estimate.low,
                "high": None if estimate is None else estimate.high,
                "greedy": good["greedy"].mean(),
                "kl": good["kl"].mean(),
                "kept": good["kept"].mean(),
                **{name: good[name].mean() for name in derived},
                **({} if history is None else _paid(paid)),
                "seconds": good["seconds"].median(),
                "cpu_seconds": good["cpu_seconds"].median(),
            }
        )
    return pd.DataFrame(rows)


def alike(rows: pd.DataFrame, axes: Sequence[str] = (), measure: str = "sampled") -> list[list[int]]:
    """Rows of `table` that say the same: at one point of the axes, three variants or more whose means lie within
    `ALIKE` of each other and whose intervals overlap. Each group by the rows' places, in the table's order."""
    found = []
    places = rows.reset_index(drop=True)
    parts = [part for _, part in places.groupby(list(axes), sort=False)] if axes else [places]
    for part in parts:
        whole = part[part["failed"] == 0].dropna(subset=[measure]).sort_values(measure)
        group: list[int] = []
        for i, row in whole.iterrows():
            first = whole.loc[group[0]] if group else row
            if row[measure] - first[measure] > ALIKE or row["low"] > whole.loc[group or [i], "high"].min():
                found.append(group)
                group = []
            group.append(i)
        found.append(group)
    return [sorted(group) for group in found if len(group) >= 3]


def _paid(found: Price | None) -> dict[str, Any]:
    names = ("nats_per_point", "nats_low", "nats_high", "without")
    values = (None,) * 4 if found is None else (found.value, found.low, found.high, found.without)
    return dict(zip(names, values, strict=True))


def judge(sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame | None = None) -> list[Finding]:
    """Every prediction of a sweep beside its outcome, corrected for their number.

    Args:
        history: of the runs; without it what is predicted of `trlab.measures.DERIVED` is not measured, unless the
            runs have it as columns.
    """
    runs = runs if history is None else derive(runs, history)
    found = [_judge(sweep, prediction, _at(runs, prediction.at)) for prediction in sweep.predictions]
    corrected = holm([finding.p for finding in found])
    return [
        finding
        if finding.estimate is None
        else replace(finding, corrected=p, verdict=finding.verdict if p < LEVEL else UNDECIDED)
        for finding, p in zip(found, corrected, strict=True)
    ]


def _judge(sweep: Sweep, prediction: Prediction, runs: pd.DataFrame) -> Finding:
    """One prediction, as its own interval has it."""
    axes, sides = [axis.name for axis in sweep.axes], (prediction.higher, prediction.lower)
    labels = [side for side in sides if isinstance(side, str)]
    own = runs[runs["label"].isin(labels)] if len(runs) else runs
    if not len(own) or not set(labels) <= set(own["label"]):
        return Finding(prediction, NOT_RUN, None)
    good = finished(own)
    points = math.prod(1 if axis.name in prediction.at else len(axis.points()) for axis in sweep.axes)
    asked = points * len(sweep.seeds) * len(labels)
    if len(good) < asked:
        failed = len(own) - len(good)
        return Finding(
            prediction, INCOMPLETE, None, f"{len(good)} of {asked} runs" + (f", {failed} failed" if failed else "")
        )
    measure = prediction.measure
    if measure not in good or not np.isfinite(good[measure].astype(float)).all():
        return Finding(prediction, NOT_MEASURED, None, f"a run without {measure}")
    measured = [scores(runs, label, measure, axes) for label in labels]
    return compared(prediction, [[side[place] for place in measured[0]] for side in measured])


def compared(prediction: Prediction, values: list[list[np.ndarray]]) -> Finding:
    """The estimate of what is predicted, its p-value, and the verdict of its interval alone.

    Args:
        values: runs by task of the higher and of the lower variant; of the one that there is, where the other is a
            number.
    """
    higher, lower, within = prediction.higher, prediction.lower, prediction.within
    if within is not None:
        estimate, (alike, apart) = difference(*values), alike_p(values[0], values[1], within=within)
        inside = max(-estimate.low, estimate.high) < within
        outside = estimate.low > within or estimate.high < -within
        return Finding(
            prediction,
            SEEN if inside else NOT_SEEN if outside else UNDECIDED,
            estimate,
            p=alike if abs(estimate.value) < within else apart,
        )
    line = next((float(side) for side in (higher, lower) if not isinstance(side, str)), None)
    estimate = improvement(*values) if line is None else interval(*values)
    p, middle = (improvement_p(*values), 0.5) if line is None else (line_p(values[0], line), line)
    above, below = (SEEN, NOT_SEEN) if isinstance(higher, str) else (NOT_SEEN, SEEN)
    verdict = above if estimate.low > middle else below if estimate.high < middle else UNDECIDED
    return Finding(prediction, verdict, estimate, p=p)


def _at(runs: pd.DataFrame, at: Mapping[str, str]) -> pd.DataFrame:
    for axis, label in at.items():
        if len(runs):
            runs = runs[runs[axis].astype(str) == label]
    return runs
