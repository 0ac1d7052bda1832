"""The corners of `two_samplers` at a third of the rate: the simplest rival of anything that is seen at
3e-4 is that the rate is too high.

Known beforehand, one run late with another seed: R .967, R centered .488, A .057, A centered .103;
four bits, R .06. Predictions were written down before any run of this sweep.
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
    title="one pull, two samplers: a third of the rate",
    text="Is what the pull does at 3e-4 seen at 1e-4?",
    variants=pick(PLAIN, CENTERED),
    axes=[samplers(LATE, ROUNDED)],
    seeds=range(8840, 8852),
    train=trained(1e-4),
    predictions=[
        *corners(rounded=True),
        Prediction("rounded, plain rewards end below .2", 0.2, PLAIN, at=at(ROUNDED)),
    ],
)
