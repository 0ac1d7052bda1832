"""The basin: over which learning rates does a method work, and what does it cost to choose a wrong
one?

These read-outs are the book's own; no paper defines them. They were defined before the runs of the
third round. All of them look at one number of uses of a batch, and at the ends of runs with the
same seeds at every rate:

- the *line* is the highest end that any method reaches at any rate (interquartile mean over seeds),
  minus `WITHIN`;
- a *basin* is the piece of the curve above the line that holds the method's best rate. The curve is
  linear in log10 of the rate between the rates that were run, and its *width* is counted in
  decades. A piece that ends at the first or the last rate of the grid is open there: the width is a
  lower bound;
- the *frontier* is made of the points (take-off, end) of all methods and rates that no other point
  beats in both;
- *insurance* is the end at ten times the best rate, and the worst seed at the best rate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trlab.statistics import interval, iqm, percentiles
from trlib import checks
from trlib.evaluation import RESAMPLES, Estimate

if TYPE_CHECKING:
    import pandas as pd

    from trlab.sweep import Sweep

LR = "lr"
"""The axis of learning rates."""
WITHIN = 0.05
"""How far below the best end of all a method may end and still be said to work."""
TENFOLD = 10.0
"""The wrong rate that insurance is asked about."""
AT_EDGE = "edge"
"""The column that says whether the grid ended too early to be sure of a number of `over_rates`."""
OVER_RATES: dict[str, str] = {
    "basin_width": "decades of the learning rate within .05 of the best accuracy of any method",
    "basin_high": "log10 of the highest learning rate at which a method works",
    "tenfold": "accuracy at ten times the method's best learning rate",
}
"""Measures of a whole curve over learning rates, a number for each seed: `over_rates` computes
them."""


@dataclass(frozen=True)
class Piece:
    """A piece of a curve that lies above a line, from one learning rate to another."""

    low: float
    high: float
    """Learning rates; NaN if the curve's best point is below the line."""
    open_low: bool = False
    open_high: bool = False
    """Whether it ends because the grid does."""

    @property
    def width(self) -> float:
        """Decades; 0 if there is none."""
        return 0.0 if math.isnan(self.low) else math.log10(self.high / self.low)

    @property
    def edge(self) -> bool:
        """Whether the width is a lower bound."""
        return self.open_low or self.open_high


@dataclass(frozen=True)
class Basin:
    """What one method does over the learning rates of a sweep, at one number of uses."""

    label: str
    best_rate: float
    """The rate of the highest interquartile mean."""
    best: Estimate
    """The end there."""
    best_is_edge: bool
    """Whether no lower or no higher rate was run: then the best may lie outside."""
    piece: Piece
    width: Estimate
    """Decades. The interval draws seeds, the same ones at every rate, and leaves the line as it
    is."""
    worst: float
    """The lowest end of any seed at the best rate."""
    tenfold: Estimate | None
    """The end at ten times the best rate; None if that rate was not run."""


def piece(rates: Sequence[float], ends: Sequence[float] | np.ndarray, line: float) -> Piece:
    """The piece of a curve above a line that holds the curve's highest point.

    Args:
        rates: learning rates, rising.
        ends: the curve's height at each.

    Raises:
        ValueError: rates that do not rise, or another number of ends.
    """
    places, heights = (
        np.log10(np.asarray(rates, dtype=np.float64)),
        np.asarray(ends, dtype=np.float64),
    )
    if len(places) != len(heights) or len(places) == 0 or (np.diff(places) <= 0).any():
        raise ValueError(
            f"rates: expected rising rates, one for each of {len(heights)} ends, got {list(rates)}"
        )
    top = int(heights.argmax())
    if not heights[top] >= line:
        return Piece(math.nan, math.nan)

    def edge(step: int) -> tuple[float, bool]:
        i = top
        while 0 <= i + step < len(heights) and heights[i + step] >= line:
            i += step
        if not 0 <= i + step < len(heights):
            return float(places[i]), True
        share = (heights[i] - line) / (heights[i] - heights[i + step])
        return float(places[i] + share * (places[i + step] - places[i])), False

    (low, open_low), (high, open_high) = edge(-1), edge(1)
    return Piece(10**low, 10**high, open_low, open_high)


def basins(runs: pd.DataFrame, *, within: float = WITHIN) -> list[Basin]:
    """The basin of every label, in the table's order.

    Args:
        runs: finished runs of a sweep with the axis `lr`, at one point of every other axis.
        within: how far below the best of all the line lies.

    Raises:
        ValueError: a label that was not run with every seed at every rate.
    """
    within = checks.number("within", within, above=0)
    ends = _curves(runs)
    rates = next(iter(ends.values()))[0]
    line = _line([matrix for _, matrix in ends.values()], within)
    return [_basin(label, rates, matrix, line) for label, (_, matrix) in ends.items()]


def over_rates(sweep: Sweep, runs: pd.DataFrame, measure: str) -> tuple[Sweep, pd.DataFrame]:
    """The sweep without its axis of learning rates, and a row for each label, place and seed with
    one of `OVER_RATES`.

    Each seed has a curve of its own. The line, and the best rate of `tenfold`, are those of all
    seeds together. A label whose runs do not cover every rate has no number (NaN), nor has one
    whose tenfold rate was not run. `edge` says of a row that its number could be another one if the
    grid went further.
    """
    import pandas as pd

    others = [axis for axis in sweep.axes if axis.name != LR]
    names = [axis.name for axis in others]
    rows: list[dict[str, Any]] = []
    for place, here in runs.groupby(names, sort=False) if names else [((), runs)]:
        whole: dict[str, tuple[list[float], np.ndarray]] = {}
        for label, part in here.groupby("label", sort=False):
            try:
                whole[str(label)] = _by_rate(str(label), part)
            except ValueError:
                continue
        line = _line([matrix for _, matrix in whole.values()], WITHIN) if whole else math.nan
        for label, part in here.groupby("label", sort=False):
            seeds = sorted({*part["seed"]})
            none = [(math.nan, False)] * len(seeds)
            values = _of_seeds(*whole[str(label)], line, measure) if str(label) in whole else none
            fixed = dict(zip(names, place, strict=True))
            rows += [
                {
                    "label": label,
                    **fixed,
                    "seed": seed,
                    "status": "done",
                    measure: value,
                    AT_EDGE: edge,
                }
                for seed, (value, edge) in zip(seeds, values, strict=True)
            ]
    columns = ["label", *names, "seed", "status", measure, AT_EDGE]
    return replace(sweep, axes=others), pd.DataFrame(rows, columns=columns)


# -- inside


def _curves(runs: pd.DataFrame) -> dict[str, tuple[list[float], np.ndarray]]:
    """What `_by_rate` gives for every label, in the table's order."""
    return {
        str(label): _by_rate(str(label), part) for label, part in runs.groupby("label", sort=False)
    }


def _by_rate(label: str, runs: pd.DataFrame) -> tuple[list[float], np.ndarray]:
    """The rates, rising, and the ends [seeds, rates]."""
    table = runs.assign(**{LR: runs[LR].astype(float)}).pivot(
        index="seed", columns=LR, values="sampled"
    )
    if not len(table) or table.isna().any(axis=None):
        raise ValueError(
            f"runs: expected every seed of {label!r} at every rate, got "
            f"{int(table.notna().sum().sum())}"
        )
    return [float(rate) for rate in table.columns], table.to_numpy(dtype=np.float64)


def _line(ends: Sequence[np.ndarray], within: float) -> float:
    return max(iqm(column) for matrix in ends for column in matrix.T) - within


def _basin(label: str, rates: list[float], ends: np.ndarray, line: float) -> Basin:
    middles = [iqm(column) for column in ends.T]
    top, found = int(np.argmax(middles)), piece(rates, middles, line)
    ten = _tenfold(rates, top)

    def width(*drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        from scipy.stats import trim_mean

        curves = np.stack([trim_mean(one, 0.25, axis=axis) for one in drawn], -1)
        return np.array(
            [piece(rates, curve, line).width for curve in curves.reshape(-1, len(rates))]
        ).reshape(curves.shape[:-1])

    bounds = percentiles(list(ends.T), width, RESAMPLES // 10, paired=True)
    return Basin(
        label,
        rates[top],
        interval(ends[:, top]),
        top in (0, len(rates) - 1),
        found,
        Estimate(found.width, *bounds),
        float(ends[:, top].min()),
        None if ten is None else interval(ends[:, ten]),
    )


def _tenfold(rates: list[float], top: int) -> int | None:
    """The place of the rate ten times that at `top`; None if it was not run."""
    near = [i for i, rate in enumerate(rates) if abs(rate / rates[top] / TENFOLD - 1) < 0.2]
    return near[0] if near else None


def _of_seeds(
    rates: list[float], ends: np.ndarray, line: float, measure: str
) -> list[tuple[float, bool]]:
    """The measure of each seed's curve, and whether the grid ended too early to be sure of it."""
    top = int(np.argmax([iqm(column) for column in ends.T]))
    if measure == "tenfold":
        ten = _tenfold(rates, top)
        values = [math.nan] * len(ends) if ten is None else ends[:, ten].tolist()
        return [(value, top in (0, len(rates) - 1)) for value in values]
    pieces = [piece(rates, row, line) for row in ends]
    if measure == "basin_width":
        return [(one.width, one.edge) for one in pieces]
    return [(math.log10(one.high), one.open_high) for one in pieces]
