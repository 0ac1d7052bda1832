"""Every method at its own best learning rate, at one, four and sixteen uses of a batch: sixteen
fresh seeds.

The rates are those that the rule of `trlab.tuning` takes from `basin_map`, at the uses and over the
batches that are reported here; no choice is the first or the last rate that was tried. Thresholds
are the defaults.

Known beforehand: `basin_map` with its two seeds (at sixteen uses the best ends of all ten methods
lie between .886 and .914, at four between .902 and .908, at one between .888 and .897) and `basin`,
where at 1e-5 no region ends within .02 of PPO and of TROLL. Predictions were written down before
any run of this sweep.
"""

from trlab import Axis, Prediction, Sweep
from trlab.sweep import load_sweep
from trlab.sweeps._second_round import TEN, USES
from trlab.sweeps._third_round import BATCH, BUDGET
from trlab.tuning import chosen_at_each

MAP = load_sweep("basin_map")
ONCE, FOUR, OFTEN = ({"uses": uses} for uses in ("1", "4", "16"))


def SWEEP() -> Sweep:
    """The sweep, with the rates that the record of `basin_map` gives."""
    return Sweep(
        title="every method at its best rate",
        round=3,
        text="At its own best learning rate, which method learns most from a batch that is used "
        "1, 4 or 16 times?",
        variants=chosen_at_each(MAP, "uses"),
        axes=[Axis("uses", {label: USES[label] for label in ("1", "4", "16")})],
        seeds=range(1800, 1816),
        tuned_on=MAP.seeds,
        train=BATCH,
        budget=BUDGET,
        predictions=[
            *(
                Prediction(
                    f"at 16 uses {name} ends where PPO does, within .02",
                    higher="ppo",
                    lower=name,
                    within=0.02,
                    at=OFTEN,
                )
                for name in (variant.name for variant in TEN)
                if name != "ppo"
            ),
            Prediction(
                "at 4 uses no region ends where PPO does too",
                higher="ppo",
                lower="pg_is",
                within=0.02,
                at=FOUR,
            ),
            Prediction(
                "at one use there is nothing to clip: PPO and no region end alike",
                higher="ppo",
                lower="pg_is",
                within=0.02,
                at=ONCE,
            ),
            Prediction(
                "a region lets the rate be higher, so with one a method takes off sooner: PPO "
                "before no region at 16",
                higher="ppo",
                lower="pg_is",
                measure="take_off",
                at=OFTEN,
            ),
            Prediction(
                "GSPO's clip is narrow and its rate three times as high: it takes off as PPO "
                "does, within .05",
                higher="ppo",
                lower="gspo",
                measure="take_off",
                within=0.05,
                at=OFTEN,
            ),
            Prediction(
                "sixteen uses of a batch are worth more than one: PPO above .88",
                higher="ppo",
                lower=0.88,
                at=OFTEN,
            ),
        ],
    )
