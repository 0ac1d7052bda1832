"""What a method gives for what it takes, place by place of a sweep: accuracy against nats, a
measure at matched reward, divergence against difficulty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from trlab.findings import finished
from trlab.measures import LEVEL, matched, series
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
