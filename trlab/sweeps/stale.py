"""Eight minibatches of two prompts, four times over: 32 updates a batch.

Known beforehand: a prototype with three seeds (none .24, PPO .54, DPPO .61, TROLL .73; only none
below TROLL was clear), `benchmarks/dial` (pg_is and ppo), and one cell each of ppo and troll, run
to estimate the time (both .80).
"""

from trlab import Budget, Prediction, Sweep
from trlab.sweeps._twelve_methods import pick

SWEEP = Sweep(
    title="32 updates",
    round=1,
    text="32 updates a batch, eight minibatches four times: what does a trust region save, and "
    "which one the most?",
    variants=pick("pg_is", "ppo", "clip-higher", "dppo-tv", "quatro", "troll"),
    train={"minibatches": 8, "epochs": 4},
    budget=Budget(steps=25),
    predictions=[
        Prediction("a clip is better than nothing", higher="ppo", lower="pg_is"),
        Prediction(
            "a mask on total variation is better than nothing", higher="dppo-tv", lower="pg_is"
        ),
        Prediction("a projection is better than nothing", higher="troll", lower="pg_is"),
        Prediction("a projection is better than a clip", higher="troll", lower="ppo"),
        Prediction(
            "without a region the policy moves further", higher="pg_is", lower="troll", measure="kl"
        ),
        Prediction(
            "under a clip the policy moves further than under a projection",
            higher="ppo",
            lower="troll",
            measure="kl",
        ),
    ],
)
