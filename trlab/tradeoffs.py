"""What a method gives for what it takes: a measure at matched reward, divergence against difficulty,
a history with bands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from trlab.findings import finished
from trlab.measures import LEVEL, matched, series
from trlab.statistics import band, interval
from trlib.evaluation import Estimate

if TYPE_CHECKING:
    import pandas as pd


def at_matched_reward(
    runs: pd.DataFrame, history: pd.DataFrame, column: str, level: float = LEVEL
) -> dict[str, tuple[Estimate, int, int]]:
    """By label: a column of the history where each run's reward first reaches `level`
    (`trlab.measures.matched`), as an interquartile mean with its 95 % interval over the runs that
    do; how many do, and of how many. A label of which none does is left out: the others would
    compare the fast runs alone.

    Raises:
        ValueError: the history has no such column.
    """
    found = {}
    for label, part in matched(finished(runs), history, column, level).groupby("label", sort=False):
        known = part[part["reached"] & np.isfinite(part["matched"])]["matched"].to_numpy()
        if len(known):
            found[str(label)] = interval(known), int(part["reached"].sum()), len(part)
    return found


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
