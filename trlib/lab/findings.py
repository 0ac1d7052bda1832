"""What a sweep's table says: a row a variant and point of the axes, and what became of each prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trlib.evaluation import Estimate
from trlib.lab.record import DONE
from trlib.lab.statistics import improvement, interval
from trlib.lab.sweep import Prediction, Sweep

if TYPE_CHECKING:
    import pandas as pd

SEEN, NOT_SEEN, UNDECIDED, NOT_RUN = "seen", "not seen", "undecided", "not run"


@dataclass(frozen=True)
class Finding:
    """A prediction beside what the runs say."""

    prediction: Prediction
    verdict: str
    """`seen` or `not seen` where the 95 % interval excludes the other; else `undecided`."""
    estimate: Estimate | None
    """Probability that a run of the one is above a run of the other; for a number, the interquartile mean."""

    def __str__(self) -> str:
        p = self.prediction
        if self.estimate is None:
            return f"{self.verdict}: {p.text}"
        what = (f"P({p.higher} > {p.lower})" if isinstance(p.lower, str) else f"{p.higher} against {p.lower:g}")
        return f"{self.verdict}: {p.text}; {p.measure}: {what} = {self.estimate:.2f}"


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


def table(sweep: Sweep, runs: pd.DataFrame, measure: str = "sampled") -> pd.DataFrame:
    """A row a variant and point of the axes: runs, failures, interquartile mean with its 95 % bootstrap interval, and
    means of what else a reader asks for first."""
    import pandas as pd

    keys = ["label", *(axis.name for axis in sweep.axes)]
    rows = []
    for place, part in runs.groupby(keys, sort=False):
        good = finished(part)
        estimate = interval(good[measure].to_numpy()) if len(good) else None
        rows.append({**dict(zip(keys, place, strict=True)), "runs": len(good), "failed": len(part) - len(good),
                     measure: None if estimate is None else estimate.value,
                     "low": None if estimate is None else estimate.low,
                     "high": None if estimate is None else estimate.high, "greedy": good["greedy"].mean(),
                     "kl": good["kl"].mean(), "kept": good["kept"].mean(), "seconds": good["seconds"].median(),
                     "cpu_seconds": good["cpu_seconds"].median()})
    return pd.DataFrame(rows)


def judge(sweep: Sweep, runs: pd.DataFrame) -> list[Finding]:
    """Every prediction of a sweep beside its outcome."""
    return [_judge(sweep, prediction, _at(runs, prediction.at)) for prediction in sweep.predictions]


def _judge(sweep: Sweep, prediction: Prediction, runs: pd.DataFrame) -> Finding:
    axes = [axis.name for axis in sweep.axes]
    if not len(runs):
        return Finding(prediction, NOT_RUN, None)
    high = scores(runs, prediction.higher, prediction.measure, axes)
    if isinstance(prediction.lower, str):
        low = scores(runs, prediction.lower, prediction.measure, axes)
        places = [place for place in high if place in low]
        if not places:
            return Finding(prediction, NOT_RUN, None)
        estimate, line = improvement([high[p] for p in places], [low[p] for p in places]), 0.5
    else:
        if not high:
            return Finding(prediction, NOT_RUN, None)
        estimate, line = interval(list(high.values())), prediction.lower
    verdict = SEEN if estimate.low > line else NOT_SEEN if estimate.high < line else UNDECIDED
    return Finding(prediction, verdict, estimate)


def _at(runs: pd.DataFrame, at: Mapping[str, str]) -> pd.DataFrame:
    for axis, label in at.items():
        if len(runs):
            runs = runs[runs[axis].astype(str) == label]
    return runs
