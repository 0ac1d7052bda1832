"""The corners of `two_samplers` on `spend`, where a prompt has thousands of right answers.

Known beforehand, one run with another seed at 1e-4: late R .958 with 15.2 different right answers of
16, R centered .049, A .001; four bits R .953 with 8.3, R centered .840, A .046. So on this task the
rounded half was not seen in the pilot, and the prediction says so. Predictions were written down
before any run of this sweep.
"""

from trlab import Prediction
from trlab.sweeps._two_samplers import (
    CENTERED,
    LATE,
    PLAIN,
    ROUNDED,
    asked,
    at,
    corners,
    pick,
    samplers,
    trained,
)

SWEEP = asked(
    title="one pull, two samplers: many right answers",
    text="Does the pull hold a late run and harm a rounded one where there are many right answers?",
    variants=pick(PLAIN, CENTERED),
    axes=[samplers(LATE, ROUNDED)],
    task="spend",
    seeds=range(8860, 8872),
    train=trained(1e-4),
    predictions=[
        *corners(rounded=False),
        Prediction(
            "rounded, plain rewards end above centered ones here", PLAIN, CENTERED, at=at(ROUNDED)
        ),
        Prediction(
            "late, plain rewards leave more different right answers than rounded ones do: 12 of 16",
            PLAIN,
            12,
            "distinct",
            at=at(LATE),
        ),
    ],
)
