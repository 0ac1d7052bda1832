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
from statistics import fmean
from typing import TYPE_CHECKING

from trlab.files import DONE
from trlab.sweep import Sweep

if TYPE_CHECKING:
    import pandas as pd

NEAR = 0.01
"""Accuracies that differ by no more are equally good."""


def choose(runs: pd.DataFrame, axes: Sequence[str], each: str = "") -> pd.DataFrame:
    """The rule, on the runs of a tuning sweep.

    Args:
        each: an axis at every point of which the rule chooses anew; empty: none.

    Returns:
        A row for each choice, in the table's order: `label`, the chosen configuration by axis, its
        `score`, the `best` one's, its `kl` (mean divergence per batch, nats per token), how many
        configurations were `tried`, and the axes at whose first or last point it stands, `edges`.

    Raises:
        ValueError: a label whose configurations were not all run with the same seeds, or of which
            every one failed.
    """
    import pandas as pd

    seeds = sorted({*runs["seed"].tolist()})
    tried = runs.groupby(["label", *axes], sort=False).agg(
        seeds=("seed", lambda own: tuple(sorted(own))),
        done=("status", lambda own: (own == DONE).all()),
        score=("sampled", fmean),
        kl=("kl", fmean),
    )
    for place, had in tried["seeds"].items():
        if [*had] != seeds:
            raise ValueError(f"runs: expected seeds {seeds} of {place}, got {[*had]}")
    tried, rows = tried.drop(columns="seeds").reset_index(), []
    for _, own in tried.groupby(["label", *filter(None, [each])], sort=False):
        whole = own[own["done"]]
        if whole.empty:
            label = own["label"].iloc[0]
            raise ValueError(
                f"runs: expected a configuration of {label!r} without failed runs, got none"
            )
        best = whole["score"].max()
        chosen = whole[whole["score"] >= best - NEAR].sort_values("kl", kind="stable").iloc[0]
        ends = [name for name in axes if name != each and chosen[name] in _ends(own[name])]
        more = {"best": best, "tried": len(own), "edges": tuple(ends)}
        rows.append({**chosen, **more})
    return pd.DataFrame(rows)[["label", *axes, "score", "best", "kl", "tried", "edges"]]


def _ends(points: pd.Series) -> tuple[str, ...]:
    """The first and the last point of an axis of numbers; none if there are not several, or if they
    are not numbers."""
    try:
        ordered = sorted({*map(str, points)}, key=float)
    except ValueError:
        return ()
    return (ordered[0], ordered[-1]) if len(ordered) > 1 else ()


def summary(sweep: Sweep, runs: pd.DataFrame, *, each: str = "") -> pd.DataFrame:
    """The choices (`choose`) in the order of the sweep's variants."""
    labels = [variant.name for variant in sweep.variants]
    return choose(runs, [axis.name for axis in sweep.axes], each).sort_values(
        "label", key=lambda column: column.map(labels.index), kind="stable", ignore_index=True
    )
