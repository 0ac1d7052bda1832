"""The map of `basin_map` at narrower thresholds: a third and a tenth of the default, 16 uses of a batch.

SAPO's temperature and PSPO's share narrow as they grow, so theirs are multiplied by three and ten instead. A method
without a region has its bound on the gradient's norm divided. What is expected, written down before the run:

- a narrower threshold moves a curve to the right and does not raise it: its best end stays within .02 of the default's;
- PPO at a tenth (eps .02) still learns at 3e-4, where the default does not;
- a smaller bound on the gradient's norm changes next to nothing: Adam divides it out.
"""

from trlab import Axis, Sweep
from trlab.sweeps._narrow import NARROW, NARROWER
from trlab.sweeps._third import BATCH, BUDGET, RATES

SWEEP = Sweep(
    title="a map of narrower thresholds",
    round=3,
    text="Does a narrower threshold widen the range of learning rates that a method bears at 16 uses?",
    variants=NARROWER,
    axes=[Axis("lr", RATES), Axis("narrow", NARROW)],
    seeds=(900, 901),
    train={**BATCH, "epochs": 16},
    budget=BUDGET,
)
