"""The corners of `two_samplers` on `relay`, the long task.

No run of it was known beforehand. Predictions were written down before any run of this sweep; all of
them are risky.
"""

from trlab.sweeps._two_samplers import (
    CENTERED,
    LATE,
    PLAIN,
    ROUNDED,
    asked,
    corners,
    pick,
    samplers,
    trained,
)

SWEEP = asked(
    title="one pull, two samplers: the long task",
    text="Does the pull hold a late run and carry off a rounded one on a long task?",
    variants=pick(PLAIN, CENTERED),
    axes=[samplers(LATE, ROUNDED)],
    task="relay",
    seeds=range(8880, 8892),
    train=trained(1e-4),
    predictions=corners(rounded=True),
)
