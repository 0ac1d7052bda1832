"""What a real language model's map makes worth asking, with fresh seeds: SmolLM2-135M on two-digit
sums.

*Own* is the rate that the rule of `trlab.tuning` takes from the first two seeds of `real_map`. The
third came after these runs; with it the rule would take 3e-4 for PPO, not 1e-4. *Hot* is 1e-3, ten
times the best rate without a region; for the policy gradient that uses every batch once, whose best
rate is itself 1e-3, it is 3e-3.

Known beforehand: `real_map` with its two seeds. At their best rates no region ends at .59, PPO at
.56, GSPO at .56, one use at .60; at 1e-3 no region at .00 and .22, PPO at .33 and .10, GSPO at .38
and .49. Predictions were written down before any run of this sweep. The seeds 1715 to 1717 were
added after the first five had decided nothing.
"""

from dataclasses import replace

from trlab import Axis, Prediction, Sweep, Variant
from trlab.sweep import load_sweep
from trlab.tuning import chosen

MAP = replace(load_sweep("real_map"), seeds=(1700, 1701))
NONE, ONCE = "pg_is", "pg_is, once"
ASKED = (NONE, "ppo", "gspo", ONCE)
OWN_RATE, HOT_RATE = {"rate": "own"}, {"rate": "hot"}


def _own(variant: Variant) -> Variant:
    """The variant with its chosen rate at *own* alone."""
    rates = {"own": {"lr": variant.train["lr"]}}
    if variant.name == ONCE:
        rates["hot"] = {"lr": 3e-3}
    others = {name: value for name, value in variant.train.items() if name != "lr"}
    return replace(variant, train=others, instead={"rate": rates})


def SWEEP() -> Sweep:
    """The sweep, with the rates that the record of `real_map` gives."""
    return replace(
        MAP,
        title="a real language model: what the map makes worth asking",
        text="Does SmolLM2 learn more with a trust region at its own best rate, and what does the "
        "region keep at a "
        "rate that is too high?",
        variants=[_own(variant) for variant in chosen(MAP) if variant.name in ASKED],
        axes=[Axis("rate", {"own": {}, "hot": {"lr": 1e-3}})],
        seeds=range(1710, 1718),
        tuned_on=MAP.seeds,
        predictions=[
            *(
                Prediction(
                    f"at its own rate {name} ends where no region does, within .1",
                    name,
                    NONE,
                    within=0.1,
                    at=OWN_RATE,
                )
                for name in ("ppo", "gspo", ONCE)
            ),
            Prediction("there no region ends above .5", NONE, 0.5, at=OWN_RATE),
            Prediction("at 1e-3 PPO ends above no region", "ppo", NONE, at=HOT_RATE),
            Prediction("GSPO too", "gspo", NONE, at=HOT_RATE),
            Prediction("and above PPO: its window is the narrowest", "gspo", "ppo", at=HOT_RATE),
            Prediction("there no region ends below .3", 0.3, NONE, at=HOT_RATE),
            Prediction(
                "one use falls too, at three times its best rate: below .3", 0.3, ONCE, at=HOT_RATE
            ),
        ],
    )
