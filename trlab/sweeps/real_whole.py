"""SmolLM2-135M with all of its weights learning, not adapters: no region and PPO over learning
rates, with two seeds.

Adapters of rank 8 are a kind of region themselves: whatever the optimiser does, the change of a
matrix has rank 8. This map asks whether `real_map`'s curves stay when all 135 million weights move,
everything else left as it is.

Known beforehand: `real_map`, in which no region is best at 1e-4, has begun to fall at 3e-4 where
PPO is best, and is lost at 1e-3; and two batches without a region at 1e-5 that were run to see how
long they take (.65 and .38 nats). From that the rates were chosen. Expected, written down before
any run of this sweep: the same order some thirty times lower; no region is best at 3e-6, has begun
to fall at 1e-5 where PPO has not, and its best end is within .05 of PPO's.
"""

from dataclasses import replace

from trlab import Axis
from trlab.sweep import load_sweep
from trlab.sweeps._second_round import pick

MAP = load_sweep("real_map")
SWEEP = replace(
    MAP,
    title="a real language model, all weights: a map",
    text="Where does SmolLM2 fall when all of its weights learn, every batch used eight times?",
    variants=pick("pg_is", "ppo"),
    axes=[Axis("lr", (1e-6, 3e-6, 1e-5, 3e-5))],
    seeds=(1730, 1731),
    load={"chat": MAP.load["chat"]},
)
