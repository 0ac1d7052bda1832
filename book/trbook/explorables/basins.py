"""The sweeps over learning rates, packed for `Basin`: what `trlab.basin` says of each, and the runs
it says it of.

A *panel* is what one figure can show: the runs of one sweep at one number of uses of a batch and
one threshold, with the same seeds at every rate. Every statistic of a panel is computed here, by
`trlab.basin` and `trlab.statistics`; the page only reads a curve between two rates that were run, on
the straight line over log10 of the rate. `book.build.pack.packs` writes the file.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from trbook.explorables.basin import METHODS, THRESHOLDS
from trlab import basin
from trlab.findings import at, finished
from trlab.record import read, recorded
from trlab.statistics import interval
from trlab.sweep import Sweep, product

if TYPE_CHECKING:
    import pandas as pd

    from trlib.evaluation import Estimate

SWEEPS = ("basin", "basin_map", "basin_narrow")
USES = "uses"
"""The axis whose labels are how often each batch is used."""
SUFFIXES = {"-third": THRESHOLDS[1], "-tenth": THRESHOLDS[2]}
"""How the labels of variants with narrower thresholds end."""
MEASURES = {"end": "sampled", "take_off": "take_off"}
"""What is drawn over rates, and which measure that is."""
BAND = 8
"""The seeds that an interval needs."""


def pack() -> dict[str, Any]:
    """Everything that is recorded, for the page."""
    panels = []
    for name in SWEEPS:
        sweep, runs, _ = read(name)
        panels += panels_of(sweep, runs)
    return {
        "within": basin.WITHIN,
        "tenfold": basin.TENFOLD,
        "names": METHODS,
        "records": {name: digest(name) for name in SWEEPS},
        "panels": panels,
    }


def digest(name: str) -> str:
    """What a sweep's record is now: a pack says which one it was made from."""
    runs = "".join(recorded(name)[0]["digest"])
    return hashlib.sha256(runs.encode()).hexdigest()[:12]


def panels_of(sweep: Sweep, runs: pd.DataFrame) -> list[dict[str, Any]]:
    """A panel for each number of uses and each threshold of a sweep.

    Args:
        runs: the sweep's, with `take_off` (`trlab.measures.derive`).
    """
    arms: dict[str, dict[str, str]] = {}
    for variant in sweep.variants:
        method, threshold = arm(variant.name)
        arms.setdefault(threshold, {})[variant.name] = method
    if len(arms) > 1:  # the defaults beside them have a record with more methods and more seeds
        arms.pop(THRESHOLDS[0], None)
    panels = []
    for labels, _ in product([axis for axis in sweep.axes if axis.name != basin.LR]):
        uses = labels.get(USES, str(sweep.train.get("epochs", 1)))
        here = finished(at(runs, labels))
        for threshold, methods in arms.items():
            renamed = here[here["label"].isin(list(methods))].replace({"label": methods})
            panels.append(_panel(sweep, uses, threshold, renamed))
    return panels


def arm(label: str) -> tuple[str, str]:
    """The method and the threshold of a variant: `ppo-third` is PPO with a third of its window."""
    for suffix, threshold in SUFFIXES.items():
        if label.endswith(suffix):
            return label.removesuffix(suffix), threshold
    return label, THRESHOLDS[0]


def _panel(sweep: Sweep, uses: str, threshold: str, runs: pd.DataFrame) -> dict[str, Any]:
    of = basin.basins(runs)
    best = max(of, key=lambda one: one.best.value)
    methods = {}
    for one in of:
        curves = _by_rate(runs[runs["label"] == one.label])
        methods[one.label] = {**_measured(curves), "basin": _basin(one)}
    return {
        "sweep": sweep.name,
        "title": sweep.title,
        "uses": uses,
        "threshold": threshold,
        "seeds": list(sweep.seeds),
        "few": len(sweep.seeds) < BAND,
        "rates": sorted(runs[basin.LR].astype(float).unique().tolist()),
        "batches": sweep.budget.steps,
        "prompts": sweep.budget.prompts,
        "best": {"method": best.label, "lr": best.best_rate, "end": _short(best.best.value)},
        "line": _short(best.best.value - basin.WITHIN),
        "methods": methods,
    }


def _by_rate(runs: pd.DataFrame) -> dict[str, np.ndarray]:
    """What each measure was, [seeds, rates], the rates rising."""
    runs = runs.assign(**{basin.LR: runs[basin.LR].astype(float)})
    return {
        name: runs.pivot(index="seed", columns=basin.LR, values=column).to_numpy(float)
        for name, column in MEASURES.items()
    }


def _measured(curves: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The runs, their interquartile mean at each rate and, of enough seeds, its interval."""
    packed = {}
    for name in MEASURES:
        values = curves[name]
        estimates = [interval(column) for column in values.T]
        packed[name] = {
            "curve": [_short(one.value) for one in estimates],
            "runs": [[_short(value) for value in row] for row in values],
        }
        if len(values) >= BAND:
            packed[name] |= {
                side: [_short(getattr(one, side)) for one in estimates] for side in ("low", "high")
            }
    return packed


def _basin(one: basin.Basin) -> dict[str, Any]:
    piece = one.piece
    return {
        "best_rate": one.best_rate,
        "best_is_edge": one.best_is_edge,
        "low": _short(piece.low),
        "high": _short(piece.high),
        "open_low": piece.open_low,
        "open_high": piece.open_high,
        "width": _estimate(one.width),
        "worst": _short(one.worst),
        "tenfold": None if one.tenfold is None else _estimate(one.tenfold),
    }


def _estimate(estimate: Estimate) -> list[float | None]:
    return [_short(estimate.value), _short(estimate.low), _short(estimate.high)]


def _short(number: float) -> float | None:
    """Six digits; None for NaN, which JSON does not have."""
    return None if math.isnan(number) else float(f"{number:.6g}")
