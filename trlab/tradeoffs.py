"""What a method gives for what it takes, place by place of a sweep: accuracy against nats, a
measure at matched reward, divergence against difficulty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trlab.findings import finished
from trlab.measures import LEVEL, matched, series
from trlab.nats import frontier
from trlab.statistics import band, interval

if TYPE_CHECKING:
    import pandas as pd

    from trlab.sweep import Sweep

DIFFICULTY = {
    "kl_none": "none right",
    "kl_few": "up to a quarter",
    "kl_half": "up to three quarters",
    "kl_many": "nearly all",
    "kl_all": "all right",
}
"""Columns of a record: the realised KL(π || μ) of prompts, by how many of their group were
right."""


def places(sweep: Sweep, runs: pd.DataFrame) -> list[tuple[dict[str, str], pd.DataFrame]]:
    """Label and axes of every place that has been run, with its runs, in the sweep's order."""
    keys = ["label", *(axis.name for axis in sweep.axes)]
    if not len(runs):
        return []
    return [
        (dict(zip(keys, map(str, place), strict=True)), part)
        for place, part in runs.groupby(keys, sort=False)
    ]


def frontiers(sweep: Sweep, runs: pd.DataFrame, measure: str = "sampled") -> pd.DataFrame:
    """One row per variant and point of the axes: what it reaches and the nats per token that a run
    spends on it over all its batches, with 95 % intervals, and who `dominates` it
    (`trlab.nats.frontier`; `clearly`: the intervals say so too). All rows are compared with all:
    separate places first where that would be no comparison.

    A place without a finished run, or where a divergence was not measured, gets NaN and dominates
    no other.
    """
    import pandas as pd

    rows_of_places, points = [], {}
    for place, part in places(sweep, runs):
        good = finished(part)
        spent = good["kl"].astype(float) * good["steps"].astype(float)
        name = ", ".join(place.values())
        if len(good) and np.isfinite(spent).all():
            points[name] = (good[measure].to_numpy(), spent.to_numpy())
        rows_of_places.append((place, name, len(good), len(part) - len(good)))
    trades, rows = frontier(points), []
    for place, name, runs_of, failed in rows_of_places:
        trade = trades.get(name)
        numbers: dict[str, Any] = dict.fromkeys(
            (measure, "low", "high", "nats", "nats_low", "nats_high"), np.nan
        )
        if trade is not None:
            numbers = {
                measure: trade.accuracy.value,
                "low": trade.accuracy.low,
                "high": trade.accuracy.high,
                "nats": trade.nats.value,
                "nats_low": trade.nats.low,
                "nats_high": trade.nats.high,
            }
        rows.append(
            {
                **place,
                "runs": runs_of,
                "failed": failed,
                **numbers,
                "dominated_by": () if trade is None else trade.dominated_by,
                "clearly": () if trade is None else trade.clearly,
            }
        )
    return pd.DataFrame(rows)


def at_matched_reward(
    sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, column: str, level: float = LEVEL
) -> pd.DataFrame:
    """One row per variant and point of the axes: a column of the history where each run's reward
    first reaches `level` (`trlab.measures.matched`), as an interquartile mean with its 95 %
    interval over the runs that do, `reached` of `runs` of them; `text` says how many do not, and
    leaving them out compares the fast ones alone.

    Raises:
        ValueError: the history has no such column.
    """
    import pandas as pd

    rows = []
    for place, part in places(sweep, matched(finished(runs), history, column, level)):
        known = part[part["reached"] & np.isfinite(part["matched"])]["matched"].to_numpy()
        estimate = interval(known) if len(known) else None
        never = len(part) - int(part["reached"].sum())
        said = "" if estimate is None else f"{estimate:.2f}"
        short = f"{never} of {len(part)} never reach {level:g}" if never else ""
        rows.append(
            {
                **place,
                "runs": len(part),
                "reached": len(part) - never,
                "value": np.nan if estimate is None else estimate.value,
                "low": np.nan if estimate is None else estimate.low,
                "high": np.nan if estimate is None else estimate.high,
                "text": "; ".join(part for part in (said, short) if part),
            }
        )
    return pd.DataFrame(rows)


def by_difficulty(sweep: Sweep, runs: pd.DataFrame) -> pd.DataFrame:
    """One row per variant, point of the axes and kind of prompt (`DIFFICULTY`): the realised KL(π
    || μ) of such prompts, nats per completion, as an interquartile mean with its 95 % interval over the runs that had some; `without`
    counts those that had none. No rows where the record has no such columns."""
    import pandas as pd

    rows = []
    for place, part in places(sweep, finished(runs)):
        for column, words in DIFFICULTY.items():
            if column not in part:
                continue
            known = part[column].astype(float).dropna().to_numpy()
            estimate = interval(known) if len(known) else None
            rows.append(
                {
                    **place,
                    "difficulty": words,
                    "runs": len(known),
                    "without": len(part) - len(known),
                    "value": np.nan if estimate is None else estimate.value,
                    "low": np.nan if estimate is None else estimate.low,
                    "high": np.nan if estimate is None else estimate.high,
                }
            )
    return pd.DataFrame(rows)


def by_batch(
    runs: pd.DataFrame, history: pd.DataFrame, labels: Sequence[str], column: str = "reward"
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """A column of the history, batch by batch, for each label: interquartile means and 95 % bounds
    of its finished runs, as far as the shortest of them goes. Labels without a number in every
    batch are left out."""
    values, bands = series(history, column), {}
    good = finished(runs)
    for label in labels:
        curves = [values[cell] for cell in good[good["label"] == label]["cell"] if cell in values]
        shortest = min(map(len, curves), default=0)
        rows = [curve[:shortest] for curve in curves]
        if shortest and all(np.isfinite(row).all() for row in rows):
            bands[label] = band(rows)
    return bands
