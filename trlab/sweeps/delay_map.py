"""Is it a delay? Greedy and sampled ends of five update rules over the sampler's age and the learning
rate: four seeds per cell, for a figure and no verdict.

A delayed feedback makes the product of age and learning rate decide, and oscillates. An update rule
without a fixed point is lost at any age but 0, the sooner the higher the rate, and does not return.
"""

from trlab import Axis
from trlab.sweeps._one_setting import A_TIS, ARMS, R_TIS, A, R, asked, trained
from trlab.sweeps._pull import A_PULLED
from trlab.sweeps._pull import ARMS as PULL

TRAIN = trained(0.0)
del TRAIN["lr"]
KNOWN = (
    "Recorded on `dial` with AdamW at 3e-4: A and R fresh, 16 and 64 updates stale, R at 4 and 256. Pilots, "
    "one run each: A at 1e-4, 16 updates stale, .05 after a peak of .87; A with the samples of the first "
    "policy alone (lag 384) .10 after 48 batches."
)

SWEEP = asked(
    title="age times learning rate",
    text="Is what harms a stale run a delay? Ends over the sampler's age and the learning rate, `dial`.",
    question="is it a delay",
    known=KNOWN,
    variants=[
        *(arm for arm in ARMS if arm.label in (A, R, A_TIS, R_TIS)),
        *(arm for arm in PULL if arm.label == A_PULLED),
    ],
    axes=[Axis("lag", (0, 1, 4, 16, 64)), Axis("lr", (1e-4, 3e-4, 1e-3))],
    seeds=range(12500, 12504),
    train=TRAIN,
)
