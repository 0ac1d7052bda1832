"""The corners of `two_samplers` with plain gradient descent: no momentum, no clip of the gradient's norm.

AdamW moves a weight by about the learning rate however small its gradient is, so a drift that is small
beside the covariance is not small beside the step. If what the pull does is AdamW's, it is gone here.
Another explanation of the late half (derived here): of a push without a ratio only the pull looks at
the policy as it is; the rest is what the sampler knew, `lag` updates ago. A feedback that comes late
is stable as long as rate x lag is small, whatever the optimiser; with a pull that is strong enough it
is stable at every age. Then centered rewards hold late at small rates, and fall at a higher one at
which plain rewards still hold.

Known beforehand, one run with another seed at .003 and .01. Four bits: R .05 .06, R centered .89
.89, A .88 .88. Late: A .87 .06, R .92 .92, R centered .92 .92. So the rounded half was seen and the
late half was not: centered rewards held, too. Predictions were written down before any run of this
sweep.

Cut before the first run, to a time that there is: A centered, and the clip.
"""

from trlab import Axis, Prediction
from trlab.sweeps._two_samplers import (
    ADVANTAGES,
    CENTERED,
    LATE,
    PLAIN,
    ROUNDED,
    asked,
    pick,
    samplers,
    trained,
)

NO_CLIP = 1e6
"""A norm that no gradient here reaches."""
SLOW, FAST, HOT = "0.003", "0.01", "0.02"
TRAIN = trained(0.0, optimizer="sgd", betas=(0.0, 0.95), grad_norm=NO_CLIP)
del TRAIN["lr"]

SWEEP = asked(
    title="one pull, two samplers: plain gradient descent",
    text="Is what the pull does AdamW's?",
    variants=pick(PLAIN, CENTERED, ADVANTAGES),
    axes=[samplers(LATE, ROUNDED), Axis("lr", (0.003, 0.01, 0.02))],
    seeds=range(8940, 8952),
    train=TRAIN,
    predictions=[
        Prediction(
            "rounded, centered rewards end above plain ones",
            CENTERED,
            PLAIN,
            at={"sampler": ROUNDED, "lr": FAST},
        ),
        Prediction("and plain ones below .3", 0.3, PLAIN, at={"sampler": ROUNDED, "lr": FAST}),
        Prediction(
            "late, plain and centered rewards end alike, within .05",
            PLAIN,
            CENTERED,
            within=0.05,
            at={"sampler": LATE, "lr": FAST},
        ),
        Prediction(
            "and advantages below both: below centered ones",
            CENTERED,
            ADVANTAGES,
            at={"sampler": LATE, "lr": FAST},
        ),
        Prediction(
            "at .02, late, plain rewards end above centered ones",
            PLAIN,
            CENTERED,
            at={"sampler": LATE, "lr": HOT},
        ),
        Prediction(
            "advantages still hold at .003: above .7",
            ADVANTAGES,
            0.7,
            at={"sampler": LATE, "lr": SLOW},
        ),
    ],
)
