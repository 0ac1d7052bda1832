"""The run explorer: the recorded sweeps, curve by curve, with intervals on everything."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, ClassVar

import traitlets as t

from trbook.explorables.files import data_of
from trbook.explorables.host import Packed
from trlib.errors import unknown


@cache
def _sweeps() -> dict[str, dict[str, Any]]:
    return {
        sweep["name"]: sweep for sweep in json.loads(data_of(RunExplorer.module) or "{}")["sweeps"]
    }


class RunExplorer(Packed):
    """Curves over batches with 95 % bands, final accuracy against nats, and a table of every arm's
    accuracy.

    Every number is the interquartile mean over a sweep's seeds, computed by
    `trbook.explorables.runs` when the records were packed. What is chosen stands in the address of
    a built page, and a link reproduces it.

    Raises:
        ValueError: a sweep, axis, point, method or measure that the records do not have; the
            nearest is suggested.
    """

    module: ClassVar[str] = "run_explorer"
    fallback: ClassVar[str] = (
        "Run explorer: the recorded sweeps with their intervals, as curves over batches, as "
        "accuracy against nats and as a table of final accuracies. It needs JavaScript."
    )

    room: ClassVar[tuple[int, int]] = (990, 770)

    sweep = t.Unicode("", help="A recorded sweep; empty: the first.").tag(sync=True)
    at = t.Dict(
        help="A point: axis to label; axes that are not named are at their last point."
    ).tag(sync=True)
    methods = t.List(t.Unicode(), help="The methods that are drawn; empty: a few.").tag(sync=True)
    measure = t.Unicode(
        "", help="What is drawn over batches, such as `reward` or `kl`; empty: the first."
    ).tag(sync=True)
    cell = t.Unicode("", help="The method that stands out; empty: none.").tag(sync=True)
    batch = t.CInt(-1, help="The batch that is read, from 0; -1: the last.").tag(sync=True)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        sweep = self._known("sweep", self.sweep, _sweeps()) or next(iter(_sweeps()))
        packed = _sweeps()[sweep]
        for axis, label in self.at.items():
            self._known(f"axis of {sweep}", axis, packed["axes"])
            self._known(f"{axis} of {sweep}", label, packed["axes"][axis])
        for method in self.methods:
            self._known(f"method of {sweep}", method, packed["methods"])
        self._known(f"method of {sweep}", self.cell, packed["methods"])
        self._known(f"measure of {sweep}", self.measure, packed["measures"])

    @staticmethod
    def _known(what: str, name: str, names: Any) -> str:
        if name and name not in names:
            raise unknown(f"RunExplorer, {what}", name, names)
        return name
