"""The basin explorer: over which learning rates does each method work?"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, ClassVar

import traitlets as t

from trbook.explorables.files import data_of
from trbook.explorables.host import Finite, Packed

USES = ("1", "4", "16")
THRESHOLDS = ("default", "a third", "a tenth")
SEEDS = ("most", "map")
MEASURES = ("end", "take_off")
METHODS = {
    "pg_is": "unclipped",
    "ppo": "PPO's clip",
    "clip-higher": "clip-higher",
    "cispo": "CISPO",
    "gspo": "GSPO",
    "sapo": "SAPO",
    "pspo": "PSPO",
    "dppo-tv": "DPPO",
    "quatro": "QUATRO",
    "troll": "TROLL",
}
"""What the page calls each label of the sweeps."""


@cache
def _recorded() -> list[tuple[str, str]]:
    panels = json.loads(data_of(Basin.module) or "")["panels"]
    return sorted({(panel["uses"], panel["threshold"]) for panel in panels})


class Basin(Packed):
    """Where a run ends against its learning rate, a curve for each method, and each method's basin
    as a bar.

    The runs are those of the sweeps over learning rates, `basin` and its maps. The line, the basins
    and the intervals are `trlab.basin`'s and `trlab.statistics`', packed by
    `trbook.explorables.basins`. A cursor reads every curve, on the straight line over log10 of the
    rate between two rates that were run.

    Raises:
        ValueError: an unknown setting, or a number of epochs and a threshold that were not run together.
        traitlets.TraitError: a trait of the wrong type, not a finite number, or none of the names
            that it takes.
    """

    module = "basin"
    fallback = (
        "Basin: where the recorded runs of each method end against their learning rate, the line "
        "0.05 below the best end of any method, and the range of rates over which each method "
        "stays above it. It needs JavaScript."
    )

    shown: ClassVar[dict[str, dict[str, Any]]] = {
        "rate": {
            "opener": "rate",
            "methods": ["pg_is", "ppo", "dppo-tv", "troll"],
            "lr": 1e-5,
        },
    }

    uses = t.Enum(USES, "16", help=f"Epochs per batch: one of {USES}.")
    threshold = t.Enum(THRESHOLDS, "default", help=f"Each method's threshold: one of {THRESHOLDS}.")
    seeds = t.Enum(
        SEEDS,
        "most",
        help="Where two sweeps ran the same: the one with the most seeds, or the map.",
    )
    measure = t.Enum(
        MEASURES, "end", help="What is drawn: sampled accuracy at the end, or early reward."
    )
    methods = t.List(
        t.Enum(tuple(METHODS)),
        ["pg_is", "ppo", "gspo", "dppo-tv", "troll"],
        help=f"The methods drawn, of {tuple(METHODS)}.",
    )
    lr = Finite(1e-4, help="The learning rate that is read, from 3e-6 to 1e-3.")

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        if (self.uses, self.threshold) not in _recorded():
            known = ", ".join(f"{uses} with {threshold}" for uses, threshold in _recorded())
            raise ValueError(
                f"Basin: expected epochs and a threshold that were run together ({known}), "
                f"got {self.uses} with {self.threshold}"
            )
