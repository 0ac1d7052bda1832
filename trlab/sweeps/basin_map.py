"""A map of the basin: ten methods at their default thresholds, six learning rates, 1, 4 and 16 uses
of a batch.

Two seeds: enough to see where something happens, too few for a sentence. `basin` asks with sixteen
fresh seeds what this map makes worth asking. What is expected, written down before the run:

- at one use all methods fall at the same rate: with every ratio at 1 there is nothing to clip
  (QUATRO and TROLL too);
- at 16 uses the best end of every method but GSPO lies within .02 of the best of all, no region
  included, between 1e-5 and 3e-5;
- at 16 uses no region is the first to fall (between 3e-5 and 1e-4), PPO and DPPO next, TROLL and
  GSPO last; nothing learns at 1e-3;
- GSPO's curve has the same height and lies about half a decade further to the right.
"""

from trlab import Axis, Sweep
from trlab.sweeps._second_round import TEN
from trlab.sweeps._third_round import BATCH, BUDGET, RATES

SWEEP = Sweep(
    title="a map over learning rates",
    round=3,
    text="Where does each method begin to fall, over learning rates and uses of a batch?",
    variants=TEN,
    axes=[Axis("lr", RATES), Axis("uses", {"1": {}, "4": {"epochs": 4}, "16": {"epochs": 16}})],
    seeds=(900, 901),
    train=BATCH,
    budget=BUDGET,
)
