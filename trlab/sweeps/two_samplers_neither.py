"""The arms of `two_samplers` that decide, where the sampler is neither late nor rounded, or both.

Known beforehand: late and four bits, one run each with another seed, R .92, A + .3 .86, R centered
.06; fresh, nothing. Declared with `two_samplers`, before any run, and cut out of it after one run of
each arm. Fresh: R .978, R centered .972, A .933, A + .3 .957; late and rounded: R .908, R centered
.070, A .047, A + .3 .818. The predictions are as they were.
"""

from trlab import Prediction
from trlab.sweeps._two_samplers import (
    ADVANTAGES,
    CENTERED,
    FRESH,
    LATE_ROUNDED,
    PLAIN,
    RATE,
    asked,
    at,
    pick,
    samplers,
    shifted,
    trained,
)

SWEEP = asked(
    title="one pull, two samplers: neither, and both",
    text="Does the pull do anything where the sampler is fresh and exact, and which half wins where it "
    "is late and rounded at once?",
    variants=pick(PLAIN, CENTERED, ADVANTAGES, shifted(0.3)),
    axes=[samplers(FRESH, LATE_ROUNDED)],
    seeds=range(8800, 8812),
    train=trained(RATE),
    predictions=[
        Prediction(
            "late and rounded at once, plain rewards end above .8", PLAIN, 0.8, at=at(LATE_ROUNDED)
        ),
        Prediction("and above centered ones", PLAIN, CENTERED, at=at(LATE_ROUNDED)),
        Prediction(
            "fresh and exact, plain rewards end where centered ones do, within .05",
            PLAIN,
            CENTERED,
            within=0.05,
            at=at(FRESH),
        ),
        Prediction(
            "and where advantages do, within .05", PLAIN, ADVANTAGES, within=0.05, at=at(FRESH)
        ),
    ],
)
