"""What the runs of a sweep say, variant by variant: a table with intervals, and nats per point of
accuracy. Whether two variants differ is decided in `trlab.verdicts`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trlab.cell import MEASURES
from trlab.files import DONE
from trlab.kl_cost import Price, nats_per_point
from trlab.measures import DERIVED, derive
from trlab.statistics import interval
from trlab.sweep import Sweep

if TYPE_CHECKING:
    import pandas as pd


OUTCOME = ("greedy", "sampled", "entropy")
"""An end is three numbers: right answers read greedily, right answers sampled, and what is left."""


def finished(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that have scores."""
    return runs[runs["status"] == DONE] if len(runs) else runs


def at(runs: pd.DataFrame, place: Mapping[str, str]) -> pd.DataFrame:
    """The runs at a point of axes. A table may hold a point as a number; a declaration names it as
    text."""
    for axis, point in place.items():
        if len(runs):
            runs = runs[runs[axis].astype(str) == point]
    return runs


def scores(
    runs: pd.DataFrame, label: str, measure: str, axes: Sequence[str]
) -> dict[tuple[Any, ...], Any]:
    """A variant's runs at each point of the axes: what the statistics call tasks."""
    good = finished(runs)
    good = good[good["label"] == label]
    if not axes:
        return {(): good[measure].to_numpy()} if len(good) else {}
    return {place: part[measure].to_numpy() for place, part in good.groupby(list(axes), sort=False)}


def price(runs: pd.DataFrame) -> Price | None:
    """Nats of divergence spent for each point of accuracy gained, by all of these runs together.

    The nats of a run are its batches times `kl`, the mean over batches; what it gained is `sampled`
    minus the reward of its first batch. None where no run is finished, or the divergence of some
    batch was not measured: supervision samples nothing, so there is no policy that sampled.
    """
    good = finished(runs)
    if not len(good) or not {"spent", "start"} <= {*good}:
        return None
    nats, start = good["spent"].astype(float), good["start"].astype(float)
    if not np.isfinite([*nats, *start]).all():
        return None
    return nats_per_point(list(nats), list(good["sampled"]), list(start))


def table(
    sweep: Sweep, runs: pd.DataFrame, measure: str = "sampled", history: pd.DataFrame | None = None
) -> pd.DataFrame:
    """One row per variant and point of the axes: runs, failures, interquartile mean with its 95 %
    bootstrap interval, and the other means that a reader asks for first; with a history, also means
    of the measures that follow from it (`trlab.measures.DERIVED`) and nats per point with its
    interval (`price`)."""
    import pandas as pd

    keys = ["label", *(axis.name for axis in sweep.axes)]
    runs = runs if history is None else derive(runs, history, sweep.every)
    derived, rows = [name for name in DERIVED if name in runs], []
    for place, part in runs.groupby(keys, sort=False):
        # Where every cell failed, none was measured.
        good = finished(part).reindex(columns=[*MEASURES, *derived])
        estimate = interval(good[measure].to_numpy()) if len(good) else None
        paid = None if history is None else price(part)
        rows.append(
            {
                **dict(zip(keys, place, strict=True)),
                "runs": len(good),
                "failed": len(part) - len(good),
                measure: None if estimate is None else estimate.value,
                "low": None if estimate is None else estimate.low,
                "high": None if estimate is None else estimate.high,
                **{name: good[name].mean() for name in OUTCOME if name != measure},
                "kl": good["kl"].mean(),
                "kept": good["kept"].mean(),
                **{name: good[name].mean() for name in derived},
                **({} if history is None else _paid(paid)),
                "seconds": good["seconds"].median(),
                "cpu_seconds": good["cpu_seconds"].median(),
            }
        )
    return pd.DataFrame(rows)


def _paid(paid: Price | None) -> dict[str, Any]:
    names = ("nats_per_point", "nats_low", "nats_high", "without")
    values = (
        (None,) * 4 if paid is None else (paid.value, paid.low, paid.high, paid.runs_without_gain)
    )
    return dict(zip(names, values, strict=True))
