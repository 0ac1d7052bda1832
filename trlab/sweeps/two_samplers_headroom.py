"""The corners of `two_samplers` on a task that no run solves: `dial` with eight to twelve moves, where
the base model answers right in one of ten and fresh runs end near .5. Its simplest rival, imitation
of what the base model can do already, should show here.

Searched first, one run each with seeds 8980 and 8981: ten moves end at .05 to .10 at any rate that was
tried, eight to twelve at 1e-4, fresh, R .467, A .389 (greedy .56 and .48), at 3e-5 R .383, late at 3e-4
R .060. At 1e-4 late R .333, R centered .177, A .220, TROLL .096; four bits R .050, centered .332.
Predictions were written down before any run of this sweep.

One rate, not the best of three, and no clip or TROLL: cut before the first run, to a time that there
is.
"""

from trlab import Prediction
from trlab.sweeps._two_samplers import (
    ADVANTAGES,
    CENTERED,
    FRESH,
    LATE,
    PLAIN,
    ROUNDED,
    asked,
    at,
    pick,
    samplers,
    trained,
)

SWEEP = asked(
    title="one pull, two samplers: a task with headroom",
    text="Does the pull hold a late run and carry off a rounded one where no run solves the task?",
    variants=pick(PLAIN, CENTERED, ADVANTAGES),
    axes=[samplers(FRESH, LATE, ROUNDED)],
    knobs={"moves": (8, 12)},
    seeds=range(10000, 10012),
    train=trained(1e-4),
    predictions=[
        *(
            prediction
            for measure, words in (("sampled", ""), ("greedy", ", greedily"))
            for prediction in (
                Prediction(
                    f"late, plain rewards end above centered ones{words}",
                    PLAIN,
                    CENTERED,
                    measure,
                    at=at(LATE),
                ),
                Prediction(
                    f"late, plain rewards end above advantages{words}",
                    PLAIN,
                    ADVANTAGES,
                    measure,
                    at=at(LATE),
                ),
                Prediction(
                    f"rounded, centered rewards end above plain ones{words}",
                    CENTERED,
                    PLAIN,
                    measure,
                    at=at(ROUNDED),
                ),
            )
        ),
        Prediction("rounded, plain rewards end below .1", 0.1, PLAIN, at=at(ROUNDED)),
        Prediction(
            "there is headroom: fresh ones end above .4 greedily", PLAIN, 0.4, "greedy", at(FRESH)
        ),
        Prediction("and below .9", 0.9, PLAIN, "greedy", at(FRESH)),
        Prediction(
            "fresh, plain and centered rewards end alike, within .05",
            PLAIN,
            CENTERED,
            within=0.05,
            at=at(FRESH),
        ),
    ],
)
