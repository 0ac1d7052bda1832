"""At an equal distance, does a region help against age?

`age_regions` compared regions at equal learning rates, where they move the policy differently far;
within a place the ends followed the distance. Here every arm has the rate at which its batches are
.03, or .1, nats away from the policy that wrote them (`age_equal_map` and `age_equal_map_more`, two
seeds of their own; the record shows how well they hit it).

Known beforehand: `age_regions`, and the maps, where TROLL falls from .80 to .24 (age 16) and from .86
to .05 (age 64) between 6e-4 and 1.2e-3, and reaches .1 nats between them. Predictions were written
down before any run of this sweep, and before the maps: that at an equal distance no region differs
from none by more than .05. The maps make those of TROLL at .1 nats unlikely; they stand as they were.
"""

from trlab import Axis, Prediction, Sweep
from trlab.sweep import load_sweep
from trlab.sweeps._aged import AGES, BUDGET, EVERY, REGIONS, aged, name
from trlab.tuning import rates_at, tuning_runs

DISTANCES = {"0.03": 0.03, "0.1": 0.1}
MAPS = tuple(load_sweep(name) for name in ("age_equal_map", "age_equal_map_more"))


def SWEEP() -> Sweep:
    """The sweep, with the rates that the maps give."""
    import pandas as pd

    mapped = pd.concat([tuning_runs(one, derived=True) for one in MAPS])
    rates = rates_at(mapped, DISTANCES, "kl_own_median")
    return Sweep(
        title="age at an equal distance",
        round=6,
        question="age",
        text="At an equal distance from the policy that wrote the batch, does a region help against "
        "age?",
        variants=[
            aged(region, age, "nats", rates[name(region, age)])
            for age in AGES
            for region in REGIONS
        ],
        axes=[Axis("nats", {point: {} for point in DISTANCES})],
        task="dial",
        seeds=range(8560, 8572),
        tuned_on=MAPS[0].seeds,
        budget=BUDGET,
        every=EVERY,
        predictions=[
            Prediction(
                f"at {nats} nats and age {age} {region} ends where no region does, within .05",
                name(region, age),
                name("none", age),
                within=0.05,
                at={"nats": nats},
            )
            for nats in DISTANCES
            for age in AGES
            for region in REGIONS
            if region != "none"
        ],
    )
