"""Do the basin's findings hold for other base models? Two more, pretrained as the shipped one was
from other seeds.

A base model is one draw: when its arithmetic came, which openers it likes. `basin` rests on one.
Here four of its methods start from `dial_1` and `dial_2` (`trlib pretrain dial --seed 1`,
`--seed 2`), at the rate where all but GSPO are at their best and at ten times that rate, every
batch used 16 times.

Known beforehand: `basin`'s ends from the shipped model (1e-5: no region .905, PPO .908, TROLL .905,
GSPO .682; 1e-4: .27, .69, .74, .88), and single runs of the second round in which another base
model kept the order. Predictions were written down before any run of this sweep, and each is made
for both models.
"""

from trlab import Axis, Prediction, Sweep
from trlab.sweeps._second_round import pick
from trlab.sweeps._third_round import BATCH, BUDGET

BASES = ("dial_1", "dial_2")
BEST, TENFOLD = "1e-05", "0.0001"


def both(
    text: str, higher: str, lower: str, lr: str, within: float | None = None
) -> list[Prediction]:
    """One prediction for each base model."""
    return [
        Prediction(
            f"from {base}: {text}", higher, lower, at={"base": base, "lr": lr}, within=within
        )
        for base in BASES
    ]


SWEEP = Sweep(
    title="other base models",
    round=3,
    text="Does what the basin shows depend on which base model training starts from?",
    variants=pick("pg_is", "ppo", "gspo", "troll"),
    axes=[
        Axis("base", {base: {"policy": base} for base in BASES}),
        Axis("lr", (1e-5, 1e-4)),
    ],
    seeds=range(1400, 1408),
    train={**BATCH, "epochs": 16},
    budget=BUDGET,
    predictions=[
        *both(
            "at 1e-5 no region ends where PPO ends, within .02", "ppo", "pg_is", BEST, within=0.02
        ),
        *both("and where TROLL ends, within .02", "troll", "pg_is", BEST, within=0.02),
        *both("there GSPO ends below PPO", "ppo", "gspo", BEST),
        *both("at 1e-4 PPO is above no region", "ppo", "pg_is", TENFOLD),
        *both("and TROLL too", "troll", "pg_is", TENFOLD),
        *both("GSPO is above TROLL", "gspo", "troll", TENFOLD),
    ],
)
