"""How old may completions be? One update for each batch, written by the policy of L updates ago.

Nothing is fitted twice here. A run makes 384 updates, as many as 24 batches of sixteen; each is on 16
fresh prompts, which the policy of exactly L updates ago has answered, and the ratio corrects for
that. There is no region. So what a rate does at an age is the age's alone: *split* data, which start
afresh after sixteen updates, are 7.5 updates old on average and never older than fifteen.

The history keeps one batch of sixteen. `kl` there is from the old policy that wrote the batch to the
policy after its update, so it holds what L updates did; `kl_aside` is what one update did.

Known beforehand: one or two pilot runs (seeds below 7000). At 1e-4 the ages 0, 16 and 100 end at
.939, .932 and .929; at 3e-4 the ages 0, 1, 8, 16, 100 at .942, .910, (.816, .730), (.532, .842),
.556; at 1e-3 age 1 at .028 and age 16 at .008. `refit` has age 0 at 1e-4 and 3e-4 (.94, .94).
Predictions were written down before any run of this sweep. The risky one is that at 3e-4 four
updates already cost .05.
"""

from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.sweeps._third_round import BATCH

STEPS, EVERY = 384, 16
AGES = (0, 1, 4, 16, 64)
LOW, MIDDLE, HIGH = {"lr": "0.0001"}, {"lr": "0.0003"}, {"lr": "0.001"}


def name(age: int) -> str:
    return f"age {age}"


SWEEP = Sweep(
    title="how old may completions be?",
    round=5,
    text="Does the age of completions break a run by itself, where nothing is fitted twice?",
    variants=[
        Variant("pg_is", label=name(age), train={**BATCH, "lag": age, "anchor": "rollout"})
        for age in AGES
    ],
    axes=[Axis("lr", (1e-4, 3e-4, 1e-3))],
    seeds=range(7020, 7028),
    budget=Budget(steps=STEPS, prompts=2048, samples=4, common=2026),
    every=EVERY,
    aside=True,
    predictions=[
        Prediction(
            "at 1e-4 completions that are 64 updates old end where fresh ones do, within .05",
            higher=name(0),
            lower=name(64),
            within=0.05,
            at=LOW,
        ),
        Prediction("at 3e-4 age 16 ends below fresh completions", name(0), name(16), at=MIDDLE),
        Prediction("age 64 too", name(0), name(64), at=MIDDLE),
        Prediction("age 4 too", name(0), name(4), at=MIDDLE),
        Prediction("and age 4 by more than .05: it ends below .89", 0.89, name(4), at=MIDDLE),
        Prediction("age 16 ends below age 4", name(4), name(16), at=MIDDLE),
        Prediction("age 1 costs less than .05 there", name(0), name(1), within=0.05, at=MIDDLE),
        Prediction("at 1e-3 a single update of age loses all: below .3", 0.3, name(1), at=HIGH),
        Prediction("while fresh completions still end above .8", name(0), 0.8, at=HIGH),
    ],
)
