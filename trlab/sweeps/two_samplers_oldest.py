"""As `two_samplers_rivals`, 256 updates late: two thirds of a run then learn from what the first
policy wrote.

Known beforehand, one run with another seed: plain rewards 256 late .951, greedy 1.000. Predictions
were written down before any run of this sweep.

Cut before the first run, to a time that there is: 64 updates late, and TROLL.
"""

from trlab import Prediction
from trlab.sweeps._two_samplers import CLIP, PLAIN, RATE, asked, at, pick, samplers, trained

OLDEST = "lag 256"

SWEEP = asked(
    title="plain rewards on the oldest answers",
    text="Do plain rewards still hold where two thirds of a run learn from the first policy's answers?",
    variants=pick(PLAIN, CLIP),
    axes=[samplers(**{OLDEST: {"lag": 256}})],
    seeds=range(8920, 8932),
    train=trained(RATE),
    predictions=[
        Prediction("256 late they end above .9", PLAIN, 0.9, at=at(OLDEST)),
        Prediction("and above the clip", PLAIN, CLIP, at=at(OLDEST)),
        Prediction("and greedily above .95", PLAIN, 0.95, "greedy", at=at(OLDEST)),
    ],
)
