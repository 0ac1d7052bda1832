"""How late, how coarse: the corners of `two_samplers` at 4 and 64 updates of age and at eight bits.

Known beforehand, one or two runs with other seeds: plain rewards 64 late .975 .965, at eight bits
.979; `age` has the ratio, .57 at 64. Predictions were written down before any run of this sweep.

Cut before the first run, to a time that there is: advantages.
"""

from trlab import Prediction
from trlab.sweeps._two_samplers import (
    CENTERED,
    PLAIN,
    RATE,
    asked,
    at,
    pick,
    samplers,
    trained,
)

YOUNG, OLD, EIGHT_BITS = "lag 4", "lag 64", "int8"

SWEEP = asked(
    title="one pull, two samplers: how much of each",
    text="At which age does a pull towards the sampler begin to hold a run, and do eight bits suffice "
    "for it to carry the run off?",
    variants=pick(PLAIN, CENTERED),
    axes=[
        samplers(**{YOUNG: {"lag": 4}, OLD: {"lag": 64}, EIGHT_BITS: {"sampler": "int8"}}),
    ],
    seeds=range(8820, 8832),
    train=trained(RATE),
    predictions=[
        Prediction("64 late, plain rewards end above centered ones", PLAIN, CENTERED, at=at(OLD)),
        Prediction("and above .8", PLAIN, 0.8, at=at(OLD)),
        Prediction("4 late, they end above centered ones", PLAIN, CENTERED, at=at(YOUNG)),
        Prediction(
            "at eight bits plain and centered rewards end alike, within .05",
            PLAIN,
            CENTERED,
            within=0.05,
            at=at(EIGHT_BITS),
        ),
    ],
)
