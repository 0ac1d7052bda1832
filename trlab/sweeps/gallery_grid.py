"""The tuning runs of `gallery`: every method's threshold by learning rate, nine configurations
each, at 8 uses.

By the rule of `trlab.tuning`, as `grid` did for the main line, with three thresholds for five, two
seeds for three and 12 batches for 20: there are three times as many methods.
"""

from trlab import Axis, Budget, Sweep
from trlab.sweeps._gallery import OBJECTIVES, RATES, TUNED_ON

SWEEP = Sweep(
    title="the gallery's tuning runs",
    round=2,
    text="Which threshold and learning rate suit each method of the gallery at 8 uses of a batch? "
    "`gallery` takes them "
    "from here.",
    variants=OBJECTIVES,
    axes=[Axis("lr", [float(rate) for rate in RATES]), Axis("threshold", (1 / 3, 1.0, 3.0))],
    seeds=TUNED_ON,
    train={"prompts": 16, "group": 8, "epochs": 8},
    budget=Budget(steps=12, prompts=128, samples=4),
)
