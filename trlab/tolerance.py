"""Staleness tolerance: how often a batch may be used, given as the two measured numbers of uses
between which it falls.

This number is the book's own; no paper defines it. Using a batch again helps, because it takes more
optimiser steps, and harms, because the batch is older. A control that takes as many steps, each on
a fresh batch, has only the first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trlab.statistics import DROP, finite_runs, percentiles
from trlib import checks
from trlib.evaluation import LEVEL, RESAMPLES

Runs = Mapping[float, Sequence[float] | np.ndarray]
"""Uses of a batch -> final accuracies of the runs."""


@dataclass(frozen=True)
class Bracket:
    """Two neighbouring measured numbers of uses, between which accuracy falls."""

    held: float
    """The most uses before the first fall; 0: it lies below already at the fewest that were
    measured."""
    fell: float
    """The fewest uses at which accuracy has fallen; inf: at none that was measured."""

    def __str__(self) -> str:
        if math.isinf(self.fell):
            return f"above {self.held:g}"
        return f"between {self.held:g} and {self.fell:g}" if self.held else f"below {self.fell:g}"


@dataclass(frozen=True)
class Tolerance:
    """Uses of a batch with a 95 % interval, each a bracket. `low` and `high` are None with a single
    run somewhere."""

    bracket: Bracket
    low: Bracket | None
    high: Bracket | None
    control: bool
    """Whether the fall is below a control with as many optimiser steps; else it is below one
    use."""

    def __str__(self) -> str:
        return str(self.bracket) + (f" [{self.low}; {self.high}]" if self.low != self.high else "")


def staleness_tolerance(
    accuracy: Runs,
    control: Runs | None = None,
    *,
    drop: float = DROP,
) -> Tolerance:
    """The uses of a batch between which a method's final accuracy falls `drop` below the control's.

    held = max {u : no fall at u or before},   fell = min {u : c(u) - a(u) >= drop}

    a(u) and c(u) are the interquartile means of the method's and of the control's runs at u uses.
    Without a control c(u) = a(1): then a fall may as well be that of more optimiser steps at the
    same learning rate. Nothing is interpolated: what was not measured is not known. A method may
    rise again after its first fall; see the curve.

    The interval draws runs with replacement within each number of uses, of the method and of the
    control, and gives the brackets that the bounds fall into.

    Args:
        accuracy: of the method, one use among them.
        control: of a policy that took as many optimiser steps on fresh batches, at the same numbers
            of uses.

    Raises:
        ValueError: no runs at one use, no other number of uses, one below 1, a control at other
            numbers of uses, an accuracy that is not finite.

    In the book: :eq:`staleness-tolerance`.
    """
    uses = _places("accuracy", accuracy)
    if control is not None and _places("control", control) != uses:
        raise ValueError(
            f"control: expected runs at the {', '.join(f'{u:g}' for u in uses)} uses of the "
            f"method, got {', '.join(f'{u:g}' for u in sorted(control))}"
        )
    drop = checks.number("drop", drop, above=0)
    own = [finite_runs(f"accuracy[{u:g}]", accuracy[u]) for u in uses]
    others = [] if control is None else [finite_runs(f"control[{u:g}]", control[u]) for u in uses]

    def first(*drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        return _first_fall(drawn, len(uses), drop)

    def bracket(place: float) -> Bracket | None:
        if math.isnan(place):
            return None
        at = round(place)
        return Bracket(uses[at - 1] if at else 0.0, uses[at] if at < len(uses) else math.inf)

    low, high = percentiles([*own, *others], first, LEVEL, RESAMPLES, 0)
    found = bracket(float(first(*own, *others)))
    assert found is not None
    # Between two places a percentile is interpolated; the bracket outside of it is the one that
    # covers.
    return Tolerance(
        found,
        bracket(low if math.isnan(low) else math.floor(low)),
        bracket(high if math.isnan(high) else math.ceil(high)),
        control is not None,
    )


def _places(name: str, runs: object) -> list[float]:
    """The numbers of uses, in order, checked."""
    if not isinstance(runs, Mapping):
        raise TypeError(f"{name}: expected runs by uses of a batch, got {type(runs).__name__}")
    for key in runs:
        checks.number(f"{name}: uses of a batch", key)
    uses = sorted(float(key) for key in runs)
    if len(uses) < 2 or uses[0] != 1 or not math.isfinite(uses[-1]):
        raise ValueError(
            f"{name}: expected runs at 1 use of a batch and at more, got {[f'{u:g}' for u in uses]}"
        )
    return uses


def _first_fall(drawn: Sequence[np.ndarray], count: int, drop: float) -> np.ndarray:
    """The place of the first number of uses at which accuracy has fallen, `count` where there is
    none. Runs on the last axis; the control's, if any, after the method's."""
    from scipy.stats import trim_mean

    height = np.stack([trim_mean(part, 0.25, axis=-1) for part in drawn], -1)
    reference = height[..., count:] if len(drawn) > count else height[..., :1]
    # A fall by exactly this much counts as one, whatever the rounding.
    fallen = height[..., :count] <= reference - drop + 1e-12
    return np.where(fallen.any(-1), fallen.argmax(-1), count).astype(np.float64)
