"""How many completions does a batch need for how far it goes, and does it matter how often they are
fitted?

Nine arms cross the two: 16, 64 or 256 prompts with 8 completions each, every one of them fitted 1, 4
or 16 times, sixteen updates a batch in all of them (`trlab.sweeps._fifth_round`). A tenth, *same 16*, has
as many completions as 256 prompts, of sixteen prompts. None has a region. Each arm runs at two
distances, .02 and .1 nats per token: the median over a run's batches of KL(mu || pi) on completions
that no update sees. Its learning rates for them come from lines through the logarithms of rate and
distance (`trlab.tuning.rates_at`): of `completions_map`, two seeds of its own and four rates per arm
(six for 16 x 1), and for 16 x 16 and 256 x 1 also of `distance` and `distance_between`, sixteen
seeds at each of four rates. How well they hit the distance is part of the record.

Known beforehand: these maps, one evaluation of 256 prompts for each of its runs. It says of ends near
.02 about .8 for 16 prompts, .88 for 64 and .9 for 256, and near .1 that 16 x 16 falls below .6.
Also `distance`, `distance_between` and `refit_size`, whose arms 16 x 16, 64 x 16, 256 x 16 and 256 x
1 have other distances. Predictions were written down before any run of this sweep. What is claimed
of fits, that once or sixteen times makes no difference at .02 and some at .1, is the risky part, and
so is that few prompts are as bad as few completions (*same 16*).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trlab import Axis, Prediction, Sweep
from trlab.sweep import load_sweep
from trlab.sweeps._fifth_round import ARMS, BUDGET, SAME, TASK, arm
from trlab.tuning import rates_at, tuning_runs

if TYPE_CHECKING:
    import pandas as pd

DISTANCES = {"0.02": 0.02, "0.1": 0.1}
MAPS = ("completions_map", "completions_map_more")
EARLIER = {"pg_is-again": "16 x 16", "pg_is-parts": "256 x 1"}
"""What the arms of `distance` and `distance_between` are here."""
NEAR, FAR = {"nats": "0.02"}, {"nats": "0.1"}


def mapped() -> pd.DataFrame:
    """Every run that the rates are read off."""
    import pandas as pd

    maps = [tuning_runs(load_sweep(name), derived=True) for name in MAPS]
    for name in ("distance", "distance_between"):
        runs = tuning_runs(load_sweep(name), derived=True)
        label = runs["label"].str.partition(",")[0].map(EARLIER)
        maps.append(runs.assign(label=label)[label.notna()])
    return pd.concat(maps)


def SWEEP() -> Sweep:
    """The sweep, with the rates that the records give."""
    rates = rates_at(mapped(), DISTANCES)
    return Sweep(
        title="how many completions, how often",
        round=5,
        text="At equal distances on held-out completions, does a run's end go with how many "
        "completions a batch holds, or with how often it fits them?",
        variants=[arm(label, "nats", rates[label]) for label in ARMS],
        axes=[Axis("nats", {point: {} for point in DISTANCES})],
        task=TASK,
        policy="dial",
        seeds=range(7000, 7012),
        tuned_on=(6900, 6901),
        budget=BUDGET,
        aside=True,
        predictions=[
            *(
                Prediction(f"at {nats} nats {text}, each fitted {fitted}", high, low, at=at)
                for nats, at in ((0.02, NEAR), (0.1, FAR))
                for fits, fitted in ((1, "once"), (16, "sixteen times"))
                for text, high, low in (
                    ("64 prompts end above 16", f"64 x {fits}", f"16 x {fits}"),
                    ("256 prompts end above 64", f"256 x {fits}", f"64 x {fits}"),
                )
            ),
            *(
                Prediction(
                    f"at .02 nats it hardly matters how often {prompts} prompts are fitted: within "
                    ".04",
                    f"{prompts} x 1",
                    f"{prompts} x 16",
                    within=0.04,
                    at=NEAR,
                )
                for prompts in (16, 64, 256)
            ),
            *(
                Prediction(
                    f"at .1 nats it does: {prompts} prompts that are fitted once end higher",
                    f"{prompts} x 1",
                    f"{prompts} x 16",
                    at=FAR,
                )
                for prompts in (16, 64, 256)
            ),
            *(
                Prediction(
                    f"many completions of few prompts end below as many of many prompts, at {nats}",
                    "256 x 1",
                    SAME,
                    at=at,
                )
                for nats, at in ((0.02, NEAR), (0.1, FAR))
            ),
            Prediction(
                "at .02 nats they end no higher than few completions of as few prompts: within .04",
                SAME,
                "16 x 1",
                within=0.04,
                at=NEAR,
            ),
            Prediction(
                "luck is that of the number of completions: 16 prompts fit more of it than 256 at .02",
                "16 x 16",
                "256 x 16",
                measure="luck",
                at=NEAR,
            ),
        ],
    )
