"""Do plain rewards lead because none of them is negative? Rewards of 1 and -1 on `dial` at 1e-4, 32
updates per batch."""

from trlab import Prediction
from trlab.sweeps._ladder import BUDGET, SIGNS, asked, trained

SWEEP = asked(
    title="plain rewards of both signs, dial",
    text="Plain rewards of 1 and 0, and of 1 and -1. `dial` at 1e-4, 32 updates per batch.",
    task="dial",
    variants=SIGNS,
    budget=BUDGET,
    seeds=range(12840, 12852),
    train=trained(1e-4),
    predictions=[
        Prediction("plain rewards end above rewards of 1 and -1", "plain rewards", "1 and -1"),
        Prediction("rewards of 1 and -1 end below a tenth", 0.1, "1 and -1"),
    ],
)
