"""The basin with sixteen fresh seeds: five methods, five learning rates, every batch used 16 times.

Known beforehand: one of the two seeds of `basin_map`, up to 3e-4 (ends at 1e-5: no region .91, PPO
.92, DPPO .91, TROLL .91, GSPO .66; at 1e-4: .39, .66, .52, .79, .89; at 3e-4: no region .04, PPO
.13), and single runs like them before it. Predictions were written down before any run of this
sweep; `trlab.basin` had defined what a basin is before the map was run to its end.
"""

from trlab import Axis, Prediction, Sweep
from trlab.sweeps._second_round import pick
from trlab.sweeps._third_round import BATCH, BUDGET, RATES

SLOW, BELOW, ABOVE, FAST = ({"lr": lr} for lr in ("1e-05", "3e-05", "0.0001", "0.0003"))

SWEEP = Sweep(
    title="the basin of learning rates",
    round=3,
    text="What does a trust region buy that a smaller learning rate does not, when every batch is "
    "used 16 times?",
    variants=pick("pg_is", "ppo", "dppo-tv", "gspo", "troll"),
    axes=[Axis("lr", RATES[:-1])],
    seeds=range(1000, 1016),
    train={**BATCH, "epochs": 16},
    budget=BUDGET,
    predictions=[
        Prediction(
            "at a rate of 1e-5 no region ends where PPO ends, within .02",
            higher="ppo",
            lower="pg_is",
            within=0.02,
            at=SLOW,
        ),
        Prediction(
            "and where TROLL ends: a small step is a region too",
            higher="troll",
            lower="pg_is",
            within=0.02,
            at=SLOW,
        ),
        Prediction(
            "three times that rate, PPO is above no region", higher="ppo", lower="pg_is", at=BELOW
        ),
        Prediction("and at ten times it by far", higher="ppo", lower="pg_is", at=ABOVE),
        Prediction(
            "there DPPO's mask is above no region too", higher="dppo-tv", lower="pg_is", at=ABOVE
        ),
        Prediction("TROLL is above PPO", higher="troll", lower="ppo", at=ABOVE),
        Prediction("and GSPO above TROLL", higher="gspo", lower="troll", at=ABOVE),
        Prediction(
            "GSPO pays with speed: at 1e-5, where the others are best, it ends below PPO",
            higher="ppo",
            lower="gspo",
            at=SLOW,
        ),
        Prediction(
            "at 3e-5 a clip costs take-off: no region's first ten batches are better",
            higher="pg_is",
            lower="ppo",
            measure="take_off",
            at=BELOW,
        ),
        Prediction(
            "PPO's basin is wider than no region's",
            higher="ppo",
            lower="pg_is",
            measure="basin_width",
        ),
        Prediction(
            "GSPO's is shifted, not wider: PPO's is the wider one",
            higher="ppo",
            lower="gspo",
            measure="basin_width",
        ),
        Prediction(
            "GSPO's ends at a higher rate than PPO's",
            higher="gspo",
            lower="ppo",
            measure="basin_high",
        ),
        Prediction("TROLL's too", higher="troll", lower="ppo", measure="basin_high"),
        Prediction(
            "at ten times its best rate PPO keeps more than no region",
            higher="ppo",
            lower="pg_is",
            measure="tenfold",
        ),
        Prediction("TROLL keeps more than PPO", higher="troll", lower="ppo", measure="tenfold"),
        Prediction(
            "at 3e-4 every clip is lost: PPO ends below .3", higher=0.3, lower="ppo", at=FAST
        ),
    ],
)
