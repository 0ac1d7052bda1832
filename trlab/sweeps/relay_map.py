"""A map of the methods for stale data on the long task: five learning rates, two seeds.

Two seeds show where something happens and rank nobody; `relay_best` takes its rates from here. What
is expected, written down before the run: no region's best rate is 1e-4 or 3e-4, and nearly every
method's best end is within .05 of the best of all; at 3e-3 only what drops or tapers whole
completions still learns (`topr`, `vespo`, `opsm`, `mis_seq`).
"""

from trlab import Axis, Sweep
from trlab.sweeps._relay import BUDGET, KNOBS, RATES, REGIME, VARIANTS

SWEEP = Sweep(
    title="stale and noisy: a map over learning rates",
    round=3,
    text="At which learning rate does each method for stale data learn most, where completions "
    "have 64 tokens?",
    task="relay",
    knobs=KNOBS,
    variants=VARIANTS,
    axes=[Axis("lr", RATES)],
    seeds=(1900, 1901),
    train=REGIME,
    budget=BUDGET,
)
