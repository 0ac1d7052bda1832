"""The late half of `two_samplers` where right answers are rare: `dial_rare`, whose base model answers
right in fewer than one of ten.

Known beforehand, one run each with seed 8980: late R .956, R centered .037. Predictions were written
down before any run of this sweep.
"""

from trlab.sweeps._two_samplers import (
    CENTERED,
    LATE,
    PLAIN,
    RATE,
    asked,
    corners,
    pick,
    samplers,
    trained,
)

SWEEP = asked(
    title="one pull, two samplers: right answers are rare",
    text="Does the pull hold a late run where the base model is hardly ever right?",
    variants=pick(PLAIN, CENTERED),
    axes=[samplers(LATE)],
    policy="dial_rare",
    seeds=range(10020, 10032),
    train=trained(RATE),
    predictions=corners(rounded=False),
)
