"""A named figure, drawn from a record."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from trlab import record
from trlab.base import base_of_runs
from trlab.basin import LR
from trlab.drawing import costs, rates, scores
from trlab.drawing.arms import PUSHED, Arm, against, crossed, data_of
from trlab.drawing.display_names import display_name
from trlab.drawing.figure import Drawing
from trlab.drawing.figure_registry import Figure
from trlab.findings import finished
from trlab.findings import scores as scores_of
from trlab.kl_cost import Trade, frontier
from trlab.measures import LEVEL, derive
from trlab.statistics import Scores, by_task, interval
from trlab.tradeoffs import at_matched_reward, by_batch

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from trlab.sweep import Sweep
    from trlib.evaluation import Estimate

ALONG = {
    "uses": "epochs over a batch",
    "updates": "updates per batch, in minibatches of two prompts",
    "reuse": "updates per batch, in minibatches of two prompts",
    "minibatches": "minibatches of a batch",
    "threshold": "threshold, as a multiple of the default",
}
"""What a reader calls the axes of curves."""


def draw(figure: Figure, sweep: Sweep, runs: pd.DataFrame, history: pd.DataFrame) -> Drawing:
    """The figure from a sweep's runs and histories, the record's or others of the same design.

    Variants that have no finished run where the figure needs one are left out. The alternative text
    names those that are drawn.

    Raises:
        ValueError: no variant can be drawn.
    """
    import pandas as pd

    beside = [figure.of(record.read(name)[1]) for name in figure.beside]
    runs = pd.concat([derive(figure.of(runs), history), *beside])
    if len(runs):  # from here on by the names that a reader knows
        runs = runs.assign(label=[display_name(str(label)) for label in runs["label"]])
    figure = replace(
        figure,
        only=tuple(map(display_name, figure.only)),
        control=display_name(figure.control),
        called={display_name(label): name for label, name in figure.called.items()},
    )
    labels = list(dict.fromkeys(finished(runs)["label"])) if len(runs) else []
    if not labels:
        raise ValueError(
            f"runs: expected finished runs of the sweep {figure.sweep!r} where the figure shows "
            "them, got none"
        )
    return Shown(figure, sweep, runs, history, labels).drawn


@dataclass(frozen=True)
class Shown:
    """A figure with the runs that it shows, one method for each of its kinds."""

    figure: Figure
    sweep: Sweep
    runs: pd.DataFrame
    history: pd.DataFrame
    labels: list[str]
    """The variants that have finished runs."""

    @property
    def drawn(self) -> Drawing:
        """The figure, as its kind says."""
        drawing: Drawing = getattr(self, f"_{self.figure.kind}")()
        return drawing

    def _intervals(self) -> Drawing:
        return scores.intervals(
            self._tasks(),
            measure=self.figure.words,
            reference=self._start() if self.figure.measure == "sampled" else None,
        )

    def _start(self) -> float | None:
        """The base model's accuracy: measured as the ends are, or else the mean reward of the runs'
        first batches; None: neither is known."""
        measured = base_of_runs(self.sweep, self.runs["cell"])
        if measured:
            return measured.value
        start = [one for one in self.runs["start"] if one == one]
        return sum(start) / len(start) if start else None

    def _tasks(self) -> dict[str, Scores]:
        """The runs of each variant, the points of all axes together; in the order of the figure's
        names, if it has some."""
        ordered = [label for label in self.figure.called if label in self.labels] or self.labels
        return {
            self.figure.called.get(label, label): by_task(
                label, scores_of(self.runs, label, self.figure.measure, [])[()]
            )
            for label in ordered
        }

    def _curves(self) -> Drawing:
        points = {str(point) for point in self.runs[self.figure.along].unique()}
        by_label = {
            label: {
                str(place[0]): values
                for place, values in scores_of(
                    self.runs, label, self.figure.measure, [self.figure.along]
                ).items()
            }
            for label in self.labels
        }
        whole = {
            label: {float(at): values for at, values in curve.items()}
            for label, curve in by_label.items()
            if curve.keys() == points
        }
        return scores.curves(
            whole,
            along=self.figure.axis or ALONG.get(self.figure.along, self.figure.along),
            measure=self.figure.words,
            drop=self.figure.drop,
            control=self.figure.control or None,
        )

    def _ends(self, runs: pd.DataFrame | None = None, measure: str = "") -> rates.Curves:
        """The runs of each variant by learning rate."""
        found: dict[str, dict[float, np.ndarray]] = {}
        for label in self.labels:
            by_rate = scores_of(
                self.runs if runs is None else runs, label, measure or self.figure.measure, [LR]
            )
            found[self.figure.called.get(label, label)] = {
                float(place[0]): values
                for place, values in sorted(by_rate.items(), key=lambda one: float(one[0][0]))
            }
        return found

    def _rates(self) -> Drawing:
        if rates.by_method(self.labels):
            return rates.each(self._ends(), measure=self.figure.words)
        along, words, places = self.figure.along, self.figure.axis, {}
        for point in dict.fromkeys(self.runs[along].astype(str)) if along else [""]:
            here = self.runs[self.runs[along].astype(str) == point] if along else self.runs
            called_here = words.removesuffix("s") if point == "1" else words
            places[f"{point} {called_here}".strip()] = self._ends(here)
        return rates.curves(places, measure=self.figure.words)

    def _against(self) -> Drawing:
        good = finished(self.runs)
        arms = []
        for _, arm in good.groupby([good["method"], good["train"].map(_design)], sort=False):
            first = arm.iloc[0]
            data = data_of(json.loads(first["train"]))
            arms.append(Arm(display_name(first["method"]), data, self._points(arm)))
        return against(
            arms,
            across=self.figure.axis,
            measure=self.figure.words,
        )

    def _crossed(self) -> Drawing:
        good = finished(self.runs)
        arms = []
        for label, arm in good.groupby("label", sort=False):
            holds, _, fitted = str(label).partition(" x " if " x " in str(label) else ", ")
            data, method = PUSHED.get(str(label), (holds, fitted or "1"))
            arms.append(Arm(method, data, self._points(arm)))
        return crossed(arms, across=self.figure.axis, measure=self.figure.words)

    def _points(self, arm: pd.DataFrame) -> list[tuple[Estimate, Estimate]]:
        """An arm rate by rate: x and y."""
        places = arm.groupby([arm["train"].map(_rate), arm["sweep"]], sort=True)
        return [
            (
                interval(here[self.figure.along].to_numpy()),
                interval(here[self.figure.measure].to_numpy()),
            )
            for _, here in places
        ]

    def _frontier(self) -> Drawing:
        good = finished(self.runs)
        good = good.assign(_at=good[self.figure.along].astype(str) if self.figure.along else "")
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
                " ".join(place): (parts[place][self.figure.measure].to_numpy(), nats.to_numpy())
                for place, nats in spent.items()
                if nats.notna().all()
            }
        )
        points: dict[str, dict[str, Trade]] = {}
        for label, setting in parts:
            if (name := " ".join((label, setting))) in trades:
                points.setdefault(label, {})[setting] = trades[name]
        return costs.frontier(points, measure=self.figure.words)

    def _history(self) -> Drawing:
        found = by_batch(self.runs, self.history, self.labels, self.figure.measure)
        return costs.histories(
            {self.figure.called.get(label, label): part for label, part in found.items()},
            measure=self.figure.words,
            level=self.figure.line,
        )

    def _matched(self) -> Drawing:
        level = LEVEL if self.figure.line is None else self.figure.line
        found = at_matched_reward(self.runs, self.history, self.figure.measure, level)
        return costs.matched(found, measure=self.figure.words, level=level)


def _design(train: str) -> str:
    """A run's arguments without its rate."""
    return json.dumps(
        {name: value for name, value in json.loads(train).items() if name != LR}, sort_keys=True
    )


def _rate(train: str) -> float:
    return float(json.loads(train)["lr"])
