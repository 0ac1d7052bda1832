"""Best-of-16 sampling from the first policy, which is not trained, beside a policy that is."""

from trlab import Budget, Prediction, Sweep, Variant
from trlib.algorithms import Reference

FIRST, TRAINED = "the first policy", "β = 0.1"
NOTHING = 1e-12  # a learning rate that is lost in a weight's rounding

SWEEP = Sweep(
    round=8,
    question="reference",
    title="best-of-16 without training",
    text="Sixteen stories of the first policy, of which the reward model chooses one, and a policy that was "
    "trained on the reward model with a penalty of 0.1. Each run has prompts and samples of its own.",
    known="Chapter 14 computed best-of-n once, from 32 stories for each of 24 prompts: 1.00 of the stories were "
    "good for n = 16, and 0.97 for n = 8. In `reference_beta` single stories of twelve runs with a "
    "penalty of 0.1 were good in 0.90 [0.82, 0.96], and stories of the first policy in a third to a half of "
    "first batches.",
    task="tales",
    seeds=range(13100, 13112),
    train={"prompts": 8, "group": 4, "lr": 1.5e-3, "probe": 8},
    variants=[
        Variant("pg_is", {"reference": Reference(beta=0.0)}, FIRST, {"lr": NOTHING}),
        Variant("pg_is", {"reference": Reference()}, TRAINED),
    ],
    budget=Budget(steps=40, prompts=64, samples=16),
    predictions=[
        Prediction(
            "the best of sixteen stories of the first policy is nearly always good",
            FIRST,
            0.95,
            "best_of_most",
        ),
        Prediction(
            "a single story of the trained policy is good less often than that", 0.95, TRAINED
        ),
        Prediction(
            "best-of-16 from the first policy is as good as from the trained one, within 0.05",
            FIRST,
            TRAINED,
            "best_of_most",
            within=0.05,
        ),
    ],
)
