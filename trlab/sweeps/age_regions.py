"""Does a region help against age, where it does not pay against reuse?

The runs of `age`, at the ages and rates at which an unclipped run falls: PPO's clip around the policy
that wrote the batch and around the one before the update, DPPO, TROLL, and truncated importance
sampling with a cap of 2.

Around the policy before the update every ratio is 1 where a batch is used once. So *ppo, recomputed*
is the plain policy gradient, which takes old completions for its own; *tis* is the same with the
weight of a truncated ratio.

Known beforehand: the pilot of `age`, without a region. No run with one was made. Predictions were
written down before any run of this sweep, and before `age` had ended. The risky ones are that PPO's
clip around the sampler helps at every place, and that TROLL does not end above it.
"""

from dataclasses import replace

from trlab import Axis, Prediction, Variant
from trlab.sweeps._third_round import BATCH
from trlab.sweeps.age import SWEEP as AGE

AROUND, RECOMPUTED = {**BATCH, "anchor": "rollout"}, {**BATCH, "anchor": "recomputed"}
PLACES = {
    f"{age} at {rate:g}": {"lag": age, "lr": rate}
    for age, rate in ((4, 3e-4), (16, 3e-4), (64, 3e-4), (1, 1e-3), (4, 1e-3))
}
NONE, PPO, PLAIN = "unclipped", "ppo", "ppo, recomputed"
EDGE, OLD, HOT = ({"age": place} for place in ("16 at 0.0003", "64 at 0.0003", "1 at 0.001"))

SWEEP = replace(
    AGE,
    title="regions against age",
    text="Where old completions break an unclipped run, does a trust region or a truncated weight "
    "hold it?",
    variants=[
        Variant("pg_is", label=NONE, train=AROUND),
        Variant("ppo", label=PPO, train=AROUND),
        Variant("ppo", label=PLAIN, train=RECOMPUTED),
        Variant("dppo", {"delta_tv": 0.15}, label="dppo", train=AROUND),
        Variant("troll", label="troll", train=AROUND),
        Variant("tis", label="tis", train=RECOMPUTED),
    ],
    axes=[Axis("age", PLACES)],
    seeds=range(7130, 7138),
    predictions=[
        *(
            Prediction(
                f"PPO's clip around the sampler ends above no region: {place}", PPO, NONE, at=at
            )
            for place, at in (("16 at 3e-4", EDGE), ("64 at 3e-4", OLD), ("1 at 1e-3", HOT))
        ),
        Prediction("DPPO too, 16 at 3e-4", "dppo", NONE, at=EDGE),
        Prediction("TROLL too, 16 at 3e-4", "troll", NONE, at=EDGE),
        Prediction("TROLL ends no higher than PPO there", PPO, "troll", at=EDGE),
        Prediction(
            "a truncated weight does as well as the clip, within .1",
            PPO,
            "tis",
            within=0.1,
            at=EDGE,
        ),
        Prediction(
            "taking completions of age 16 for one's own ends below the clip", PPO, PLAIN, at=EDGE
        ),
        Prediction("at 1e-3 nothing saves a run of age 1: PPO ends below .8", 0.8, PPO, at=HOT),
    ],
)
