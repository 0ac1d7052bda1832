"""How settings are chosen before methods are compared: one written rule, the same budget for each,
seeds of its own.

Of the configurations that a method was tried with (its threshold by its learning rate), by the runs
of a recorded sweep:

1. a configuration's score is its mean accuracy over the tuning seeds; one with a failed run has
   none;
2. those within `NEAR` of the best score count as equally good;
3. of these the one that moved the policy least wins: the smallest mean divergence per batch.

The third step keeps a choice among equals from being the luck of three seeds, and it is the same
for every method. What was chosen is a function of the record (`chosen`), written nowhere else. A
choice is compared on other seeds: a sweep whose `seeds` hold one of `tuned_on` is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from trlab.sweep import Sweep, Variant, product
from trlib.errors import unknown

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


def chosen(sweep: Sweep) -> list[Variant]:
    """The variants of a recorded tuning sweep, each with what the rule chose for it from the runs
    with `sweep.seeds`.

    Raises:
        RecordError: the sweep has not been recorded, or not whole.
    """
    from trlab.cells import settled

    runs = tuning_runs(sweep)
    choices = {choice.label: choice for choice in choose(runs, [axis.name for axis in sweep.axes])}
    variants = []
    for variant in sweep.variants:
        if variant.name not in choices:
            raise unknown("a tuned variant", variant.name, choices)
        choice = choices[variant.name]
        settings, train = settled(sweep, variant, _arguments(sweep, variant, choice.at))
        chosen_one = replace(
            variant,
            label=variant.name,
            settings=settings,
            train=train,
            instead={},  # of the axes that have been chosen from
            edges=choice.edges,
        )
        variants.append(chosen_one)
    return variants


def chosen_at_each(sweep: Sweep, axis: str) -> list[Variant]:
    """The variants of a recorded tuning sweep, each with what the rule chose for it at every point
    of `axis`: a batch that is used once needs a different learning rate from one that is used
    sixteen times.

    Raises:
        RecordError: the sweep has not been recorded, or not whole.
        ValueError: the sweep has no such axis.
    """
    names = [one.name for one in sweep.axes]
    if axis not in names:
        raise unknown("axis", axis, names)
    runs, others = tuning_runs(sweep), [name for name in names if name != axis]
    at_point = {point: choose(part, others) for point, part in runs.groupby(axis, sort=False)}
    choices = {(point, choice.label): choice for point, some in at_point.items() for choice in some}
    variants = []
    for variant in sweep.variants:
        instead: dict[str, dict[str, Any]] = {}
        edges: list[str] = []
        for point in at_point:
            choice = choices[point, variant.name]
            instead[str(point)] = _arguments(sweep, variant, {**choice.at, axis: str(point)})
            edges += choice.edges
        variants.append(
            replace(
                variant,
                label=variant.name,
                instead={axis: instead},
                edges=tuple(dict.fromkeys(edges)),
            )
        )
    return variants


def _arguments(sweep: Sweep, variant: Variant, at: Mapping[str, str]) -> dict[str, Any]:
    """What a variant takes at a point of the axes, by axis and label."""
    from trlab.cells import own_arguments

    (arguments,) = (arguments for labels, arguments in product(sweep.axes) if labels == at)
    return own_arguments(sweep, variant, at, arguments)


def rates_at(
    runs: pd.DataFrame, distances: Mapping[str, float], measure: str = "kl_median"
) -> dict[str, dict[str, float]]:
    """The learning rates at which runs move so far, by label and point, to three digits.

    log measure = a + b log lr, by label, least squares over its runs. Only the rates count at
    which the median run moves between a quarter and four times as far, or else the two that are
    nearest.

    Args:
        runs: with the columns `label`, `train` and the measure, at several learning rates.
        distances: by point: the distance that a batch shall have.
        measure: which distance.
    """
    runs = runs.assign(
        rate=np.log10([json.loads(train)["lr"] for train in runs["train"]]),
        moved=np.log10(runs[measure].to_numpy(dtype=float)),
    )
    found: dict[str, dict[str, float]] = {}
    for label, own in runs.groupby("label", sort=False):
        found[str(label)] = {}
        for point, value in distances.items():
            off = (own.groupby("rate")["moved"].median() - np.log10(value)).abs().sort_values()
            near = own[own["rate"].isin(off.index[: max(2, (off <= np.log10(4)).sum())])]
            slope, height = np.polyfit(near["rate"], near["moved"], 1)
            rate = 10 ** ((np.log10(value) - height) / slope)
            found[str(label)][point] = float(f"{rate:.3g}")
    return found


def tuning_runs(sweep: Sweep, *, derived: bool = False) -> pd.DataFrame:
    """The runs of a recorded sweep that others' settings are chosen from.

    Args:
        derived: with the measures that follow from histories.

    Raises:
        RecordError: the sweep has not been recorded, or not with all its seeds.
    """
    from trlab.measures import derive
    from trlab.record import RecordError, is_recorded, load, path_of_runs

    folder = path_of_runs(sweep.name).parent
    if not is_recorded(sweep.name):
        raise RecordError(
            f"record: expected the tuning runs of {sweep.name!r} in {str(folder)!r}, got none; "
            f"`trlib sweep {sweep.name}` makes them"
        )
    record = load(folder, histories=derived)
    runs = record.runs()
    if missing := sorted({*sweep.seeds} - {*runs["seed"].tolist()}):
        raise RecordError(
            f"record: expected tuning runs of {sweep.name!r} with seeds {missing} in "
            f"{str(folder)!r}, got none"
        )
    if derived:
        runs = derive(runs, record.history(record.rows))
    return runs[runs["seed"].isin(sweep.seeds)]


def summary(sweep: Sweep, runs: pd.DataFrame, *, each: str = "") -> pd.DataFrame:
    """One row per variant: what was chosen, its score, the best one's, and the axes at whose end
    the choice stands.

    Args:
        each: an axis at every point of which the rule chooses, as in `chosen_at_each`; empty: none.
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
