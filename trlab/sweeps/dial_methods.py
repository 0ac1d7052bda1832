"""Every method on `dial` with the loop's defaults.

Known beforehand: `benchmarks/dial` had run grpo and dr_grpo in this regime, and one cell each of
ppo and troll was run to estimate the time (both .92 sampled). An earlier record of seeds 0 to 2,
made before prefixes were shared, had all of these within .91 to .92 but for trpo at .72; the
predictions are those that stood before it.
"""

from trlab import Budget, Prediction, Sweep, Variant

METHODS = (
    *("reinforce", "pg_is", "trpo", "ppo", "ppo_critic", "ppo_penalty", "grpo", "dr_grpo", "dapo"),
    *("gspo", "cispo", "sapo", "gmpo", "pspo", "dppo", "quatro", "troll"),
)

SWEEP = Sweep(
    title="every method, one update",
    round=1,
    text="Does every method learn dial with the loop's defaults, one update a batch, and how long "
    "does it take?",
    variants=[Variant(name) for name in METHODS],
    budget=Budget(steps=60),
    predictions=[
        *(
            Prediction(
                f"{name} learns: sampled accuracy from .26 to above .8", higher=name, lower=0.8
            )
            for name in METHODS
        ),
        Prediction(
            "dividing by the group's deviation is faster where rewards are rare: grpo ends above "
            "dr_grpo",
            higher="grpo",
            lower="dr_grpo",
        ),
    ],
)
