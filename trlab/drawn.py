"""A named figure, drawn from a record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trlab import plots
from trlab import tradeoff_plots as tradeoffs
from trlab.figures import Figure
from trlab.findings import before, finished, scores
from trlab.measures import LEVEL, derive
from trlab.nats import Trade, frontier
from trlab.statistics import by_task
from trlab.tradeoffs import at_matched_reward, by_batch, by_difficulty
from trlib.drawing import Drawing
from trlib.evaluation import Estimate

if TYPE_CHECKING:
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


def draw(figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame) -> Drawing:
    """The figure from a sweep's runs and histories, the record's or others of the same design.

    Variants that have no finished run where the figure needs one are left out of it, and its words for who cannot see
    it name those that it shows.

    Raises:
        ValueError: no variant can be drawn.
    """
    runs = derive(figure.of(runs), history)
    labels = list(dict.fromkeys(finished(runs)["label"])) if len(runs) else []
    if not labels:
        raise ValueError(
            f"runs: expected finished runs of the sweep {figure.sweep!r} where the figure shows them, got none"
        )
    return {
        "intervals": _intervals,
        "curves": _curves,
        "frontier": _frontier,
        "history": _history,
        "difficulty": _difficulty,
        "matched": _matched,
    }[figure.kind](figure, sweep, runs, history, labels)


def _intervals(figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, labels: list[str]) -> Drawing:
    base = before(history)
    start = [base[cell] for cell in runs["cell"] if base.get(cell) is not None and base[cell] == base[cell]]
    return plots.intervals(
        {label: by_task(label, scores(runs, label, figure.measure, [])[()]) for label in labels},
        measure=figure.words,
        reference=sum(start) / len(start) if start and figure.measure == "sampled" else None,
    )


def _curves(figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, labels: list[str]) -> Drawing:
    points = {str(point) for point in runs[figure.along].unique()}
    found = {
        label: {str(place[0]): values for place, values in scores(runs, label, figure.measure, [figure.along]).items()}
        for label in labels
    }
    whole = {
        label: {float(at): values for at, values in curve.items()}
        for label, curve in found.items()
        if curve.keys() == points
    }
    return plots.curves(
        whole,
        along=ALONG.get(figure.along, figure.along),
        measure=figure.words,
        drop=figure.drop,
        control=figure.control or None,
    )


def _frontier(figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, labels: list[str]) -> Drawing:
    good = finished(runs)
    good = good.assign(_at=good[figure.along].astype(str) if figure.along else "")
    parts = {(str(label), str(setting)): part for (label, setting), part in good.groupby(["label", "_at"], sort=False)}
    spent = {place: part["kl"].astype(float) * part["steps"].astype(float) for place, part in parts.items()}
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
    return tradeoffs.frontier(points, measure=figure.words)


def _history(figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, labels: list[str]) -> Drawing:
    return tradeoffs.histories(by_batch(runs, history, labels, figure.measure), measure=figure.words, level=figure.line)


def _difficulty(figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, labels: list[str]) -> Drawing:
    found: dict[str, dict[str, Estimate]] = {}
    for row in by_difficulty(sweep, runs).to_dict("records"):
        if row["runs"]:
            found.setdefault(row["label"], {})[row["difficulty"]] = Estimate(row["value"], row["low"], row["high"])
    return tradeoffs.difficulties(found, radius=figure.line)


def _matched(figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame, labels: list[str]) -> Drawing:
    level = LEVEL if figure.line is None else figure.line
    rows = at_matched_reward(sweep, runs, history, figure.measure, level).to_dict("records")
    found = {
        row["label"]: (Estimate(row["value"], row["low"], row["high"]), row["reached"], row["runs"])
        for row in rows
        if row["reached"]
    }
    return tradeoffs.matched(found, measure=figure.words, level=level)
