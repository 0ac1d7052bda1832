"""Do plain rewards lead because none of them is negative? Rewards of 1 and -1 on `spend` at 1e-4, 32
updates per batch."""

from trlab import Prediction
from trlab.sweeps._ladder import BUDGET, SIGNS, asked, trained

SWEEP = asked(
    title="plain rewards of both signs, spend",
    text="Plain rewards of 1 and 0, and of 1 and -1. `spend` at 1e-4, 32 updates per batch.",
    task="spend",
    variants=SIGNS,
    budget=BUDGET,
    seeds=range(12860, 12872),
    train=trained(1e-4),
    predictions=[
        Prediction("plain rewards end above rewards of 1 and -1", "plain rewards", "1 and -1"),
        Prediction("rewards of 1 and -1 end below a tenth", 0.1, "1 and -1"),
    ],
)
