"""A named figure, drawn from a record."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from trlab import record
from trlab.basin import LR, basins, edge_ratios
from trlab.drawing import costs, rates, scores
from trlab.drawing.named import Figure
from trlab.drawing.names import called
from trlab.findings import before, finished
from trlab.findings import scores as scores_of
from trlab.measures import LEVEL, derive
from trlab.nats import Trade, frontier
from trlab.statistics import Scores, by_task, interval
from trlab.tradeoffs import at_matched_reward, by_batch, by_difficulty
from trlib.drawing import Drawing
from trlib.evaluation import Estimate

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from trlab.sweep import Sweep

ALONG = {
    "uses": "uses of a whole batch",
    "updates": "updates per batch, in minibatches of two prompts",
    "reuse": "updates per batch, in minibatches of two prompts",
    "minibatches": "minibatches of a batch",
    "threshold": "threshold, as a multiple of the default",
}
"""What a reader calls the axes of curves."""
MARGINS = [m / 100 for m in range(2, 21)]
"""The losses of accuracy at which upper edges are compared."""


def draw(figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame) -> Drawing:
    """The figure from a sweep's runs and histories, the record's or others of the same design.

    Variants that have no finished run where the figure needs one are left out. The alternative text
    names those that are drawn.

    Raises:
        ValueError: no variant can be drawn.
    """
    runs = derive(figure.of(runs), history)
    if len(runs):  # from here on by the names that a reader knows
        runs = runs.assign(label=[called(str(label)) for label in runs["label"]])
    figure = replace(
        figure,
        only=tuple(map(called, figure.only)),
        control=called(figure.control),
        called={called(label): name for label, name in figure.called.items()},
    )
    labels = list(dict.fromkeys(finished(runs)["label"])) if len(runs) else []
    if not labels:
        raise ValueError(
            f"runs: expected finished runs of the sweep {figure.sweep!r} where the figure shows "
            "them, got none"
        )
    return {
        "intervals": _intervals,
        "curves": _curves,
        "improvements": _improvements,
        "profiles": _profiles,
        "frontier": _frontier,
        "history": _history,
        "difficulty": _difficulty,
        "matched": _matched,
        "rates": _rates,
        "basin": _basin,
        "basins": _basins,
        "speed": _speed,
        "edges": _edges,
        "against": _against,
    }[figure.kind](figure, sweep, runs, history, labels)


def _intervals(
    figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, labels: list[str]
) -> Drawing:
    base = before(history)
    start = [
        base[cell]
        for cell in runs["cell"]
        if base.get(cell) is not None and base[cell] == base[cell]
    ]
    return scores.intervals(
        _tasks(figure, runs, labels),
        measure=figure.words,
        reference=sum(start) / len(start) if start and figure.measure == "sampled" else None,
    )


def _improvements(
    figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, labels: list[str]
) -> Drawing:
    tasks = _tasks(figure, runs, labels)
    if figure.control not in tasks:
        raise ValueError(f"control: expected one of {', '.join(tasks)}, got {figure.control!r}")
    control = tasks[figure.control]
    others = {label: values for label, values in tasks.items() if label != figure.control}
    return scores.improvements(
        {f"{label} > {figure.control}": (values, control) for label, values in others.items()}
    )


def _profiles(
    figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, labels: list[str]
) -> Drawing:
    return scores.profiles(_tasks(figure, runs, labels), measure=figure.words)


def _tasks(figure: Figure, runs: pd.DataFrame, labels: list[str]) -> dict[str, Scores]:
    """The runs of each variant, the points of all axes together; in the order of the figure's
    names, if it has some."""
    ordered = [label for label in figure.called if label in labels] or labels
    return {
        figure.called.get(label, label): by_task(
            label, scores_of(runs, label, figure.measure, [])[()]
        )
        for label in ordered
    }


def _curves(
    figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, labels: list[str]
) -> Drawing:
    points = {str(point) for point in runs[figure.along].unique()}
    by_label = {
        label: {
            str(place[0]): values
            for place, values in scores_of(runs, label, figure.measure, [figure.along]).items()
        }
        for label in labels
    }
    whole = {
        label: {float(at): values for at, values in curve.items()}
        for label, curve in by_label.items()
        if curve.keys() == points
    }
    return scores.curves(
        whole,
        along=figure.axis or ALONG.get(figure.along, figure.along),
        measure=figure.words,
        drop=figure.drop,
        control=figure.control or None,
    )


def _ends(figure: Figure, runs: pd.DataFrame, labels: list[str]) -> rates.Curves:
    """The runs of each variant by learning rate."""
    found: dict[str, dict[float, np.ndarray]] = {}
    for label in labels:
        by_rate = scores_of(runs, label, figure.measure, [LR])
        found[label] = {
            float(place[0]): values
            for place, values in sorted(by_rate.items(), key=lambda one: float(one[0][0]))
        }
    return found


def _rates(
    figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, labels: list[str]
) -> Drawing:
    if rates.by_method(labels):
        return rates.each(_ends(figure, runs, labels), measure=figure.words)
    points = list(dict.fromkeys(runs[figure.along].astype(str))) if figure.along else [""]
    places = {
        f"{point} {figure.axis.removesuffix('s') if point == '1' else figure.axis}".strip(): _ends(
            figure, runs[runs[figure.along].astype(str) == point] if figure.along else runs, labels
        )
        for point in points
    }
    return rates.curves(places, measure=figure.words)


def _basin(
    figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, labels: list[str]
) -> Drawing:
    return rates.basin(_ends(figure, runs, labels), basins(finished(runs)), measure=figure.words)


def _basins(
    figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, labels: list[str]
) -> Drawing:
    found = basins(finished(runs))
    return rates.bars(found, sorted({*runs[LR].astype(float)}))


def _edges(
    figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, labels: list[str]
) -> Drawing:
    good = finished(runs)
    places = (
        {
            f", {point} {figure.along}": part
            for point, part in good.groupby(figure.along, sort=False)
        }
        if figure.along
        else {"": good}
    )
    found = {
        f"{label}{place}": ratios
        for place, part in places.items()
        for label, ratios in edge_ratios(part, figure.control, MARGINS).items()
    }
    return rates.edges(found, MARGINS, control=figure.control)


def _speed(
    figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, labels: list[str]
) -> Drawing:
    first, last = (
        _ends(replace(figure, measure=measure), runs, labels)
        for measure in ("take_off", figure.measure)
    )
    pairs = {
        label: {rate: (interval(first[label][rate]), interval(ends[rate])) for rate in ends}
        for label, ends in last.items()
    }
    return rates.speed(pairs, measure=figure.words)


def _against(
    figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, labels: list[str]
) -> Drawing:
    arms = []
    for part in (runs, *(figure.of(record.read(name)[1]) for name in figure.beside)):
        good = finished(part)
        for _, arm in good.groupby([good["method"], good["train"].map(_design)], sort=False):
            places = [here for _, here in arm.groupby(arm["train"].map(_rate), sort=True)]
            points = [
                (interval(here[figure.along].to_numpy()), interval(here[figure.measure].to_numpy()))
                for here in places
            ]
            first = arm.iloc[0]
            arms.append(
                rates.Arm(
                    called(first["method"]), rates.data_of(json.loads(first["train"])), points
                )
            )
    return rates.against(
        arms, across=figure.axis, measure=figure.words, logarithmic=figure.along.startswith("kl")
    )


def _design(train: str) -> str:
    """A run's arguments without its rate."""
    return json.dumps(
        {name: value for name, value in json.loads(train).items() if name != LR}, sort_keys=True
    )


def _rate(train: str) -> float:
    return float(json.loads(train)["lr"])


def _frontier(
    figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, labels: list[str]
) -> Drawing:
    good = finished(runs)
    good = good.assign(_at=good[figure.along].astype(str) if figure.along else "")
    parts = {
        (str(label), str(setting)): part
        for (label, setting), part in good.groupby(["label", "_at"], sort=False)
    }
    spent = {
        place: part["kl"].astype(float) * part["steps"].astype(float)
        for place, part in parts.items()
    }
    trades = frontier(
        {
            " ".join(place): (parts[place][figure.measure].to_numpy(), nats.to_numpy())
            for place, nats in spent.items()
            if nats.notna().all()
        }
    )
    points: dict[str, dict[str, Trade]] = {}
    for label, setting in parts:
        if (name := " ".join((label, setting))) in trades:
            points.setdefault(label, {})[setting] = trades[name]
    return costs.frontier(points, measure=figure.words)


def _history(
    figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, labels: list[str]
) -> Drawing:
    return costs.histories(
        by_batch(runs, history, labels, figure.measure), measure=figure.words, level=figure.line
    )


def _difficulty(
    figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, labels: list[str]
) -> Drawing:
    curves: dict[str, dict[str, Estimate]] = {}
    for row in by_difficulty(sweep, runs).to_dict("records"):
        if row["runs"]:
            curves.setdefault(row["label"], {})[row["difficulty"]] = Estimate(
                row["value"], row["low"], row["high"]
            )
    return costs.difficulties(curves, radius=figure.line)


def _matched(
    figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, labels: list[str]
) -> Drawing:
    level = LEVEL if figure.line is None else figure.line
    rows = at_matched_reward(sweep, runs, history, figure.measure, level).to_dict("records")
    reached = {
        row["label"]: (Estimate(row["value"], row["low"], row["high"]), row["reached"], row["runs"])
        for row in rows
        if row["reached"]
    }
    return costs.matched(reached, measure=figure.words, level=level)
