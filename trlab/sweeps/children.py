"""GRPO and three of its children beside PPO, every batch used sixteen times, at three rates: twelve
fresh seeds.

The batch, the rates and the evaluation are those of `basin`; thresholds are the defaults. GRPO
divides an advantage by its group's standard deviation; Dr.GRPO does not, and sums a completion's
tokens over a constant; DAPO raises the upper edge of the window and leaves out groups of equal
rewards; GMPO clips at e^-0.4 and e^0.4 and takes a completion's geometric mean.

Known beforehand: `dial_methods` (each batch used once, where they end nearly alike), `basin` (PPO at
the three rates, other seeds). Predictions were written down before any run of this sweep.
"""

from trlab import Axis, Prediction, Sweep, Variant
from trlab.sweeps._third_round import BATCH, BUDGET

CHILDREN = ("grpo", "dr_grpo", "dapo", "gmpo")
SLOW, FAST = {"lr": "1e-05"}, {"lr": "0.0001"}

SWEEP = Sweep(
    title="GRPO and its children, used again",
    round=5,
    text="Where a batch is used 16 times, do GRPO, Dr.GRPO, DAPO and GMPO end where PPO's clip "
    "does?",
    variants=[Variant(name) for name in ("ppo", *CHILDREN)],
    axes=[Axis("lr", (1e-5, 3e-5, 1e-4))],
    seeds=range(7340, 7352),
    train={**BATCH, "epochs": 16},
    budget=BUDGET,
    predictions=[
        *(
            Prediction(
                f"at 1e-5 {name} ends where PPO does, within .02",
                higher="ppo",
                lower=name,
                within=0.02,
                at=SLOW,
            )
            for name in CHILDREN
        ),
        Prediction(
            "at 1e-4 DAPO ends below PPO: its window is wider above 1",
            higher="ppo",
            lower="dapo",
            at=FAST,
        ),
        Prediction(
            "and GMPO too, whose window is wider on both sides",
            higher="ppo",
            lower="gmpo",
            at=FAST,
        ),
        Prediction(
            "and GRPO: divided by the standard deviation, rare successes pull harder",
            higher="ppo",
            lower="grpo",
            at=FAST,
        ),
    ],
)
