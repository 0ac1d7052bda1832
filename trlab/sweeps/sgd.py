"""The basin with plain gradient descent: no momentum, no clip of the gradient, every batch used 16
times.

AdamW moves a weight by about the learning rate however large the gradient is, so a small rate
bounds every step and is a region itself. A step of plain gradient descent is as long as the
gradient: a batch that a policy has left far behind can throw it as far as it likes. If a region
ever buys more than a smaller rate does, it should be here.

`pg_is, clipped` is no region with the gradient's norm clipped at 1, as every other run of the book
has it.

Known beforehand, from one seed (899) of no region, PPO and TROLL: at .01 all three end at .91; at
.03 no region ends at 0, PPO at .90, TROLL at .05; from .1 on nothing lives. Predictions were
written down before any run of this sweep. The seeds 1508 to 1511 were added after the first eight
had left some of the predictions undecided.
"""

from trlab import Axis, Prediction, Sweep, Variant
from trlab.sweeps._second_round import pick
from trlab.sweeps._third_round import BATCH, BUDGET

NO_CLIP = 1e6
"""A norm that no gradient here reaches."""
BEST, ABOVE, FAST = ({"lr": lr} for lr in ("0.01", "0.03", "0.1"))

SWEEP = Sweep(
    title="plain gradient descent",
    round=3,
    text="What does a trust region buy where a step is as long as the gradient?",
    variants=[
        *pick("pg_is", "ppo", "dppo-tv", "troll"),
        Variant("pg_is", label="pg_is, clipped", train={"grad_norm": 1.0}),
    ],
    axes=[Axis("lr", (0.001, 0.003, 0.01, 0.03, 0.1))],
    seeds=range(1500, 1512),
    train={**BATCH, "epochs": 16, "optimizer": "sgd", "betas": (0.0, 0.95), "grad_norm": NO_CLIP},
    budget=BUDGET,
    predictions=[
        Prediction(
            "at .01 no region ends where PPO ends, within .02",
            higher="ppo",
            lower="pg_is",
            within=0.02,
            at=BEST,
        ),
        Prediction(
            "at three times that rate PPO is above no region", higher="ppo", lower="pg_is", at=ABOVE
        ),
        Prediction(
            "and so is DPPO's mask",
            higher="dppo-tv",
            lower="pg_is",
            at=ABOVE,
            tested="DPPO at steps half as long: its loss divides by the limit of 16 tokens, the "
            "others' by the tokens",
        ),
        Prediction(
            "a projection pulls harder the further a policy has gone: there PPO is above TROLL",
            higher="ppo",
            lower="troll",
            at=ABOVE,
        ),
        Prediction(
            "a clip of the gradient alone is worth a region: it lifts no region there",
            higher="pg_is, clipped",
            lower="pg_is",
            at=ABOVE,
        ),
        Prediction(
            "and to where PPO ends, within .05",
            higher="ppo",
            lower="pg_is, clipped",
            within=0.05,
            at=ABOVE,
        ),
        Prediction("at .1 PPO ends below .3", higher=0.3, lower="ppo", at=FAST),
        Prediction(
            "PPO's basin is wider than no region's",
            higher="ppo",
            lower="pg_is",
            measure="basin_width",
        ),
        Prediction("and ends at a higher rate", higher="ppo", lower="pg_is", measure="basin_high"),
        Prediction("TROLL's ends below PPO's", higher="ppo", lower="troll", measure="basin_high"),
        Prediction(
            "at .01 the clip costs take-off: no region's first ten batches are better",
            higher="pg_is",
            lower="ppo",
            measure="take_off",
            at=BEST,
        ),
    ],
)
