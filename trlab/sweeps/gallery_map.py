"""A map of the gallery over learning rates: every method at its defaults, a batch used once or
eight times.

Two seeds, for 24 batches: a map, from which a comparison takes its rates. `gallery_grid` had tuned
for 12, and in 29 of 31 choices the lowest rate that it tried was the best.
"""

from trlab import Axis, Sweep
from trlab.sweeps._gallery import methods
from trlab.sweeps._third_round import BATCH, BUDGET

RATES = (3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3)

SWEEP = Sweep(
    title="the gallery over learning rates",
    round=3,
    text="At which learning rate does each method of the gallery learn most, a batch used once or "
    "eight times?",
    variants=methods(RATES),
    axes=[Axis("lr", RATES), Axis("uses", {"1": {}, "8": {"epochs": 8}})],
    seeds=(910, 911),
    train=BATCH,
    budget=BUDGET,
)
