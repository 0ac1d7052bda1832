"""The gallery at its best learning rates: a batch used once or eight times, eight fresh seeds.

The rates are those that the rule of `trlab.tuning` takes from `gallery_map`, at the uses and over
the batches that are reported here. Thresholds are the defaults.

Known beforehand: `gallery`, in which rates were tuned over 12 batches and mostly to the edge of the
grid (at 8 uses REBEL .89, TREFree .89, MDPO .86, PPO .86, no region .76, LCO .57, TRPA .66, DPO
.64), and that no region ends at .907 at a rate of 2e-5. Nothing of `gallery_map` was known.
Predictions were written down before any run of either.
"""

from trlab import Axis, Prediction, Sweep
from trlab.sweep import load_sweep
from trlab.sweeps._third_round import BATCH, BUDGET
from trlab.tuning import chosen_at_each

MAP = load_sweep("gallery_map")
ONCE, OFTEN = {"uses": "1"}, {"uses": "8"}
ALIKE = (
    "pg_is",
    "bapo",
    "minpro",
    "cpgd",
    "r2vpo",
    "capo",
    "trefree",
    "pb_ppo",
    "fixpo",
    "mdpo",
    "rebel",
    "opo",
    "auon",
)
"""Those that are expected to end where PPO does, once each has its own rate."""


def SWEEP() -> Sweep:
    """The sweep, with the rates that the record of `gallery_map` gives."""
    return Sweep(
        title="the gallery, every method at its best rate",
        round=3,
        text="At its own best learning rate, what does each method of the gallery learn from a "
        "batch used once or "
        "8 times?",
        variants=chosen_at_each(MAP, "uses"),
        axes=[Axis("uses", {"1": {}, "8": {"epochs": 8}})],
        seeds=range(1900, 1908),
        tuned_on=MAP.seeds,
        train=BATCH,
        budget=BUDGET,
        predictions=[
            *(
                Prediction(
                    f"at 8 uses {name} ends where PPO does, within .02",
                    higher="ppo",
                    lower=name,
                    within=0.02,
                    at=OFTEN,
                )
                for name in ALIKE
            ),
            Prediction(
                "a mask before the move sees one update, and eight add up: CAPO moves further "
                "than PPO",
                higher="capo",
                lower="ppo",
                measure="kl",
                at=OFTEN,
            ),
            Prediction(
                "fix-ups keep the largest KL of a token small: FixPO's largest total variation is "
                "below PPO's",
                higher="ppo",
                lower="fixpo",
                measure="tv_max",
                at=OFTEN,
            ),
            Prediction(
                "order alone is less than rewards: TRPA ends below REBEL",
                higher="rebel",
                lower="trpa",
                at=OFTEN,
            ),
            Prediction(
                "pairs say less than rewards: DPO ends below PPO",
                higher="ppo",
                lower="dpo",
                at=OFTEN,
            ),
            Prediction(
                "a pull to the models before costs speed: in 24 batches SMART learns less from "
                "the expert than SFT",
                higher="sft",
                lower="smart",
                at=OFTEN,
            ),
            Prediction(
                "one number for a whole matrix is too little: the Frobenius ball ends below AdamW",
                higher="ppo",
                lower="frobenius",
                at=OFTEN,
            ),
            Prediction(
                "at one use there is nothing to clip: PPO and no region end alike, within .02",
                higher="ppo",
                lower="pg_is",
                within=0.02,
                at=ONCE,
            ),
        ],
    )
