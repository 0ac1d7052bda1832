"""What the runs of a sweep say, variant by variant: a table with intervals. Whether two variants
differ is decided in `trlab.verdicts`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from trlab.cell import MEASURES
from trlab.files import DONE
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


def table(
    sweep: Sweep, runs: pd.DataFrame, measure: str = "sampled", history: pd.DataFrame | None = None
) -> pd.DataFrame:
    """One row per variant and point of the axes: runs, failures, interquartile mean with its 95 %
    bootstrap interval, and the other means that a reader asks for first; with a history, also means
    of the measures that follow from it (`trlab.measures.DERIVED`)."""
    import pandas as pd

    keys = ["label", *(axis.name for axis in sweep.axes)]
    runs = runs if history is None else derive(runs, history, sweep.every)
    derived, rows = [name for name in DERIVED if name in runs], []
    for place, part in runs.groupby(keys, sort=False):
        # Where every cell failed, none was measured.
        good = finished(part).reindex(columns=[*MEASURES, *derived])
        estimate = interval(good[measure].to_numpy()) if len(good) else None
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
                "seconds": good["seconds"].median(),
                "cpu_seconds": good["cpu_seconds"].median(),
            }
        )
    return pd.DataFrame(rows)
