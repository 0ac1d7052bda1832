"""Distance or refitting, twice more: .05 and .2 nats per token and batch, between and beyond the
distances of `distance`.

Arms, data and measures are those of `distance`. At .2 TROLL is missing: its runs do not move so
far at any rate that is recorded.

The rates come from every recorded run of these arms at any rate (`distance`, `basin`, `basin_map`,
`basin_narrow`, `horizon`, `refit`, `refit_size`): a line through the logarithms of distance and
rate, over the rates at which an arm moves between a third and three times as far. `distance` had
interpolated over longer gaps, and PPO went a sixth to a third too far. A pilot by bisection with
two seeds was planned. It would be less exact: at one rate the distances of runs scatter by about a
fourth, and each of these lines rests on 30 to 64 runs. But TROLL's has only two beyond .05, and at
.2 GSPO's line and that of parts end below their distance.

Known beforehand: those records. Near .05 and .2 they say: no region again .81 at .056 and .30 at
.27; parts .91 at .12 and .85 at .17; PPO .70 at .063 and .08 at .34; GSPO .72 at .11 and .61 at
.14; TROLL .54 at .032 and .10 at .075. Predictions were written down before any run of this sweep.
The risky ones are that at .2 PPO ends below a small step, that GSPO ends where the small step does,
and that parts end above .75.
"""

from dataclasses import replace

from trlab import Prediction
from trlab.sweeps.distance import SWEEP as NEAR
from trlab.sweeps.distance import arm

RATES = {
    "0.05": {
        "pg_is-again": 4.23e-5,
        "pg_is-parts": 1.43e-4,
        "ppo-again": 8.5e-5,
        "gspo-again": 1.75e-4,
        "troll-again": 6.3e-4,
    },
    "0.2": {
        "pg_is-again": 8.57e-5,
        "pg_is-parts": 3.48e-4,
        "ppo-again": 2.03e-4,
        "gspo-again": 3.88e-4,
    },
}
"""The rate at which each is expected to move so many nats per token and batch."""

SWEEP = replace(
    NEAR,
    title="equal distances, between and beyond",
    text="At .05 and .2 nats per batch too, does it matter whether a batch is fitted again, and "
    "whether a region or a small step kept the distance?",
    variants=[arm(name, nats, lr) for nats, rates in RATES.items() for name, lr in rates.items()],
    seeds=range(2600, 2616),
    predictions=[
        Prediction(
            "at .05 nats, data that are used once end above data that are fitted again",
            higher="pg_is-parts, 0.05",
            lower="pg_is-again, 0.05",
        ),
        Prediction("and at .2", higher="pg_is-parts, 0.2", lower="pg_is-again, 0.2"),
        Prediction("there parts end above .75", higher="pg_is-parts, 0.2", lower=0.75),
        Prediction(
            "at .05 a small step ends above PPO's region",
            higher="pg_is-again, 0.05",
            lower="ppo-again, 0.05",
        ),
        Prediction("and at .2", higher="pg_is-again, 0.2", lower="ppo-again, 0.2"),
        Prediction(
            "TROLL ends below a small step of the same distance",
            higher="pg_is-again, 0.05",
            lower="troll-again, 0.05",
        ),
        Prediction(
            "GSPO ends where the small step does at .05, within .05",
            higher="gspo-again, 0.05",
            lower="pg_is-again, 0.05",
            within=0.05,
        ),
        Prediction(
            "and at .2, within .15",
            higher="gspo-again, 0.2",
            lower="pg_is-again, 0.2",
            within=0.15,
        ),
        Prediction(
            "fitting again fits more luck: at .05 again's is larger than parts'",
            higher="pg_is-again, 0.05",
            lower="pg_is-parts, 0.05",
            measure="luck",
        ),
        Prediction(
            "and at .2", higher="pg_is-again, 0.2", lower="pg_is-parts, 0.2", measure="luck"
        ),
    ],
)
