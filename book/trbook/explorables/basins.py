"""The sweeps over learning rates, packed for `Basin`: what `trlab.basin` says of each, and the runs
it says it of.

A *panel* is what one figure can show: the runs of one sweep at one number of uses of a batch and
one threshold. Every statistic of a panel is computed here, by `trlab.basin` and `trlab.statistics`;
the page only reads a curve between two rates that were run, on the straight line over log10 of the
rate. `book.build.pack.packs` writes the file. A sweep that has no record yet has no panel.
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
from trlab.record import RECORDS, is_recorded, read
from trlab.statistics import interval
from trlab.sweep import Sweep, product

if TYPE_CHECKING:
    import pandas as pd

    from trlib.evaluation import Estimate

SWEEPS = ("basin", "basin_map", "basin_narrow")
"""What is looked for; a sweep that is not declared, or not recorded, has no panel."""
USES = "uses"
"""The axis whose labels are how often each batch is used."""
NARROW = "narrow"
"""The axis of thresholds."""
SUFFIXES = {"-third": THRESHOLDS[1], "-tenth": THRESHOLDS[2]}
"""How the labels of variants with narrower thresholds end, where the sweep has no axis of
thresholds."""
MEASURES = {"end": "sampled", "take_off": "take_off"}
"""What is drawn over rates, and which measure that is."""
BAND = 8
"""The seeds that an interval needs."""


def pack() -> dict[str, Any]:
    """Everything that is recorded, for the page."""
    names = [name for name in SWEEPS if is_recorded(name)]
    panels = []
    for name in names:
        sweep, runs, _ = read(name)
        panels += panels_of(sweep, runs)
    return {
        "within": basin.WITHIN,
        "tenfold": basin.TENFOLD,
        "names": METHODS,
        "records": {name: digest(name) for name in names},
        "panels": panels,
    }


def digest(name: str) -> str:
    """What a sweep's record is now: a pack says which one it was made from."""
    tables = sorted((RECORDS / name).glob("*.csv*"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in tables)).hexdigest()[:12]


def panels_of(sweep: Sweep, runs: pd.DataFrame) -> list[dict[str, Any]]:
    """A panel for each point of a sweep's other axes at which there are whole curves.

    Basins are compared with the same seeds at every rate. Where a record is not complete, a panel
    has the seeds with which at least half of the methods were run at every rate; a method that
    lacks one of them is left out and named.

    Args:
        runs: the sweep's, with `take_off` (`trlab.measures.derive`).

    Raises:
        ValueError: the sweep varies something that the page does not know, or a method has no name
            here.
    """
    others = [axis for axis in sweep.axes if axis.name != basin.LR]
    unknown = {axis.name for axis in others} - {USES, NARROW}
    if unknown or len(others) == len(sweep.axes):
        got = ", ".join(axis.name for axis in sweep.axes)
        raise ValueError(
            f"sweep {sweep.name!r}: expected the axes lr and perhaps uses and narrow, got {got}"
        )
    arms: dict[str, dict[str, str]] = {}
    for variant in sweep.variants:
        method, threshold = arm(variant.name)
        arms.setdefault(threshold, {})[variant.name] = method
    if len(arms) > 1:  # the defaults beside them have a record with more methods and more seeds
        arms.pop(THRESHOLDS[0], None)
    panels = []
    for labels, _ in product(others):
        here = at(runs, labels)
        for threshold, methods in arms.items():
            renamed = here[here["label"].isin(list(methods))].replace({"label": methods})
            panels.append(
                _panel(sweep, list(methods.values()), {NARROW: threshold, **labels}, renamed)
            )
    return [panel for panel in panels if panel is not None]


def arm(label: str) -> tuple[str, str]:
    """The method and the threshold of a variant: `ppo-third` is PPO with a third of its window."""
    for suffix, threshold in SUFFIXES.items():
        if label.endswith(suffix):
            return label.removesuffix(suffix), threshold
    return label, THRESHOLDS[0]


def _panel(
    sweep: Sweep, names: list[str], labels: Mapping[str, str], runs: pd.DataFrame
) -> dict[str, Any] | None:
    if not set(names) <= set(METHODS):
        raise ValueError(
            f"sweep {sweep.name!r}: expected methods named in METHODS, got {', '.join(names)}"
        )
    good = finished(runs)
    rates = sorted(
        float(label)
        for label, _ in next(axis for axis in sweep.axes if axis.name == basin.LR).points()
    )
    complete = (
        {name: _complete(good[good["label"] == name], rates) for name in names} if len(good) else {}
    )
    seeds = [
        seed
        for seed in sweep.seeds
        if 2 * sum(seed in own for own in complete.values()) >= len(names)
    ]
    whole = [name for name, own in complete.items() if own.issuperset(seeds)]
    if not seeds or not whole:
        return None
    good = good[good["label"].isin(whole) & good["seed"].isin(seeds)]
    of = basin.basins(good)
    curves = {name: _by_rate(good[good["label"] == name]) for name in whole}
    best = max(of, key=lambda one: one.best.value)
    return {
        "sweep": sweep.name,
        "title": sweep.title,
        "uses": labels.get(USES, str(sweep.train.get("epochs", 1))),
        "threshold": labels[NARROW],
        "seeds": seeds,
        "declared": len(sweep.seeds),
        "few": len(seeds) < BAND,
        "rates": rates,
        "batches": sweep.budget.steps,
        "prompts": sweep.budget.prompts,
        "best": {"method": best.label, "lr": best.best_rate, "end": _short(best.best.value)},
        "line": _short(best.best.value - basin.WITHIN),
        "left_out": [name for name in names if name not in whole],
        "methods": {
            one.label: {**_measured(curves[one.label]), "basin": _basin(one)} for one in of
        },
    }


def _complete(runs: pd.DataFrame, rates: list[float]) -> set[int]:
    """The seeds that were run at every rate."""
    rates_of = runs[basin.LR].astype(float).groupby(runs["seed"])
    return {int(seed) for seed, run in rates_of if sorted(run) == rates}


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
