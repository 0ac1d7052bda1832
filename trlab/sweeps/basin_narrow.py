"""The basin with narrower regions: a third and a tenth of each threshold, every batch used 16
times.

A region could buy two things by being narrow: it could hold at higher rates and lose nothing at
lower ones (a wider basin), or it could only trade the one for the other (the same basin, further to
the right), as GSPO's clip seems to in `basin`.

Known beforehand: the defaults' ends in `basin` (at 1e-5 PPO, DPPO and TROLL .91; at 1e-4: .69, .62,
.74; at 3e-4: .13, .06, .55), and that a tenth of PPO's window reached .865 at 1e-4 and 32 updates
in the second round. Predictions were written down before any run of this sweep. The seeds 1308 to
1311 were added after the first eight had left some of the predictions undecided.
"""

from trlab import Axis, Prediction, Sweep, Variant
from trlab.sweeps._third_round import BATCH, BUDGET, RATES

SHARES = {"": 1.0, "-third": 1 / 3, "-tenth": 0.1}
SLOW, BELOW, ABOVE, FAST = ({"lr": lr} for lr in ("1e-05", "3e-05", "0.0001", "0.0003"))

SWEEP = Sweep(
    title="narrower regions",
    round=3,
    text="Does a narrower region work over more learning rates, or over higher ones in place of "
    "lower ones?",
    variants=[
        Variant(
            method,
            {name: share * value for name, value in default.items()},
            label=f"{label}{suffix}",
        )
        for label, method, default in (
            ("ppo", "ppo", {"eps_low": 0.2, "eps_high": 0.2}),
            ("dppo-tv", "dppo", {"delta_tv": 0.15}),
            ("troll", "troll", {"delta_kl": 0.05}),
        )
        for suffix, share in SHARES.items()
    ],
    axes=[Axis("lr", RATES[1:-1])],
    seeds=range(1300, 1312),
    train={**BATCH, "epochs": 16},
    budget=BUDGET,
    predictions=[
        Prediction(
            "at 1e-4 a tenth of PPO's window ends higher", higher="ppo-tenth", lower="ppo", at=ABOVE
        ),
        Prediction("and at three times that rate", higher="ppo-tenth", lower="ppo", at=FAST),
        Prediction(
            "so does a tenth of DPPO's threshold at 1e-4",
            higher="dppo-tv-tenth",
            lower="dppo-tv",
            at=ABOVE,
        ),
        Prediction("and a tenth of TROLL's radius", higher="troll-tenth", lower="troll", at=ABOVE),
        Prediction(
            "TROLL's at three times that rate too", higher="troll-tenth", lower="troll", at=FAST
        ),
        Prediction(
            "a third costs nothing where the default is best: at 1e-5 PPO's ends are alike",
            higher="ppo",
            lower="ppo-third",
            within=0.02,
            at=SLOW,
        ),
        Prediction("a tenth costs something there", higher="ppo", lower="ppo-tenth", at=SLOW),
        Prediction(
            "a tenth costs take-off at 3e-5: PPO",
            higher="ppo",
            lower="ppo-tenth",
            measure="take_off",
            at=BELOW,
        ),
        Prediction("and TROLL", higher="troll", lower="troll-tenth", measure="take_off", at=BELOW),
        Prediction(
            "a third of PPO's window falls at a higher rate",
            higher="ppo-third",
            lower="ppo",
            measure="basin_high",
        ),
        Prediction(
            "a third of TROLL's radius too",
            higher="troll-third",
            lower="troll",
            measure="basin_high",
        ),
        Prediction(
            "a narrow region widens the basin and does not only shift it: PPO's",
            higher="ppo-third",
            lower="ppo",
            measure="basin_width",
        ),
        Prediction("and TROLL's", higher="troll-third", lower="troll", measure="basin_width"),
        Prediction(
            "at 3e-4 a projection with a tenth of its radius keeps more than a clip with a tenth "
            "of its window",
            higher="troll-tenth",
            lower="ppo-tenth",
            at=FAST,
        ),
    ],
)
