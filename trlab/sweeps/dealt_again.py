"""Noise at the distance of learning: `gated`'s run on rewards that are dealt again, at a rate at
which its median batch moves as far as the run on true rewards does.

In `gated` both arms have the rate 3e-5, where the noisy one moves five times as far (a median of
.024 nats on held-out completions, against .005). Here its rate is lower, chosen on two pilot runs
(seeds 9100 and 9101: .002 nats at 1e-5, .004 at 1.5e-5) for .005.

Known beforehand: `gated`, and the pilot's ends, .13 and .39 at 1e-5, .05 and .11 at 1.5e-5; the base
model is right in .27. Predictions were written down before any run of this sweep.
"""

from pathlib import Path

from trlab import Prediction, Sweep, Variant
from trlab.sweeps._third_round import BATCH, BUDGET

FILE = Path(__file__).with_name("_gated.py")
TRAIN = {**BATCH, "epochs": 16}

SWEEP = Sweep(
    title="rewards dealt again, at an equal distance",
    round=5,
    text="A batch whose rewards say nothing: what is left of a policy that it moves as far as true "
    "rewards move it?",
    variants=[
        Variant("pg_is", label="16", train={**TRAIN, "lr": 3e-5}),
        Variant(f"{FILE}:Permuted", label="permuted", train={**TRAIN, "lr": 1.65e-5}),
    ],
    axes=(),
    seeds=range(7360, 7372),
    budget=BUDGET,
    aside=True,
    predictions=[
        Prediction("noise ends below true rewards", "16", "permuted"),
        Prediction("and below .25: it costs what the base model could do", 0.25, "permuted"),
    ],
)
