"""How settings are chosen before methods are compared: one written rule, the same budget for each,
seeds of its own.

Of the configurations that a method was tried with (its threshold by its learning rate), by the runs
of a recorded sweep:

1. a configuration's score is its mean accuracy over the tuning seeds; one with a failed run has
   none;
2. those within `NEAR` of the best score count as equally good;
3. of these the one that moved the policy least wins: the smallest mean divergence per batch.

The third step keeps a choice among equals from being the luck of three seeds, and it is the same
for every method. A choice is compared on other seeds: a sweep whose `seeds` hold one of `tuned_on` is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from trlab.sweep import Sweep

if TYPE_CHECKING:
    import pandas as pd

NEAR = 0.01
"""Accuracies that differ by no more are equally good."""


@dataclass(frozen=True)
class Choice:
    """What the rule took for one variant, and why."""

    label: str
    at: dict[str, str]
    """The chosen configuration, by axis."""
    score: float
    """Its mean accuracy over the tuning seeds."""
    best: float
    """The best configuration's."""
    kl: float
    """Mean divergence per batch of the chosen one, nats per token."""
    tried: int
    """Configurations that were tried."""
    edges: tuple[str, ...] = ()
    """The axes on which the choice is the first or the last point that was tried."""


def choose(runs: pd.DataFrame, axes: Sequence[str]) -> list[Choice]:
    """The rule, on the runs of a tuning sweep: a choice for every label, in the table's order.

    Raises:
        ValueError: a label whose configurations were not all run with the same seeds, or of which
            every one failed.
    """
    seeds = sorted({*runs["seed"].tolist()})
    columns = [*axes, "seed", "status", "sampled", "kl"]
    choices = []
    for label, own in runs.groupby("label", sort=False):
        places: dict[tuple[Any, ...], list[dict[Any, Any]]] = {}
        for run in own[columns].to_dict("records"):
            places.setdefault(tuple(run[axis] for axis in axes), []).append(run)
        tried = []
        for points, part in places.items():
            if (had := sorted(run["seed"] for run in part)) != seeds:
                raise ValueError(
                    f"runs: expected seeds {seeds} of {label!r} at {points}, got {had}"
                )
            if all(run["status"] == "done" for run in part):
                score, kl = (fmean(run[name] for run in part) for name in ("sampled", "kl"))
                tried.append((dict(zip(axes, points, strict=True)), score, kl))
        if not tried:
            raise ValueError(
                f"runs: expected a configuration of {label!r} without failed runs, got none"
            )
        best = max(score for _, score, _ in tried)
        at, score, kl = min((one for one in tried if one[1] >= best - NEAR), key=lambda one: one[2])
        place = {axis: str(point) for axis, point in at.items()}
        edges = tuple(axis for axis in axes if place[axis] in _ends(own[axis]))
        choices.append(Choice(str(label), place, score, best, kl, len(places), edges))
    return choices


def _ends(points: pd.Series) -> tuple[str, ...]:
    """The first and the last point of an axis of numbers; none if there are not several, or if they
    are not numbers."""
    try:
        ordered = sorted({*map(str, points)}, key=float)
    except ValueError:
        return ()
    return (ordered[0], ordered[-1]) if len(ordered) > 1 else ()


def summary(sweep: Sweep, runs: pd.DataFrame, *, each: str = "") -> pd.DataFrame:
    """One row per variant: what was chosen, its score, the best one's, and the axes at whose end
    the choice stands.

    Args:
        each: an axis at every point of which the rule chooses anew; empty: none.
    """
    import pandas as pd

    axes = [axis.name for axis in sweep.axes]
    parts = runs.groupby(each, sort=False) if each else [("", runs)]
    choices = [
        (choice, {each: str(point), **choice.at} if each else choice.at)
        for point, part in parts
        for choice in choose(part, [name for name in axes if name != each])
    ]
    labels = [variant.name for variant in sweep.variants]
    rows: list[dict[str, Any]] = []
    for choice, place in sorted(choices, key=lambda one: labels.index(one[0].label)):
        rows.append(
            {
                "label": choice.label,
                **{name: place[name] for name in axes},
                "score": choice.score,
                "best": choice.best,
                "kl": choice.kl,
                "tried": choice.tried,
                "edges": choice.edges,
            }
        )
    return pd.DataFrame(rows)
